"""The one door to Google Cloud: Google's own clients of the asset inventory and of Resource Manager, and its session
for what is spoken to over HTTP.

Every call waits for its token bucket, attempt by attempt; what was one call too many slows that bucket down. The
clients' own retries are off: they don't cover an exhausted quota, and know no bucket. What Google answers instead of a
page becomes a sentence for the ledger.

A test, or an emulator, gives ``channel``, and ``http`` for the APIs that are spoken to over HTTP: they are asked for a
connection to each host, and for its address, and no credentials are looked for.
"""

import contextlib
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from costguard.clouds.google.calls import CALLS, GET_OPERATION, UPDATE_PROJECT, WRITER_CALLS, Api, Call, RestCall
from costguard.clouds.pace import Pacer
from costguard.clouds.sighting import SourceError
from costguard.clouds.writing import How
from costguard.errors import UsageError

T = TypeVar("T")

Channel = Callable[[str], Any]
"""A connection (``grpc.Channel``, which comes without types) to a host."""

EMULATOR = "COSTGUARD_GOOGLE_EMULATOR_HOST"
"""Names an address (``127.0.0.1:8080``) that is spoken to instead of Google, without TLS and without credentials."""

HTTP_EMULATOR = "COSTGUARD_GOOGLE_EMULATOR_HTTP_HOST"
"""The same for what is spoken to over HTTP. The host that is meant is the first part of the path."""

_PATIENCE = 180.0
"""Quotas are counted by the minute: one that was used up is there again by then."""


class DeniedError(SourceError):
    """The caller may not use the source, or nobody may: its API is not enabled."""


class InvalidError(SourceError):
    """Google doesn't take the request as it is. It also says so of asset types that it doesn't know."""


class AbsentError(SourceError):
    """It isn't there. Some of Google's APIs never say so, and deny access instead, so that nobody learns of it."""


class WriteError(SourceError):
    """A write didn't turn out well; ``how`` says what is known of it."""

    def __init__(self, said: str, how: How) -> None:
        super().__init__(said)
        self.how = how


class Google:
    """Google Cloud for one run: the credentials, the connections, the buckets that all workers share."""

    def __init__(
        self,
        pacer: Pacer,
        quota_project: str | None = None,
        *,
        channel: Channel | None = None,
        http: Callable[[str], str] | None = None,
        patience: float = _PATIENCE,
        pause: float = 1.0,
        timeout: float = 60.0,
    ) -> None:
        """In seconds: ``patience`` is for how long a call is repeated, ``pause`` the longest wait before the first
        repetition (later ones wait longer), ``timeout`` what one attempt may take.

        Raises :class:`UsageError` where Google's libraries aren't installed.
        """
        self._sdk = sdk()
        self._quota_project = quota_project
        self._channel = channel or _emulator()
        self._http = http or _http_emulator()
        self.pacer = pacer
        self.patience = patience
        self.pause = pause
        self.timeout = timeout
        self._making = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._credentials: Any = None
        self._no_credentials: Exception | None = None
        self._heard: set[Api] = set()
        self._silent: set[Api] = set()  # those that were waited for in vain, and have never answered

    def pages(
        self, call: Call, request: Mapping[str, Any], about: str, *, location: str = "", page_size: int
    ) -> Iterator[Any]:
        """The pages of a listing, as the protocol's own messages (``google.protobuf``). ``about`` is the scope.

        Raises :class:`SourceError` where they end early.
        """
        token = ""
        seen: set[str] = set()
        while True:
            page = self.ask(call, {**request, "page_size": page_size, "page_token": token}, about, location=location)
            yield page
            token = page.next_page_token
            if not token:
                return
            if token in seen:
                raise SourceError(f"{call.method} leads from page to page in a circle; it was left there")
            seen.add(token)

    def ask(self, call: Call, request: Mapping[str, Any], about: str, *, location: str = "") -> Any:
        """One answer. ``location``: the zone or region of what is asked about, where the service answers only there.

        Raises :class:`SourceError` where Google doesn't give it.
        """
        if call not in CALLS:
            raise AssertionError(f"{call.rpc} is not in the table of calls")
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError

        passing = (
            exceptions.ResourceExhausted,
            exceptions.ServiceUnavailable,
            exceptions.InternalServerError,
            exceptions.DeadlineExceeded,
        )
        unheard = exceptions.ServiceUnavailable, exceptions.DeadlineExceeded

        def send() -> Any:
            method = getattr(self._client(call, location), _snake(call.method))
            try:
                answer = method(request=dict(request), retry=None, timeout=self.timeout)
                message = next(iter(answer.pages)) if call.paged else answer
            except unheard:
                raise
            except exceptions.GoogleAPICallError:
                self._heard.add(call.api)
                raise
            self._heard.add(call.api)
            return type(message).pb(message)

        def passes(error: Exception) -> bool:
            """Where there is no way to Google at all, that is waited out once and not at every call."""
            hopeless = isinstance(error, unheard) and call.api in self._silent - self._heard
            return isinstance(error, passing) and not hopeless and not _no_token(error)

        try:
            return self.repeated(call, location, send, passes)
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            said = explain(error, call, about)
            if isinstance(error, exceptions.RetryError) and isinstance(error.cause, unheard):
                self._silent.add(call.api)
            match error:
                case exceptions.PermissionDenied():
                    raise DeniedError(said) from error
                case exceptions.InvalidArgument():
                    raise InvalidError(said) from error
                case exceptions.NotFound():
                    raise AbsentError(said) from error
            raise SourceError(said) from error

    def begin(self, call: Call, request: Mapping[str, Any], about: str) -> Any:
        """Begins what takes a while, or asks how far it is: a ``google.longrunning.Operation``.

        It is sent once, and again only where it was one call too many, which nobody has taken. Raises
        :class:`WriteError`.
        """
        if call not in WRITER_CALLS:
            raise AssertionError(f"{call.rpc} is not in the table of calls")
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError

        def send() -> Any:
            if call == GET_OPERATION:
                # The operations of an API have no client of their own, but each client's transport has one.
                operations = self._client(UPDATE_PROJECT, "").transport.operations_client
                return operations.get_operation(request["name"], retry=None, timeout=self.timeout)
            method = getattr(self._client(call, ""), _snake(call.method))
            return method(request=dict(request), retry=None, timeout=self.timeout).operation

        try:
            return self.repeated(call, "", send, lambda error: isinstance(error, exceptions.ResourceExhausted))
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            raise WriteError(explain(error, call, about), outcome(error)) from error

    def repeated(
        self, call: Call | RestCall, place: str, send: Callable[[], T], passes: Callable[[Exception], bool]
    ) -> T:
        """What ``send`` brings. Each attempt waits for the bucket that the call has at the ``place``; an error that
        ``passes`` is tried again while patience lasts. Raises the last error, or ``RetryError`` of it, and
        :class:`costguard.clouds.pace.Stopped` where the run was ended before anything was sent."""
        from google.api_core import exceptions, retry

        family, quota = call.quota
        bucket = self.pacer.bucket(("google", self._quota_project, place, family), quota)

        def attempt() -> T:
            self.pacer.check()
            bucket.take()
            self.pacer.check()
            try:
                answer = send()
            except exceptions.ResourceExhausted:
                self.pacer.throttles += 1
                bucket.throttled()
                raise
            bucket.answered()
            return answer

        repeat = retry.Retry(passes, initial=self.pause, maximum=10.0, multiplier=2.0, timeout=self.patience)
        return repeat(attempt)()

    def session(self) -> Any:
        """A ``requests.Session`` that signs what it sends, for one thread. Raises ``DefaultCredentialsError``."""
        if self._http is not None:
            import requests

            session = requests.Session()
            session.trust_env = False  # No proxy stands between here and an emulator.
            return session
        from google.auth.transport.requests import AuthorizedSession

        return AuthorizedSession(self._signed_in())  # type: ignore[no-untyped-call]

    def url(self, host: str) -> str:
        """Where an API is spoken to over HTTP: ``https://compute.googleapis.com``. Raises :class:`SourceError` where an
        emulator is spoken to and there is none for that."""
        if self._http is not None:
            return self._http(host)
        if self._channel is not None:
            raise SourceError(f"{host} is spoken to over HTTP, and there is no emulator for that ({HTTP_EMULATOR})")
        return f"https://{host}"

    def _client(self, call: Call, location: str) -> Any:
        host = f"{location}-{call.api}" if location else call.api
        with self._making:
            found = self._clients.get((call.service, host))
            if found is None:
                found = self._clients[call.service, host] = self._make(call, host)
            return found

    def _make(self, call: Call, host: str) -> Any:
        kind = getattr(self._sdk[call.api], f"{call.service.rpartition('.')[2]}Client")
        if self._channel is not None:
            transport = kind.get_transport_class("grpc")
            return kind(transport=transport(host=host, channel=self._channel(host)))
        credentials = self._signed_in(held=True)
        if host == call.api:
            return kind(credentials=credentials)
        from google.api_core.client_options import ClientOptions

        return kind(credentials=credentials, client_options=ClientOptions(api_endpoint=host))

    def _signed_in(self, *, held: bool = False) -> Any:
        """The credentials of the run. ``held``: whoever asks is the one that is making a client."""
        with contextlib.nullcontext() if held else self._making:
            if self._credentials is None:
                self._credentials = self._sign_in()
            return self._credentials

    def _sign_in(self) -> Any:
        """The application default credentials. Where there are none, it takes up to a quarter of a minute to see that
        no metadata server has any either: that is waited for once and no more."""
        import google.auth
        from google.auth.exceptions import DefaultCredentialsError

        if self._no_credentials is not None:
            raise self._no_credentials
        try:
            credentials, _ = google.auth.default(
                scopes=["https://www.googleapis.com/auth/cloud-platform"], quota_project_id=self._quota_project
            )
        except DefaultCredentialsError as error:
            self._no_credentials = error
            raise
        return credentials


def sdk() -> dict[Api, Any]:
    """Google's libraries, by the API that they speak. Raises :class:`UsageError` where they aren't installed."""
    try:
        with warnings.catch_warnings():
            # They warn that they will stop supporting a version of Python which Python itself still supports.
            warnings.simplefilter("ignore", FutureWarning)
            from google.cloud import asset_v1, resourcemanager_v3
    except ImportError as error:
        raise UsageError(
            "reading Google Cloud needs google-cloud-asset and google-cloud-resource-manager, which aren't installed: "
            "pip install 'costguard-tags[google]'"
        ) from error
    return {"cloudasset.googleapis.com": asset_v1, "cloudresourcemanager.googleapis.com": resourcemanager_v3}


def _emulator() -> Channel | None:
    address = os.environ.get(EMULATOR)
    if not address:
        return None

    def connect(_: str) -> Any:
        import grpc  # type: ignore[import-untyped] # It has none.

        # As Google's own clients connect: a page of the listing may be larger than gRPC takes by itself.
        # No proxy stands between here and an emulator.
        options = [("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]
        return grpc.insecure_channel(address, options=options)

    return connect


def _http_emulator() -> Callable[[str], str] | None:
    address = os.environ.get(HTTP_EMULATOR)
    return (lambda host: f"http://{address}/{host}") if address else None


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).removeprefix("_")


def _no_token(error: Exception) -> str:
    """What hindered the credentials from giving a token, where that is why nothing was sent. gRPC calls it unavailable,
    as it does a server; Google's credentials have been patient already."""
    _, found, why = str(error).partition("Getting metadata from plugin failed with error: ")
    return why if found else ""


def outcome(error: Exception) -> How:
    """What is known of a write that ended so. A status that Google gives to what it refuses says that nothing was
    written ("google.rpc.Code"); one that it also gives where something broke on the way says nothing."""
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError

    while isinstance(error, exceptions.RetryError) and error.cause is not None:
        error = error.cause
    if _no_token(error) or isinstance(error, GoogleAuthError):
        return "refused"
    match error:
        case exceptions.ResourceExhausted():
            return "again"
        case exceptions.Aborted() | exceptions.PreconditionFailed():
            return "conflict"
        case exceptions.NotFound():
            return "gone"
        case (
            exceptions.BadRequest()
            | exceptions.Unauthorized()
            | exceptions.Forbidden()
            | exceptions.AlreadyExists()
            | exceptions.MethodNotImplemented()
        ):
            return "refused"
    return "unknown"


def explain(error: Exception, call: Call | RestCall, about: str) -> str:
    """A sentence for the ledger: what was asked, what Google said, and what helps."""
    from google.api_core import exceptions
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError

    if isinstance(error, DefaultCredentialsError):
        return (
            "there are no Google credentials; `gcloud auth application-default print-access-token` must work where "
            "costguard runs"
        )
    if isinstance(error, RefreshError):
        return f"the Google credentials can't be renewed: {words(str(error))}"
    if isinstance(error, GoogleAuthError):
        return f"the Google credentials can't be used: {words(str(error))}"
    repeated = isinstance(error, exceptions.RetryError)
    while isinstance(error, exceptions.RetryError) and error.cause is not None:
        error = error.cause
    what = call.method
    if not isinstance(error, exceptions.GoogleAPICallError):
        return f"no whole answer to {what}: {words(str(error))}"
    if token := _no_token(error):
        return f"the Google credentials can't be renewed: {words(token)}"
    said = error.grpc_status_code.name if error.grpc_status_code is not None else str(error.code)
    message = words(str(error.message))
    answer = f"{said}: {message}" if message else said
    if "quota project" in message and error.reason in ("SERVICE_DISABLED", "USER_PROJECT_DENIED"):
        # A person's own credentials name none. The project that is then called disabled is gcloud's.
        return (
            f"{what} needs a project that calls are counted against: name one with quota-project, on which you have "
            f"serviceusage.services.use ({answer})"
        )
    if error.reason == "SERVICE_DISABLED":
        service = words(str((error.metadata or {}).get("service", call.api)))
        consumer = words(str((error.metadata or {}).get("consumer", "")))
        where = f" --project={consumer.removeprefix('projects/')}" if consumer else ""
        return f"the API is not enabled at {what}; `gcloud services enable {service}{where}` enables it ({answer})"
    match error:
        case exceptions.Unauthenticated():
            return f"the Google credentials were not accepted at {what} ({answer})"
        case exceptions.PermissionDenied():
            # Google also says this of what isn't there, so that nobody learns of it.
            return f"access denied to {what}, which needs {call.permission} on {about} ({answer})"
        case exceptions.NotFound():
            return f"there is no {about}, or none that {what} shows ({answer})"
        case exceptions.Aborted() | exceptions.PreconditionFailed():
            return f"{what} was refused because somebody else has changed it meanwhile ({answer})"
        case exceptions.ResourceExhausted():
            return f"throttled away: {what} was refused as one call too many, however slowly it was repeated ({answer})"
        case exceptions.ServerError():
            often = ", also when it was repeated" if repeated else ""
            return f"{what} failed on the side of Google{often} ({answer})"
    return f"{what} was refused ({answer})"


def words(text: str) -> str:
    """What a server said, as one line of no great length."""
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= 300 else f"{text[:299]}…"
