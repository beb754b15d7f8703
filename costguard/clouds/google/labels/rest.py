"""Google's APIs over HTTP, one call at a time: JSON out, JSON in, and what is known where something went wrong.

A connection that breaks leaves a write unknown: it is never sent again. Answers are hostile: one that is too long, of
another shape or no JSON is none.
"""

import re
import threading
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from costguard.clouds.google.api import AbsentError, Google, WriteError, explain, outcome
from costguard.clouds.google.calls import RestCall
from costguard.clouds.google.labels.table import CALLS, region
from costguard.clouds.sighting import SourceError
from costguard.clouds.writing import How

_LONGEST = 32 << 20
"""Octets of an answer; a table's schema may have several millions."""
_HOLE = re.compile(r"\{([a-z]+)\}")

# "Google API design guide: errors": how statuses are mapped, for APIs whose answers have none of the new form.
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    410: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
# What Compute, BigQuery and Cloud Storage call one call too many; they answer 403 or 429.
_THROTTLES = frozenset({"ratelimitexceeded", "userratelimitexceeded"})
# What passes by itself and was not begun: a day's quota, and a resource that something else is being done to.
_LATER = frozenset({"quotaexceeded", "dailylimitexceeded", "resourcenotready", "resourceinusebyanotherresource"})


class _Item(msgspec.Struct):
    """One of the reasons for an error, as the older APIs give it."""

    reason: str = ""


class _Info(_Item):
    """The same as the newer ones do, among the details (``google.rpc.ErrorInfo``)."""

    metadata: dict[str, str] = {}
    domain: str = ""


class _Error(msgspec.Struct):
    message: str = ""
    status: str = ""
    errors: list[_Item] = []
    details: list[_Info] = []


class _Refusal(msgspec.Struct):
    error: _Error = msgspec.field(default_factory=_Error)


# Made before there are threads: two that make it at once crash msgspec (tests/test_threads.py).
_REFUSAL = msgspec.json.Decoder(_Refusal)


class Rest:
    """The APIs of one run. Safe to use from several threads."""

    def __init__(self, google: Google) -> None:
        self._google = google
        self._own = threading.local()

    def read(self, call: RestCall, parts: Mapping[str, str], about: str, **query: str) -> dict[str, object]:
        """What there is. Raises :class:`SourceError`, and :class:`AbsentError` for what isn't there."""
        from google.api_core import exceptions

        passing = exceptions.ResourceExhausted, exceptions.ServerError, _Broken
        try:
            return self._sent(call, parts, about, query, None, {}, passing)
        except WriteError as error:
            if error.how == "gone":
                raise AbsentError(str(error)) from error
            raise SourceError(str(error)) from error

    def write(
        self,
        call: RestCall,
        parts: Mapping[str, str],
        about: str,
        body: Mapping[str, object],
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        precondition: How,
    ) -> dict[str, object]:
        """What came of it. Sent once, and again only where it was one call too many, which nobody has taken. Raises
        :class:`WriteError`; ``precondition`` is what FAILED_PRECONDITION means."""
        from google.api_core import exceptions

        try:
            return self._sent(call, parts, about, query, body, headers, (exceptions.ResourceExhausted,))
        except WriteError as error:
            if isinstance(error.__cause__, exceptions.FailedPrecondition) and error.how == "refused":
                said = str(error.__cause__.message).casefold()
                how = "conflict" if "etag" in said or "fingerprint" in said else precondition
                raise WriteError(str(error), how) from error
            raise

    def _sent(
        self,
        call: RestCall,
        parts: Mapping[str, str],
        about: str,
        query: Mapping[str, str],
        body: Mapping[str, object] | None,
        headers: Mapping[str, str],
        passing: tuple[type[Exception], ...],
    ) -> dict[str, object]:
        if call not in CALLS:
            raise AssertionError(f"{call.method} is not in the table of calls")
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError

        host = _HOLE.sub(lambda hole: parts[hole[1]], call.api)
        place = "/".join((parts.get("project", ""), region(parts.get("location", "")))) if call.each else ""
        path = _HOLE.sub(lambda hole: quote(parts[hole[1]], safe=""), call.path)

        def send() -> dict[str, object]:
            return self._answer(call.verb, f"{self._google.url(host)}{path}", query, body, headers)

        try:
            return self._google.repeated(call, place, send, lambda error: isinstance(error, passing))
        except (exceptions.GoogleAPIError, GoogleAuthError, _Broken) as error:
            cause: Exception = error
            while isinstance(cause, exceptions.RetryError) and cause.cause is not None:
                cause = cause.cause
            raise WriteError(explain(error, call, about), _how(cause)) from cause
        except SourceError as error:  # There is no address to send it to.
            raise WriteError(str(error), "refused") from error

    def _answer(
        self,
        verb: str,
        url: str,
        query: Mapping[str, str],
        body: Mapping[str, object] | None,
        headers: Mapping[str, str],
    ) -> dict[str, object]:
        """What one request brings. Raises what :mod:`google.api_core.exceptions` has for a refusal."""
        import requests
        from urllib3.exceptions import HTTPError

        session = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = self._google.session()
        try:
            with session.request(
                verb,
                url,
                params=dict(query),
                data=None if body is None else msgspec.json.encode(body),
                headers={"Accept": "application/json", "Content-Type": "application/json", **headers},
                timeout=self._google.timeout,
                allow_redirects=False,
                stream=True,
            ) as answer:
                status = int(answer.status_code)
                raw: bytes = answer.raw.read(_LONGEST + 1, decode_content=True)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise _Broken(str(error), "again" if _unsent(error) else "unknown") from error
        if len(raw) > _LONGEST:
            raise _Broken("it is too long to be read", "unknown")
        if status // 100 != 2:
            raise _refusal(status, raw)
        try:
            return msgspec.json.decode(raw, type=dict[str, object])
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise _Broken("it is no JSON object", "unknown") from error


class _Broken(Exception):  # noqa: N818 - what it means is known where it is known what was sent.
    """No answer, or none that can be read."""

    def __init__(self, said: str, how: How) -> None:
        super().__init__(said)
        self.how = how


def _unsent(error: BaseException) -> bool:
    """Whether there never was a connection to send anything over."""
    import requests
    from urllib3.exceptions import NewConnectionError

    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(reason, NewConnectionError)


def _refusal(status: int, raw: bytes) -> Exception:
    """The error that Google's own clients would make of an answer."""
    import grpc  # type: ignore[import-untyped] # It has none.
    from google.api_core import exceptions

    try:
        told = _REFUSAL.decode(raw).error
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        told = _Error()
    reasons = [_plain(item.reason) for item in (*told.errors, *told.details)]
    if status == 412:
        missed: Exception = exceptions.PreconditionFailed(told.message, errors=reasons)  # type: ignore[no-untyped-call]
        return missed
    named = told.status if told.status in grpc.StatusCode.__members__ else _STATUSES.get(status, "UNKNOWN")
    if status == 429 or (status == 403 and _THROTTLES.intersection(reasons)):
        named = "RESOURCE_EXHAUSTED"
    info = next((one for one in told.details if one.reason), None)
    error: Exception = exceptions.from_grpc_status(  # type: ignore[no-untyped-call]
        grpc.StatusCode[named], told.message, errors=reasons, error_info=info
    )
    return error


def _how(error: Exception) -> How:
    """What is known of a write that ended so."""
    if isinstance(error, _Broken):
        return error.how
    how = outcome(error)
    return "again" if how == "refused" and _LATER.intersection(getattr(error, "errors", ())) else how


def _plain(reason: str) -> str:
    """A reason is spelled in two ways: ``rateLimitExceeded``, ``RATE_LIMIT_EXCEEDED``."""
    return reason.replace("_", "").casefold()
