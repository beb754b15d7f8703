"""The writer of Google labels: whatever it sends is refused by Google where somebody else was quicker.

It knows of each API how labels are read, with what they are guarded and how a write ends (``table``), and hides how
that goes over the wire: projects through Resource Manager's own client, everything else over HTTP (``rest``).
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from costguard import catalog
from costguard.catalog.encoding import legal
from costguard.clouds.google.api import AbsentError, Google, WriteError, outcome, words
from costguard.clouds.google.calls import GET_OPERATION, GET_PROJECT, UPDATE_PROJECT
from costguard.clouds.google.labels.rest import Rest
from costguard.clouds.google.labels.table import Found, Row, find
from costguard.clouds.pace import Pacer, Stopped
from costguard.clouds.sighting import SourceError
from costguard.clouds.writing import Answer, Current, Edit, How, Target
from costguard.config import InventoryDoc

_MANAGER = "//cloudresourcemanager.googleapis.com/"
_PROJECT = re.compile(r"projects/[a-z0-9][a-z0-9.:-]*")
# What a fingerprint, an etag or a generation looks like; it goes into headers and parameters.
_STAMP = re.compile(r"[!-~]{1,1000}")
_OPERATION = re.compile(r"[A-Za-z0-9._-]{1,200}")
_LIMITS = catalog.LIMITS["google"]


def writer(inventory: InventoryDoc, pacer: Pacer) -> "GoogleLabels":
    """The writer for the Google Cloud of a configuration. Raises :class:`costguard.errors.UsageError` where Google's
    libraries aren't installed."""
    doc = inventory.google
    return GoogleLabels(Google(pacer, doc.quota_project if doc else None))


def hindrance(target: Target) -> str:
    """Why labels of this resource are never written here; empty where they may be. Needs none of Google's libraries."""
    found = _find(target)
    return found if isinstance(found, str) else ""


class GoogleLabels:
    """A :class:`costguard.clouds.writing.TagWriter`."""

    batch = 1

    def __init__(
        self,
        google: Google,
        *,
        patience: float = 300.0,
        pause: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """``patience`` is for how many seconds the end of an operation is waited for, ``pause`` the first wait between
        two questions about it."""
        self._google = google
        self._rest = Rest(google)
        self._patience = patience
        self._pause = pause
        self._clock = clock
        self._sleep = sleep

    def hindrance(self, target: Target) -> str:
        return hindrance(target)

    def read(self, targets: Sequence[Target]) -> Sequence[Current]:
        """What these carry now, one for one, with the fingerprint, etag or generation of the reading."""
        return [self._read(target) for target in targets]

    def write(self, edits: Sequence[Edit]) -> Sequence[Answer]:
        """Writes them one by one, each only if nobody has changed it since it was read."""
        return [self._write(edit) for edit in edits]

    def _read(self, target: Target) -> Current:
        found = _find(target)
        if isinstance(found, str):
            return Current(None, found)
        try:
            if isinstance(found, _Project):
                return self._read_project(found.name)
            row = found.row
            fields = {"fields": f"{row.labels},{row.stamp}"} if row.mask else {}
            shown = self._rest.read(row.read, found.parts, words(target.id), **fields)
        except AbsentError as error:
            return Current(None, str(error), gone=True)
        except SourceError as error:
            return Current(None, str(error))
        except Stopped:
            return Current(None, "the run was ended before it was read")
        return _current(shown.get(row.labels), shown.get(row.stamp), row.stamp)

    def _read_project(self, name: str) -> Current:
        from google.cloud.resourcemanager_v3 import Project

        shown = self._google.ask(GET_PROJECT, {"name": name}, name)
        if shown.state != Project.State.ACTIVE:
            return Current(None, "it is being deleted")
        return _current(dict(shown.labels), shown.etag, "etag")

    def _write(self, edit: Edit) -> Answer:
        seen = edit.seen
        found = _find(edit.target)
        if isinstance(found, str):
            return Answer("refused", found)
        if seen.gone:
            return Answer("gone", seen.why)
        if seen.tags is None:
            return Answer("refused", f"its labels could not be read, so that they are not written: {seen.why}")
        if not _STAMP.fullmatch(seen.stamp):
            return Answer("refused", "it was read without what would hold the write back if somebody else were quicker")
        labels = _edited(edit, seen.tags)
        if labels == dict(seen.tags):
            return Answer("done", guard="etag")
        if why := _illegal(edit, labels):
            return Answer("refused", why)
        by = UPDATE_PROJECT.method if isinstance(found, _Project) else found.row.write.method
        try:
            if isinstance(found, _Project):
                self._write_project(found.name, labels, seen.stamp)
            else:
                self._write_labels(found, words(edit.target.id), labels, seen.tags, seen.stamp)
        except WriteError as error:
            return Answer(error.how, str(error), by, "etag")
        except Stopped:
            return Answer("again", "the run was ended before it was sent", by, "etag")
        return Answer("done", by=by, guard="etag")

    def _write_project(self, name: str, labels: Mapping[str, str], stamp: str) -> None:
        request = {
            "project": {"name": name, "labels": dict(labels), "etag": stamp},
            "update_mask": {"paths": ["labels"]},
        }
        begun = self._google.begin(UPDATE_PROJECT, request, name)

        def look(operation: Any) -> Any:
            return self._google.begin(GET_OPERATION, {"name": operation.name}, name)

        ended = self._ended(begun, lambda operation: bool(operation.done), look)
        if ended.HasField("error"):
            raise _failed(ended.error.code, ended.error.message)

    def _write_labels(
        self, found: Found, about: str, labels: Mapping[str, str], were: Mapping[str, str], stamp: str
    ) -> None:
        row = found.row
        changed: dict[str, str | None] = {key: None for key in were if key not in labels}
        changed |= {key: value for key, value in labels.items() if were.get(key) != value}
        query: dict[str, str] = {}
        headers: dict[str, str] = {}
        body: dict[str, object]
        match row.way:
            case "fingerprint":
                body = {row.labels: labels, row.stamp: stamp}
            case "etag":
                body = {row.labels: labels, row.stamp: stamp}
                query = {"updateMask": row.labels}
            case "metageneration":
                body = {row.labels: changed}
                query = {"ifMetagenerationMatch": stamp}
            case "if-match":
                body = {row.labels: changed}
                headers = {"If-Match": stamp}
        begun = self._rest.write(
            row.write, found.parts, about, body, query=query, headers=headers, precondition=row.precondition
        )
        poll = row.poll
        if poll is None:
            return
        name = begun.get("name")
        if not isinstance(name, str) or not _OPERATION.fullmatch(name):
            raise WriteError(f"{row.write.method} was taken, and what it began has no name", "unknown")

        def look(_: object) -> dict[str, object]:
            return self._rest.read(poll, {**found.parts, "operation": name}, f"{name} of {about}")

        _check(row, self._ended(begun, lambda operation: operation.get("status") == "DONE", look))

    def _ended(self, operation: Any, done: Callable[[Any], bool], look: Callable[[Any], Any]) -> Any:
        """The operation when it is done. Raises :class:`WriteError` (unknown) where that can't be seen."""
        until = self._clock() + self._patience
        pause = self._pause
        while not done(operation):
            if self._clock() >= until:
                raise WriteError(f"what was begun had not ended after {self._patience:.0f} s", "unknown")
            self._sleep(pause)
            pause = min(pause * 1.5, 10.0)
            try:
                operation = look(operation)
            except Stopped:
                raise WriteError("the run was ended before what was begun had ended", "unknown") from None
            except SourceError as error:  # The question failed; what was asked about may go on.
                raise WriteError(f"how it ended can't be seen: {error}", "unknown") from error
        return operation


class _Failure(msgspec.Struct):
    """What Compute says of an operation that failed."""

    code: str = ""
    message: str = ""


class _Failures(msgspec.Struct):
    errors: list[_Failure] = []
    message: str = ""


class _Ended(msgspec.Struct, rename="camel"):
    error: _Failures | None = None
    http_error_status_code: int = 0


# Made before there are threads: two that make it at once crash msgspec (tests/test_threads.py).
msgspec.json.Decoder(_Ended)


def _check(row: Row, ended: dict[str, object]) -> None:
    """Raises :class:`WriteError` where an operation failed.

    One of Compute's that was refused has done nothing. What one of another API has done before it failed isn't
    documented, nor what it has done that failed on Google's side.
    """
    if "error" not in ended and not ended.get("httpErrorStatusCode"):
        return
    how: How = "unknown"
    try:
        told = msgspec.convert(ended, _Ended)
    except msgspec.ValidationError:
        told = _Ended()
    errors = told.error.errors if told.error else []
    said = " ".join(f"{one.code}: {one.message}" for one in errors) or (told.error.message if told.error else "")
    if row.read.api == "compute.googleapis.com":
        status = told.http_error_status_code
        codes = {one.code for one in errors}
        if status == 412 or "CONDITION_NOT_MET" in codes:
            how = "conflict"
        elif status == 404:
            how = "gone"
        elif 400 <= status < 500:
            how = "again" if codes & {"RESOURCE_NOT_READY", "RATE_LIMIT_EXCEEDED", "QUOTA_EXCEEDED"} else "refused"
    raise WriteError(f"what {row.write.method} began has failed ({words(said)})", how)


def _failed(code: int, message: str) -> WriteError:
    """Of an operation of Resource Manager's that ended with a ``google.rpc.Status``."""
    from google.api_core import exceptions

    error = exceptions.from_grpc_status(code, message)  # type: ignore[no-untyped-call]
    name = error.grpc_status_code.name if error.grpc_status_code is not None else str(code)
    return WriteError(f"what {UPDATE_PROJECT.method} began has failed ({name}: {words(message)})", outcome(error))


def _current(labels: object, stamp: object, field: str) -> Current:
    """A reading. JSON of Google's leaves out what is empty; without a stamp it is none, for nothing shows that the
    labels were among what was read."""
    if not isinstance(stamp, str) or not _STAMP.fullmatch(stamp):
        return Current(None, f"the answer has no {field}")
    try:
        shown = msgspec.convert({} if labels is None else labels, dict[str, str], strict=True)
    except msgspec.ValidationError:
        return Current(None, "the labels in the answer are no texts")
    return Current(shown, stamp=stamp)


def _edited(edit: Edit, tags: Mapping[str, str]) -> dict[str, str]:
    """All labels as they are to be."""
    kept = {key: value for key, value in tags.items() if edit.remove.get(key) != value}
    return {**kept, **edit.set}


def _illegal(edit: Edit, labels: Mapping[str, str]) -> str:
    """Why Google would not take the labels, or whose they are; empty where nothing is known against them."""
    for key in (*edit.set, *edit.remove):
        if _LIMITS.reserved and key.casefold().startswith(_LIMITS.reserved):
            return f"{words(key)} is one of the labels that Google itself sets"
    for key, value in edit.set.items():
        if not legal("google", key, "key"):
            return f"{words(key)} can't be the key of a label"
        if not legal("google", value, "value"):
            return f"{words(value)} can't be the value of a label"
    if len(labels) > _LIMITS.max_tags and len(labels) > len(edit.seen.tags or {}):
        return f"it would have {len(labels)} labels, and {_LIMITS.max_tags} are the most"
    return ""


class _Project(msgspec.Struct, frozen=True):
    """A project as Resource Manager names it: ``projects/123``."""

    name: str


def _find(target: Target) -> Found | _Project | str:
    """What there is to do with a resource; the reason why nothing is."""
    name = target.id.removeprefix(_MANAGER)
    if target.cloud == "google" and name != target.id and _PROJECT.fullmatch(name):
        return _Project(name)
    return find(target.cloud, target.id)
