"""The one door to AWS: a client of a service in a region, as an account's role.

Clients are boto3's own, with botocore's paginators and its ``standard`` retries. What is added hangs on botocore's
events: each attempt waits for its token bucket, throttled answers slow that bucket down, and an operation that isn't in
the table of calls is refused before it is sent. What AWS answers instead of a page becomes a sentence for the ledger.

An answer is whole or it is none. botocore by itself takes an answer that broke off for a shorter one, and a body that
isn't JSON for an empty one: the rest of a listing would be gone without a word, or a resource without its tags. Here
both are broken connections, which are tried again.

What changes something goes through a client of its own (:meth:`Access.writing`), which never sends anything twice, and
only where the whole session was opened for that.
"""

import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from costguard.clouds.aws.calls import (
    permitted,
    permitted_around_powers,
    permitted_around_writes,
    permitted_to_write,
    permitted_with_powers,
    quota,
)
from costguard.clouds.pace import Bucket, Pacer
from costguard.clouds.sighting import SourceError
from costguard.errors import UsageError

if TYPE_CHECKING:
    from botocore.config import _RetryDict
    from botocore.session import Session

T = TypeVar("T")

_MOST_KEPT = 48
"""Clients that an account's way in keeps while it writes: some 0.7 MB each."""
_HOMES = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""Where a partition's global services answer."""

# What the services call "too many requests" (AWS SDKs reference guide, "Retry behavior").
_THROTTLES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "Client.UnauthorizedOperation",
        "ForbiddenException",
        "NotAuthorized",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)
# A region that the account hasn't enabled doesn't know its credentials.
_STRANGERS = frozenset(
    {"AuthFailure", "InvalidClientTokenId", "InvalidToken", "OptInRequired", "UnrecognizedClientException"}
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})


class Account(msgspec.Struct, frozen=True):
    """An account to read; ``name`` is what the organisation calls it."""

    id: str
    name: str = ""


class Aws:
    """AWS for one run: the caller's own credentials, the buckets that all workers share, and what was sent so far."""

    def __init__(self, pacer: Pacer, profile: str | None = None, *, writes: bool = False, powers: bool = False) -> None:
        """``writes``: the reconciler's calls are let through, too; ``powers``: those that stop and terminate. Raises
        :class:`UsageError` where boto3 isn't installed or the profile isn't there."""
        try:
            import botocore.exceptions
            import botocore.session
        except ImportError as error:
            raise UsageError(
                "reading AWS needs boto3, which isn't installed: pip install 'costguard-tags[aws]'"
            ) from error
        self._pacer = pacer
        self.writes = writes
        self.powers = powers
        self._making = threading.Lock()  # botocore makes clients in one thread at a time.
        self.requests = 0
        session = botocore.session.Session(profile=profile)
        try:
            session.full_config  # noqa: B018 - reading it is what fails.
            session.get_scoped_config()
        except botocore.exceptions.BotoCoreError as error:
            raise UsageError(f"the AWS configuration can't be used: {error}") from error
        _prepare(session)
        self._own = session
        self.caller = Access(self, session, "", session.get_config_variable("region") or _HOMES["aws"])

    def own(self, account: str) -> "Access":
        """An account as the caller itself sees it."""
        access = Access(self, self._own, account, self.caller.region)
        access.partition = self.caller.partition
        return access

    def assume(self, role: str, account: str, name: str, external_id: str | None) -> "Access":
        """An account as its role sees it. Nothing is sent yet; credentials are fetched and renewed as they are used."""
        import botocore.session
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

        session = botocore.session.Session(profile=self._own.profile)
        _prepare(session)
        arguments = {"RoleSessionName": name, **({"ExternalId": external_id} if external_id else {})}
        fetcher = AssumeRoleCredentialFetcher(self._security_tokens, self._own.get_credentials(), role, arguments)
        session._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]
            method="assume-role", refresh_using=fetcher.fetch_credentials
        )
        return Access(self, session, account, self.caller.region)

    def _security_tokens(self, service: str, **arguments: Any) -> Any:
        return self.caller.client(service, self.caller.region)

    def throttled(self, account: str, service: str, region: str, operation: str) -> None:
        """An answer that looks good says inside that the call was one too many."""
        self._pacer.throttles += 1
        family, rate = quota(service, operation)
        self._pacer.bucket((account, region, *family), rate).throttled()

    def make(self, session: "Session", account: str, service: str, region: str, *, once: bool = False) -> Any:
        """A client with our handlers on it. ``once``: it is for what changes something, and nothing is repeated."""
        from botocore.config import Config
        from botocore.exceptions import CredentialRetrievalError, ResponseStreamingError

        retries: _RetryDict = {"mode": "standard"}
        if "AWS_MAX_ATTEMPTS" not in os.environ:
            retries["total_max_attempts"] = 8
        if once:
            retries = {"mode": "standard", "total_max_attempts": 1}
        config = Config(
            retries=retries,
            connect_timeout=10,
            read_timeout=60,
            user_agent_extra="costguard",
            account_id_endpoint_mode="disabled",
        )
        with self._making:
            client = session.create_client(service, region_name=region, config=config)
        buckets: dict[str, Bucket] = {}

        def bucket(operation: str) -> Bucket:
            found = buckets.get(operation)
            if found is None:
                family, rate = quota(service, operation)
                found = buckets[operation] = self._pacer.bucket((account, region, *family), rate)
            return found

        def check(model: Any, **_: Any) -> None:
            call = (service, model.name)
            if once:
                allowed = (self.writes and call in permitted_to_write()) or (
                    self.powers and call in permitted_with_powers()
                )
            else:
                allowed = (
                    call in permitted()
                    or (self.writes and call in permitted_around_writes())
                    or (self.powers and call in permitted_around_powers())
                )
            if not allowed:
                raise AssertionError(f"{service}:{model.name} is not in the table of calls")

        speaks_json = "json" in client.meta.service_model.resolved_protocol

        def send(event_name: str, request: Any, **_: Any) -> Any:
            self._pacer.check()
            bucket(event_name.rsplit(".", 1)[-1]).take()
            self._pacer.check()
            self.requests += 1
            answer = client._endpoint.http_session.send(request)  # type: ignore[attr-defined]
            if not request.stream_output and (flaw := _flaw(answer, speaks_json)):
                raise ResponseStreamingError(error=f"the answer to {event_name.rsplit('.', 1)[-1]} {flaw}")
            return answer

        def learn(response: Any, operation: Any, **_: Any) -> None:
            if response is None:
                return
            http, parsed = response
            if http.status_code == 429 or parsed.get("Error", {}).get("Code") in _THROTTLES:
                self._pacer.throttles += 1
                bucket(operation.name).throttled()
            else:
                bucket(operation.name).answered()

        def freshen(**_: Any) -> None:
            credentials = session.get_credentials()
            if credentials is None:
                return
            try:
                credentials.get_frozen_credentials()
            except RuntimeError as error:  # That botocore raises a plain one is all there is to know it by.
                raise CredentialRetrievalError(
                    provider="AWS",
                    error_msg="they had run out when they came; the clock of this machine may be hours ahead",
                ) from error

        client.meta.events.register("before-call", check)
        client.meta.events.register_first("choose-signer", freshen)
        if service == "s3control":
            client.meta.events.register("request-created", _unprefixed)
        client.meta.events.register("before-send", send)
        client.meta.events.register("needs-retry", learn)
        return client


class Access:
    """One account, as one role sees it."""

    def __init__(self, aws: Aws, session: "Session", account: str, region: str) -> None:
        self._aws = aws
        self._session = session
        self.account = account
        self.region = region
        self.partition = "aws"
        self.only: frozenset[str] | None = None
        """The regions that were asked for by name, for what lists all of them at once."""
        self._latest = threading.local()
        self._keeping = threading.Lock()
        self._kept: dict[tuple[str, str, bool], Any] = {}

    @property
    def home(self) -> str:
        """The region where the partition's global services answer."""
        return _HOMES.get(self.partition, self.region)

    def identify(self) -> None:
        """Asks who it is: sets the account and the partition. Raises :class:`SourceError`."""
        answer = guarded(lambda: self.client("sts", self.region).get_caller_identity())
        self.account = str(told(answer, "Account", "GetCallerIdentity"))
        self.partition = str(told(answer, "Arn", "GetCallerIdentity")).partition(":")[2].partition(":")[0]

    def writing(self, service: str, region: str) -> Any:
        """A client for calls that change something: it sends each once, whatever comes of it. Only in a session that
        was opened for writing."""
        return self._shared(service, region, once=True)

    def throttled(self, service: str, region: str, operation: str) -> None:
        """As :meth:`Aws.throttled`, of this account."""
        self._aws.throttled(self.account, service, region, operation)

    def _shared(self, service: str, region: str, *, once: bool) -> Any:
        """A client that all threads use. The oldest are dropped, lest an organisation fill the memory."""
        key = (service, region, once)
        with self._keeping:
            found = self._kept.get(key)
            if found is None:
                found = self._aws.make(self._session, self.account, service, region, once=once)
                if len(self._kept) >= _MOST_KEPT:
                    del self._kept[next(iter(self._kept))]
                self._kept[key] = found
            return found

    def client(self, service: str, region: str) -> Any:
        if self._aws.writes or self._aws.powers:
            # A writer goes from service to service and back, resource by resource.
            return self._shared(service, region, once=False)
        # Making EC2's takes 30 ms and 1.4 MB: each thread keeps the latest, which the service's next listing uses too.
        kept = getattr(self._latest, "client", None)
        if kept is None or kept[0] != (service, region, self.account):
            client = self._aws.make(self._session, self.account, service, region)
            kept = self._latest.client = ((service, region, self.account), client)
        return kept[1]

    def offers(self, service: str, region: str) -> bool:
        """Whether botocore knows the service in that region; one that it doesn't know there may be newer than it."""
        return region in self._session.get_available_regions(service, self.partition)


def _prepare(session: "Session") -> None:
    session.register_component("data_loader", _models(session.get_config_variable("data_path")))
    _read_strictly(session)


@cache
def _models(path: str | None) -> Any:
    """The models of the services: they are large, slow to read, and the same for all accounts."""
    from botocore.loaders import create_loader

    return create_loader(path)


def _read_strictly(session: "Session") -> None:
    """How the session reads answers. One that has another form than its model makes botocore stumble in many ways: here
    that is a broken answer, too. And times are read by Python, where it can: the parser that botocore uses takes more
    time over an index's page than all else together."""
    from botocore.exceptions import BotoCoreError, ResponseStreamingError
    from botocore.parsers import ResponseParserFactory

    class Parsers(ResponseParserFactory):
        def create_parser(self, protocol_name: str) -> Any:
            parser = super().create_parser(protocol_name)
            parse = parser.parse

            def parse_strictly(response: Any, shape: Any) -> Any:
                try:
                    return parse(response, shape)
                except BotoCoreError:
                    raise
                except Exception as error:
                    operation = response.get("context", {}).get("operation_name", "a call")
                    flaw = f"the answer to {operation} hasn't the form that AWS documents"
                    raise ResponseStreamingError(error=flaw) from error

            parser.parse = parse_strictly  # type: ignore[method-assign]
            return parser

    parsers = Parsers()
    parsers.set_parser_defaults(timestamp_parser=_moment)
    session.register_component("response_parser_factory", parsers)


def _moment(value: Any) -> datetime:
    from botocore.utils import parse_timestamp

    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            if moment.tzinfo is not None:
                return moment
    return parse_timestamp(value)


_ON_ADDRESS = re.compile(r"^(https?://)\d{12}\.(?=(?:\d{1,3}\.){3}\d{1,3}(?::|/|$))")


def _unprefixed(request: Any, **_: Any) -> None:
    """botocore puts the account before S3 Control's host. Where an endpoint is an address there is no such name, and
    the account is in a header anyway."""
    request.url = _ON_ADDRESS.sub(r"\1", request.url)


_json = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _flaw(answer: Any, speaks_json: bool) -> str:
    """What keeps an answer from being one; empty where nothing does. What an error says need not be well formed."""
    if left := getattr(answer.raw, "length_remaining", 0):
        return f"broke off {left:,} bytes before its end"
    if answer.status_code != HTTPStatus.OK:
        return ""
    body = answer.content
    if speaks_json:
        return "" if _is_object(body) else "isn't JSON"
    if body.lstrip()[:9].lower().startswith((b"<html", b"<!doctype")):
        return "is a web page"
    return ""


def _is_object(body: bytes) -> bool:
    try:
        _json.decode(body)
    except msgspec.MsgspecError:
        # Python's reader, which botocore uses, takes more: half of a surrogate pair, for one.
        try:
            return isinstance(json.loads(body), dict)
        except (ValueError, RecursionError):
            return False
    return True


def guarded(ask: Callable[[], T]) -> T:
    """What ``ask`` brings. Raises :class:`SourceError` in place of boto3's many."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return ask()
    except (BotoCoreError, ClientError) as error:
        raise SourceError(explain(error)) from error


def guarded_pages(pages: Iterator[T]) -> Iterator[T]:
    """The pages. Raises :class:`SourceError` in place of boto3's many where they end early."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield from pages
    except (BotoCoreError, ClientError) as error:
        raise SourceError(explain(error)) from error


def told(answer: Mapping[str, Any], field: str, operation: str) -> Any:
    """A field that the operation's answers always have, be it an empty list. Raises :class:`SourceError` where one
    hasn't."""
    found = answer.get(field)
    if found is None:
        raise SourceError(f"no whole answer: {operation} doesn't tell the {field}")
    return found


def code(error: Exception) -> str:
    """What AWS calls an error; empty for one that isn't AWS's."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


Refusal = Literal["throttled", "denied", "elsewhere", "expired", "other"]
"""Why AWS took nothing: one call too many; no permission; a region that doesn't know the credentials; credentials that
ran out; anything else, which its code must tell."""


def refusal(said: str, status: int = 0) -> Refusal:
    """What an error's code, and the status of the answer that it came in, mean in every service."""
    if said in _THROTTLES or status == HTTPStatus.TOO_MANY_REQUESTS:
        return "throttled"
    if said in _DENIED:
        return "denied"
    if said in _STRANGERS:
        return "elsewhere"
    return "expired" if said in _EXPIRED else "other"


def explain(error: Exception) -> str:
    """A sentence for the ledger: what was asked, what AWS said, and what helps."""
    from botocore.exceptions import ClientError, NoCredentialsError, ResponseStreamingError

    if isinstance(error, NoCredentialsError):
        return "there are no AWS credentials; `aws sts get-caller-identity` must work where costguard runs"
    if isinstance(error, ResponseStreamingError):
        return f"no whole answer: {error.kwargs.get('error', error)}"
    if not isinstance(error, ClientError):
        return f"no whole answer: {_words(str(error))}"
    said, what = code(error), error.operation_name
    words = _words(str(error.response.get("Error", {}).get("Message", "")))
    answer = f"{said}: {words}" if words else said
    if what == "AssumeRole":
        return f"the role can't be assumed: {answer}"
    if said in _DENIED:
        return f"access denied to {what} ({answer})"
    if said in _STRANGERS:
        return f"the region doesn't take the account's credentials at {what}; it may not be enabled ({answer})"
    if said in _EXPIRED:
        return f"the credentials ran out at {what} ({answer}); give the run longer-lived ones"
    if said in _THROTTLES:
        return f"throttled away: {what} was refused as one call too many, however slowly it was repeated ({answer})"
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= 500:
        return f"{what} failed on the side of AWS, also when it was repeated: HTTP {status} ({answer})"
    return f"{what} was refused ({answer})"


def _words(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 300 else f"{text[:299]}…"
