"""Who is told, on loopback: an address that is posted to, a mail server with a certificate, a proxy; and digests."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from costguard.notify import Digest, Item, Patience, digests
from tests.servers.http1 import LOOPBACK, Request, Response, Server

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
RUN = "20261123-a1b2"
SECRET = "/services/T000/B000/hunter2"
"""What nobody but the receiver is to see; ``hunter2`` is in no text of ours."""


def item(number: int = 1, **given: Any) -> Item:
    told: dict[str, Any] = {
        "id": f"arn:aws:ec2:eu-west-1:111122223333:instance/i-{number:04}",
        "type": "aws_instance",
        "account": "111122223333",
        "region": "eu-west-1",
        "state": "flagged",
        "wrong": "owner is missing",
        "next": "it is put in quarantine",
        "due": date(2026, 12, 1),
        "remedy": "give it the tag Owner",
    }
    return Item(**told | given)


def digest(owner: str | None = "shop", *items: Item, run: str = RUN, title: str = "untagged resources") -> Digest:
    [made] = digests(run, title, NOW, [(owner, one) for one in items or (item(),)])
    return made


class Kept:
    """Deliveries that are kept as long as the test runs."""

    def __init__(self) -> None:
        self.told: dict[str, tuple[datetime, str]] = {}

    def delivered(self, key: str) -> bool:
        return key in self.told

    def deliver(self, key: str, at: datetime, what: str) -> None:
        assert key not in self.told
        self.told[key] = (at, what)


class Waits:
    """A patience whose pauses are written down instead of waited for."""

    def __init__(self, attempts: int = 4, timeout: float = 5.0, attempt: float = 10.0) -> None:
        self.slept: list[float] = []
        self.patience = Patience(attempts=attempts, timeout=timeout, attempt=attempt, sleep=self.slept.append)


@contextmanager
def receiver(answer: Callable[[Request], Response] | Sequence[Response] = ()) -> Iterator[tuple[str, list[Request]]]:
    """An address on loopback and what was posted to it. Answers come from a sequence, and are 200 after it."""
    seen: list[Request] = []
    answers = iter(()) if callable(answer) else iter(answer)

    def handle(request: Request) -> Response:
        seen.append(request)
        return answer(request) if callable(answer) else next(answers, Response(body=b"ok"))

    server = Server(handle)
    server.start()
    try:
        yield server.url + SECRET, seen
    finally:
        server.stop()


class Certificates:
    """An authority of this test's own, and a server's certificate for this machine."""

    def __init__(self, folder: Path, name: str = LOOPBACK) -> None:
        authority = trustme.CA()
        self.authority = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self.context)


@contextmanager
def https(certificates: Certificates) -> Iterator[tuple[int, list[str]]]:
    """A server behind TLS: its port, and the paths that were posted to."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's.
            pass

    server = _Quiet((LOOPBACK, 0), Handler)
    server.socket = certificates.context.wrap_socket(server.socket, server_side=True)
    with _serving(server):
        yield server.server_address[1], seen


@contextmanager
def proxy(status: int = 200) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """A proxy that tunnels: its port, and the hosts and credentials that it was asked with."""
    seen: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            seen.append((self.path, self.headers.get("Proxy-Authorization", "")))
            self.send_response(status)
            self.end_headers()
            if status != 200:
                return
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port)), 5) as there:
                back = threading.Thread(target=_pump, args=(there, self.connection))
                back.start()
                _pump(self.connection, there)
                back.join(5)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's.
            pass

    server = _Quiet((LOOPBACK, 0), Handler)
    with _serving(server):
        yield server.server_address[1], seen


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that doesn't trust the certificate hangs up, which is what is tested."""


@contextmanager
def _serving(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    source.settimeout(5)
    try:
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Mailbox:
    """A mail server's policy and what it took. ``refuses`` maps an address to the answers that its RCPT gets first,
    ``answers`` are what messages get first; then all is taken."""

    def __init__(self) -> None:
        self.refuses: dict[str, list[str]] = {}
        self.answers: list[str] = []
        self.taken: list[tuple[list[str], bytes]] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.over_tls: list[bool] = []
        self.password = b"hunter2"

    async def handle_RCPT(  # noqa: N802 - the name is the library's.
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuses.get(address):
            return self.refuses[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above.
        self.over_tls.append(server.transport is not None and server.transport.get_extra_info("sslcontext") is not None)
        if self.answers:
            answer = self.answers.pop(0)
            if answer == "cut":
                self.taken.append((envelope.rcpt_tos, envelope.original_content or b""))
                assert isinstance(server.transport, asyncio.Transport)
                server.transport.abort()
                return "250 never heard"
            return answer
        self.taken.append((envelope.rcpt_tos, envelope.original_content or b""))
        return "250 OK"

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == self.password, handled=False)


@contextmanager
def mail_server(
    box: Mailbox, certificates: Certificates | None, *, implicit: bool = False, login: bool = False
) -> Iterator[int]:
    """A mail server's port. Without certificates it offers no TLS."""
    context = certificates.context if certificates else None
    controller = Controller(
        box,
        hostname=LOOPBACK,
        port=_free(),
        ssl_context=context if implicit else None,
        tls_context=None if implicit else context,
        require_starttls=context is not None and not implicit,
        authenticator=box.login if login else None,
        auth_required=login,
        auth_require_tls=context is not None and not implicit,
        ident="mail",
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def _free() -> int:
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return int(one.getsockname()[1])
