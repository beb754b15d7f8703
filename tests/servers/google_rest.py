"""The Google APIs that are spoken to over HTTP, on loopback: Compute, Cloud Storage, BigQuery, GKE, Secret Manager.

They refuse what their documentation says they refuse: labels with an old fingerprint (412, and GKE's 400), a generation
or an etag that has passed. What writes is checked to the letter (paths, parameters, no field that isn't known), and
what is answered can go wrong on purpose, before anything was done and after it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from tests.servers.http1 import Request, Response, Server

LOCATION = r"[a-z]+-[a-z]+[0-9](?:-[a-z])?"
_COMPUTE = re.compile(
    rf"/compute/v1/(projects/[^/]+/(?:zones/{LOCATION}|regions/{LOCATION}|global))/([A-Za-z]+)/([^/]+)(/setLabels)?"
)
_GKE = re.compile(rf"/v1/(projects/[^/]+/locations/{LOCATION})/(clusters|operations)/([^/:]+)(:setResourceLabels)?")
_SECRET = re.compile(rf"/v1/(projects/[^/]+/(?:locations/{LOCATION}/)?secrets/[^/]+)")
_DATASET = re.compile(r"/bigquery/v2/(projects/[^/]+/datasets/[^/]+(?:/tables/[^/]+)?)")
_BUCKET = re.compile(r"/storage/v1/b/([^/]+)")


class Thing(msgspec.Struct, kw_only=True):
    """A resource: its labels, and what changes whenever they do. ``generation`` counts all changes of it."""

    labels: dict[str, str]
    generation: int = 1

    @property
    def fingerprint(self) -> str:
        """As Compute has it: of these labels at this time."""
        return f"fp{self.generation}="


class Operation(msgspec.Struct, kw_only=True):
    """What was begun: ``left`` questions come before it is done. ``error`` is what it then says."""

    name: str
    left: int
    error: dict[str, Any] = {}

    def shown(self) -> dict[str, Any]:
        self.left -= 1
        if self.left >= 0:
            return {"name": self.name, "status": "RUNNING"}
        return {"name": self.name, "status": "DONE", **self.error}


class FakeRest:
    """``things`` are by their full resource names. ``faults`` answer instead of the service, ``lost`` after it has done
    what was asked: each is told the request and its number, and returns None where nothing goes wrong. ``between`` is
    called when a write has arrived, before it is held against what there is. ``questions``: how often an operation is
    still running; ``ends`` is what it says at its end instead of having done anything."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}
        self.faults: list[Callable[[Request, int], Response | None]] = []
        self.lost: list[Callable[[Request, int], Response | None]] = []
        self.between: Callable[[str], None] | None = None
        self.questions = 0
        self.ends: dict[str, Any] = {}
        self.operations: dict[str, Operation] = {}
        self.requests: list[Request] = []
        self.hosts: list[str] = []
        self.url = ""

    def http(self, host: str) -> str:
        """The address that stands for one of Google's."""
        self.hosts.append(host)
        return f"{self.url}/{host}"

    def put(self, name: str, labels: Mapping[str, str] | None = None) -> Thing:
        thing = self.things[name] = Thing(labels=dict(labels or {}))
        return thing

    def label(self, name: str, key: str, value: str) -> None:
        """Somebody else's change."""
        thing = self.things[name]
        thing.labels[key] = value
        thing.generation += 1

    def writes(self) -> list[Request]:
        return [request for request in self.requests if request.method != "GET"]

    def __call__(self, request: Request) -> Response:
        number = len(self.requests)
        self.requests.append(request)
        for fault in self.faults:
            if (answer := fault(request, number)) is not None:
                return answer
        answer = self._answer(request)
        for fault in self.lost:
            if (instead := fault(request, number)) is not None:
                return instead
        return answer

    def _answer(self, request: Request) -> Response:
        split = urlsplit(request.target)
        host, _, rest = split.path.removeprefix("/").partition("/")
        path = unquote(f"/{rest}")
        query = {key: values[-1] for key, values in parse_qs(split.query, keep_blank_values=True).items()}
        body = json.loads(request.body) if request.body else {}
        services: tuple[tuple[str, re.Pattern[str], Any], ...] = (
            (r"compute\.googleapis\.com", _COMPUTE, self._compute),
            (r"container\.googleapis\.com", _GKE, self._cluster),
            (rf"secretmanager\.(?:{LOCATION}\.rep\.)?googleapis\.com", _SECRET, self._secret),
            (r"bigquery\.googleapis\.com", _DATASET, self._dataset),
            (r"storage\.googleapis\.com", _BUCKET, self._bucket),
        )
        for name, form, service in services:
            match = form.fullmatch(path)
            if re.fullmatch(name, host) and match:
                found: Response = service(request, match, query, body)
                return found
        return _refused(404, "NOT_FOUND", f"no method at {request.method} {path}")

    def _written(self, name: str) -> None:
        if self.between is not None:
            self.between(name)

    def _begin(self, thing: Thing, labels: Mapping[str, str]) -> Response:
        """An operation; what it does is done when it begins, and is seen then."""
        operation = Operation(name=f"operation-{len(self.operations) + 1}", left=self.questions, error=self.ends)
        self.operations[operation.name] = operation
        if not self.ends:
            _change(thing, labels)
        return _json(operation.shown())

    def _polled(self, name: str) -> Response:
        operation = self.operations.get(name)
        return _refused(404, "", "no operation") if operation is None else _json(operation.shown())

    def _compute(self, request: Request, match: re.Match[str], query: dict[str, str], body: Any) -> Response:
        place, collection, name, setting = match.groups()
        if collection == "operations":
            return self._polled(name) if request.method == "GET" and not setting else _refused(405, "", "no method")
        known = f"//compute.googleapis.com/{place}/{collection}/{name}"
        thing = self.things.get(known)
        if thing is None:
            return _refused(404, "", f"The resource '{place}/{collection}/{name}' was not found", "notFound")
        if request.method == "GET" and not setting:
            return _json(_fields({"name": name, "labels": thing.labels, "labelFingerprint": thing.fingerprint}, query))
        if request.method != "POST" or not setting or set(body) != {"labels", "labelFingerprint"} or query:
            return _refused(400, "", "Invalid value", "invalid")
        self._written(known)
        if body["labelFingerprint"] != thing.fingerprint:
            return _refused(
                412, "", "Labels fingerprint either invalid or resource labels have changed", "conditionNotMet"
            )
        return self._begin(thing, body["labels"])

    def _cluster(self, request: Request, match: re.Match[str], query: dict[str, str], body: Any) -> Response:
        place, collection, name, setting = match.groups()
        if collection == "operations":
            return self._polled(name) if request.method == "GET" and not setting else _refused(405, "", "no method")
        project, location = place.split("/")[1::2]
        names = [
            f"//container.googleapis.com/projects/{project}/{where}/{location}/clusters/{name}"
            for where in ("locations", "zones")
        ]
        known = next((one for one in names if one in self.things), "")
        if not known:
            return _refused(404, "NOT_FOUND", f"Not found: {place}/clusters/{name}.")
        thing = self.things[known]
        if request.method == "GET" and not setting:
            return _json(
                _fields({"name": name, "resourceLabels": thing.labels, "labelFingerprint": thing.fingerprint}, query)
            )
        if request.method != "POST" or not setting or set(body) != {"resourceLabels", "labelFingerprint"} or query:
            return _refused(400, "INVALID_ARGUMENT", "Invalid value")
        self._written(known)
        if body["labelFingerprint"] != thing.fingerprint:
            said = "Labels could not be set due to fingerprint mismatch; try again with the proper fingerprint"
            return _refused(400, "FAILED_PRECONDITION", said, "failedPrecondition")
        return self._begin(thing, body["resourceLabels"])

    def _secret(self, request: Request, match: re.Match[str], query: dict[str, str], body: Any) -> Response:
        known = f"//secretmanager.googleapis.com/{match[1]}"
        thing = self.things.get(known)
        if thing is None:
            return _refused(404, "NOT_FOUND", f"Secret [{match[1]}] not found.")
        etag = f'"{thing.generation:x}"'
        if request.method == "GET":
            return _json(_fields({"name": match[1], "labels": thing.labels, "etag": etag}, query))
        if request.method != "PATCH" or set(body) != {"labels", "etag"} or query != {"updateMask": "labels"}:
            return _refused(400, "INVALID_ARGUMENT", "Invalid value")
        self._written(known)
        if body["etag"] != f'"{thing.generation:x}"':
            return _refused(400, "FAILED_PRECONDITION", "The precondition of the request has failed.")
        _change(thing, body["labels"])
        return _json({"name": match[1], "labels": thing.labels})

    def _dataset(self, request: Request, match: re.Match[str], query: dict[str, str], body: Any) -> Response:
        known = f"//bigquery.googleapis.com/{match[1]}"
        thing = self.things.get(known)
        if thing is None:
            return _refused(404, "NOT_FOUND", f"Not found: {match[1]}", "notFound")
        if query:
            return _refused(400, "INVALID_ARGUMENT", "Invalid parameter")
        if request.method == "GET":
            return _json(_fields({"id": match[1], "labels": thing.labels, "etag": f"e{thing.generation}=="}, query))
        if request.method != "PATCH" or set(body) != {"labels"}:
            return _refused(400, "INVALID_ARGUMENT", "Invalid value")
        self._written(known)
        if request.headers.get("if-match", f"e{thing.generation}==") != f"e{thing.generation}==":
            return _refused(412, "FAILED_PRECONDITION", "Precondition Failed", "conditionNotMet")
        _merge(thing, body["labels"])
        return _json({"id": match[1]})

    def _bucket(self, request: Request, match: re.Match[str], query: dict[str, str], body: Any) -> Response:
        known = f"//storage.googleapis.com/{match[1]}"
        thing = self.things.get(known)
        if thing is None:
            return _refused(404, "", "The specified bucket does not exist.", "notFound")
        if request.method == "GET":
            shown = {"name": match[1], "labels": thing.labels, "metageneration": str(thing.generation)}
            return _json(_fields(shown, query))
        if request.method != "PATCH" or set(body) != {"labels"} or not set(query) <= {"ifMetagenerationMatch"}:
            return _refused(400, "", "Invalid value", "invalid")
        self._written(known)
        if query.get("ifMetagenerationMatch", str(thing.generation)) != str(thing.generation):
            return _refused(
                412, "", "At least one of the pre-conditions you specified did not hold.", "conditionNotMet"
            )
        _merge(thing, body["labels"])
        return _json({"name": match[1]})


def _change(thing: Thing, labels: Mapping[str, str]) -> None:
    thing.labels = dict(labels)
    thing.generation += 1


def _merge(thing: Thing, labels: Mapping[str, str | None]) -> None:
    """RFC 7396: what is null goes, what isn't named stays."""
    _change(thing, {key: value for key, value in {**thing.labels, **labels}.items() if value is not None})


def _fields(shown: dict[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    """What a partial response has; Google's JSON leaves out what is empty."""
    asked = query["fields"].split(",") if "fields" in query else list(shown)
    return {key: value for key, value in shown.items() if key in asked and value != {}}


def _json(content: Mapping[str, Any], status: int = 200) -> Response:
    return Response(status=status, body=json.dumps(content).encode(), headers=(("Content-Type", "application/json"),))


def _refused(status: int, named: str, message: str, reason: str = "", *details: Mapping[str, Any]) -> Response:
    error: dict[str, Any] = {"code": status, "message": message}
    if named:
        error["status"] = named
    if reason:
        error["errors"] = [{"message": message, "domain": "global", "reason": reason}]
    if details:
        error["details"] = list(details)
    return _json({"error": error}, status)


def saying(
    status: int,
    named: str = "",
    message: str = "no",
    reason: str = "",
    *,
    details: tuple[Mapping[str, Any], ...] = (),
    times: int = 1_000_000,
    writes: bool = True,
) -> Callable[[Request, int], Response | None]:
    """A refusal instead of an answer, of so many writes (or reads)."""
    return instead(_refused(status, named, message, reason, *details), times=times, writes=writes)


def instead(
    answer: Response, *, times: int = 1_000_000, writes: bool = True
) -> Callable[[Request, int], Response | None]:
    left = times

    def fault(request: Request, _: int) -> Response | None:
        nonlocal left
        if (request.method != "GET") is not writes or left <= 0:
            return None
        left -= 1
        return answer

    return fault


@contextmanager
def serving(rest: FakeRest) -> Iterator[FakeRest]:
    """The server on a free port of loopback, for as long as the block lasts."""
    server = Server(rest)
    server.start()
    rest.url = server.url
    try:
        yield rest
    finally:
        server.stop()
