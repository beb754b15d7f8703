"""What goes wrong in a cloud, as a test orders it: errors in the words of each service, and connections that fail.

An :class:`Effect` is what happens; a :class:`Fault` says to which calls. The codes are those that AWS sends in the
protocol of the call: one throttle is ``RequestLimitExceeded`` from EC2, ``Throttling`` from RDS, ``SlowDown`` from S3.
"""

import random
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Final

import msgspec
from botocore.exceptions import UnknownServiceError

from tests.servers import wire
from tests.servers.http1 import Response
from tests.servers.wire import Call


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to a call: ``answer`` in place of the service's, or ``change`` of the service's own."""

    name: str
    answer: Callable[[Call], Response] | None = None
    change: Callable[[Response], Response] | None = None


class Fault:
    """An effect and the calls that it befalls: those that match every glob, after the first ``skip`` of them, ``times``
    in number (each one where it's None), or of each the ``share`` (by a generator seeded alike in every run).
    ``hits`` counts."""

    def __init__(
        self,
        effect: Effect,
        *,
        service: str = "*",
        operation: str = "*",
        account: str = "*",
        region: str = "*",
        where: Callable[[Call], bool] | None = None,
        skip: int = 0,
        times: int | None = None,
        share: float = 1.0,
    ) -> None:
        self.effect = effect
        self.hits = 0
        self._globs = (service, operation, account, region)
        self._where = where
        self._skip, self._times, self._share = skip, times, share
        self._seen = 0
        self._chance = random.Random(4)  # noqa: S311 - no secret.

    def strikes(self, call: Call, account: str) -> bool:
        """Whether this call is hit; counts it."""
        told = (call.service, call.operation, account, call.region)
        if not all(fnmatchcase(text, glob) for text, glob in zip(told, self._globs, strict=True)):
            return False
        if self._where and not self._where(call):
            return False
        self._seen += 1
        if self._seen <= self._skip or (self._times is not None and self.hits >= self._times):
            return False
        if self._share < 1.0 and self._chance.random() >= self._share:
            return False
        self.hits += 1
        return True


# ------------------------------------------------------------------ effects


def throttled() -> Effect:
    """Too many requests, in the service's words."""
    return Effect(name="throttled", answer=throttle)


def denied(message: str = "") -> Effect:
    """No permission, in the service's words."""
    return Effect(name="denied", answer=lambda call: deny(call, message))


def denied_by_scp() -> Effect:
    """No permission, because a service control policy of the organisation says so."""
    return Effect(name="denied by SCP", answer=lambda call: deny(call, _why(call, "in a service control policy")))


def failing(status: int = 500) -> Effect:
    """The service fails: 500 or 503."""
    return Effect(name=f"failing {status}", answer=lambda call: _failure(call, status))


def expired() -> Effect:
    """The session's credentials have expired."""
    return Effect(name="expired", answer=_expired)


def region_disabled() -> Effect:
    """The account hasn't opted in to the region, so its credentials mean nothing there."""
    return Effect(name="region disabled", answer=disabled)


def refused(code: str, message: str = "refused by the test", status: int = 400) -> Effect:
    """Any other error."""
    return Effect(name=code, answer=lambda call: wire.error(call, code, message, status))


def slow(seconds: float) -> Effect:
    """The right answer, late."""
    return Effect(name="slow", change=lambda response: msgspec.structs.replace(response, delay=seconds))


def reset() -> Effect:
    """The connection is reset before an answer."""
    return Effect(name="reset", answer=lambda _: Response(reset=True))


def lost() -> Effect:
    """The service does what it was asked to, and then the connection is reset before its answer."""
    return Effect(name="lost", change=lambda response: msgspec.structs.replace(response, reset=True))


def cut(share: float = 0.5) -> Effect:
    """The connection closes after this share of the answer's body."""
    return Effect(name="cut", change=lambda response: msgspec.structs.replace(response, cut=share))


def malformed(body: bytes = b"\x00<html>{[") -> Effect:
    """A status of 200 and a body that is in no protocol."""
    return Effect(name="malformed", change=lambda response: msgspec.structs.replace(response, status=200, body=body))


# ------------------------------------------------------------------ in each service's words

# What a model lists among its operation's errors is what that service sends.
_THROTTLES: Final = (
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "Throttling",
    "RequestThrottledException",
)


def throttle(call: Call) -> Response:
    message = "Rate exceeded"
    if call.protocol == "ec2":
        return wire.error(call, "RequestLimitExceeded", "Request limit exceeded.", 503)
    if call.service == "s3":
        return wire.error(call, "SlowDown", "Please reduce your request rate.", 503)
    if call.protocol in ("query", "rest-xml"):
        return wire.error(call, "Throttling", message, 400)
    known = _modelled(call)
    code = next((code for code in _THROTTLES if code in known), "ThrottlingException")
    return wire.error(call, code, message, known.get(code) or (429 if call.protocol == "rest-json" else 400))


def deny(call: Call, message: str = "") -> Response:
    message = message or _why(call, "")
    if call.protocol == "ec2":
        return wire.error(
            call, "UnauthorizedOperation", f"You are not authorized to perform this operation. {message}", 403
        )
    if call.service == "sns":
        return wire.error(call, "AuthorizationError", message, 403)
    if call.protocol in ("query", "rest-xml"):
        return wire.error(call, "AccessDenied", message, 403)
    return wire.error(call, "AccessDeniedException", message, 403 if call.protocol == "rest-json" else 400)


def disabled(call: Call) -> Response:
    message = "The security token included in the request is invalid."
    if call.protocol == "ec2":
        return wire.error(call, "AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    if call.service == "s3":
        return wire.error(call, "InvalidToken", "The provided token is malformed or otherwise invalid.", 400)
    if call.protocol in ("query", "rest-xml"):
        return wire.error(call, "InvalidClientTokenId", message, 403)
    return wire.error(call, "UnrecognizedClientException", message, 403 if call.protocol == "rest-json" else 400)


def _expired(call: Call) -> Response:
    message = "The security token included in the request is expired"
    if call.protocol == "ec2":
        return wire.error(call, "RequestExpired", "Request has expired.", 400)
    if call.service == "s3":
        return wire.error(call, "ExpiredToken", "The provided token has expired.", 400)
    if call.protocol in ("query", "rest-xml"):
        return wire.error(call, "ExpiredToken", message, 403)
    return wire.error(call, "ExpiredTokenException", message, 403 if call.protocol == "rest-json" else 400)


def _failure(call: Call, status: int) -> Response:
    if call.protocol == "ec2":
        code = "InternalError" if status == 500 else "Unavailable"
    elif call.protocol in ("query", "rest-xml"):
        code = "InternalFailure" if status == 500 else "ServiceUnavailable"
    else:
        code = "InternalFailure" if status == 500 else "ServiceUnavailableException"
    return wire.error(call, code, "We encountered an internal error. Please try again.", status)


def _why(call: Call, where: str) -> str:
    what = f"{call.service}:{call.operation}"
    because = f"with an explicit deny {where}" if where else "because no identity-based policy allows the action"
    return f"User: arn:aws:sts::000000000000:assumed-role/Reader/test is not authorized to perform: {what} {because}"


def _modelled(call: Call) -> dict[str, int | None]:
    """The errors that the operation's model lists, each with its HTTP status where the model tells it."""
    try:
        shapes = wire.operation_model(call.service, call.operation).error_shapes
    except (UnknownServiceError, KeyError, ValueError):
        return {}
    return {shape.name: shape.metadata.get("error", {}).get("httpStatusCode") for shape in shapes}


# ------------------------------------------------------------------ quotas


class Quota(msgspec.Struct, frozen=True):
    """So many calls a second of these operations (globs) of one account in one region, after a first ``burst``."""

    service: str
    operations: tuple[str, ...]
    rate: float
    burst: float


# Resource Groups Tagging: the Tag Editor guide's reference; Explorer: its quotas page; CloudTrail: LookupEvents'
# documentation; EC2: "Request throttling", the bucket of non-mutating actions.
DOCUMENTED: Final = (
    Quota("resourcegroupstaggingapi", ("GetResources",), 15, 15),
    Quota("resourcegroupstaggingapi", ("TagResources",), 5, 5),
    Quota("resourcegroupstaggingapi", ("UntagResources",), 5, 5),
    Quota("resourcegroupstaggingapi", ("GetTagKeys",), 5, 5),
    Quota("resourcegroupstaggingapi", ("GetTagValues",), 5, 5),
    Quota("resource-explorer-2", ("Search",), 5, 5),
    Quota("resource-explorer-2", ("Get*", "List*"), 3, 3),
    Quota("cloudtrail", ("LookupEvents",), 2, 2),
    Quota("ec2", ("Describe*",), 20, 100),
)


class Buckets:
    """The token buckets behind quotas."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._levels: dict[tuple[Quota, str, str], tuple[float, float]] = {}

    def take(self, quota: Quota, account: str, region: str) -> bool:
        """Takes a token; False where there is none."""
        now = self._clock()
        level, since = self._levels.get((quota, account, region), (quota.burst, now))
        level = min(quota.burst, level + (now - since) * quota.rate)
        self._levels[quota, account, region] = (level - 1 if level >= 1 else level, now)
        return level >= 1
