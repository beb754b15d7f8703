"""A small HTTP/1.1 server on loopback that can also misbehave.

It keeps connections alive, knows nothing about AWS, and hides sockets, framing and the event loop. An answer may come
late, stop in the middle of its body, or be a connection reset: what clients meet on a bad day. One loop in one thread
serves every connection, so what a handler does between two awaits needs no lock.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Protocol

import msgspec

LOOPBACK = "127.0.0.1"
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Request(msgspec.Struct, frozen=True):
    """One request; header names are in lower case, ``target`` is as it was sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. ``delay`` seconds pass before it is sent; ``cut`` is the share of the body after which the connection
    closes (the length that was promised stays that of the whole); ``reset`` sends nothing but a TCP reset."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0
    cut: float = 1.0
    reset: bool = False


class Handler(Protocol):
    """Answers a request, at once or later."""

    def __call__(self, request: Request, /) -> Response | Awaitable[Response]: ...


class Server:
    """Serves ``handler`` on a free port of loopback from :meth:`start` to :meth:`stop`."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="http1", daemon=True)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Transport] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def start(self, port: int = 0) -> None:
        self._thread.start()
        self._run(self._listen(port))

    def stop(self) -> None:
        """Closes every connection and ends the thread."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def call(self, work: Callable[[], Awaitable[Response]]) -> Response:
        """Runs ``work`` on the loop and waits for it; not to be used from the loop itself."""

        async def run() -> Response:
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(60)

    def _run(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            await work

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    async def _listen(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self._handler, self._connections), LOOPBACK, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server:
            self._server.close()
        for transport in tuple(self._connections):
            transport.abort()
        mine = asyncio.current_task()
        rest = [task for task in asyncio.all_tasks() if task is not mine and not _is_run(task)]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


def _is_run(task: "asyncio.Task[object]") -> bool:
    return getattr(task.get_coro(), "__name__", "") == "run"


class Connection(asyncio.Protocol):
    """One client's connection; its requests are answered one after the other."""

    def __init__(self, handler: Handler, connections: set[asyncio.Transport]) -> None:
        self._handler = handler
        self._connections = connections
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._continued = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(transport)
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self._transport)
        if self._task:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._advance()

    def _advance(self) -> None:
        while self._task is None and not self._transport.is_closing():
            request = self._next()
            if request is None:
                return
            self._continued = False
            answer = self._handler(request)
            if isinstance(answer, Response) and not answer.delay:
                self._send(request, answer)
            else:
                self._task = asyncio.ensure_future(self._later(request, answer))
                self._task.add_done_callback(self._answered)

    async def _later(self, request: Request, answer: Response | Awaitable[Response]) -> None:
        response = answer if isinstance(answer, Response) else await answer
        if response.delay:
            await asyncio.sleep(response.delay)
        self._send(request, response)

    def _answered(self, task: "asyncio.Task[None]") -> None:
        self._task = None
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            # A mistake in a handler must fail the test that met it, not hang its client.
            self._send(None, Response(status=501, body=f"the test's server failed: {error!r}".encode()))
            self._transport.close()
            return
        self._advance()

    def _next(self) -> Request | None:
        """The next whole request in the buffer, taken out of it."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        start = end + 4
        if headers.get("transfer-encoding", "").lower() == "chunked":
            dechunked = _dechunk(self._buffer, start)
            if dechunked is None:
                self._encourage(headers)
                return None
            body, stop = dechunked
        else:
            stop = start + int(headers.get("content-length", "0"))
            if len(self._buffer) < stop:
                self._encourage(headers)
                return None
            body = bytes(self._buffer[start:stop])
        del self._buffer[:stop]
        return Request(method, target, headers, body)

    def _encourage(self, headers: Mapping[str, str]) -> None:
        if headers.get("expect", "").lower() == "100-continue" and not self._continued:
            self._continued = True
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _send(self, request: Request | None, response: Response) -> None:
        if self._transport.is_closing():
            return
        if response.reset:
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
            return
        lines = [f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in response.headers if name.lower() != "content-length"]
        head = request is not None and request.method == "HEAD"
        told = {name.lower(): value for name, value in response.headers}
        length = told.get("content-length", "0") if head else str(len(response.body))
        lines += [f"Content-Length: {length}", "", ""]
        body = b"" if head else response.body[: int(len(response.body) * response.cut)]
        self._transport.write("\r\n".join(lines).encode("latin-1") + body)
        if response.cut < 1.0:
            self._transport.close()


def _dechunk(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    """The body of chunks that begins at ``start`` and where it ends; None while a part of it is still to come."""
    body = bytearray()
    while True:
        line = buffer.find(b"\r\n", start)
        if line < 0:
            return None
        size = int(bytes(buffer[start:line]).split(b";")[0], 16)
        start = line + 2
        if len(buffer) < start + size + 2:
            return None
        body += buffer[start : start + size]
        start += size + 2
        if size == 0:
            return bytes(body), start


async def forward(request: Request, port: int, headers: Mapping[str, str]) -> Response:
    """The answer of the server on ``port`` to the request, with ``headers`` added to or put in place of its own."""
    dropped = {"connection", "expect", "transfer-encoding", "content-length"}
    sent = {name: value for name, value in request.headers.items() if name not in dropped}
    sent |= {**headers, "connection": "close", "content-length": str(len(request.body))}
    lines = [f"{request.method} {request.target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    reader, writer = await asyncio.open_connection(LOOPBACK, port, limit=1 << 20)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + request.body)
        head = await reader.readuntil(b"\r\n\r\n")
        status, *rest = head.decode("latin-1").rstrip().split("\r\n")
        named = [(name, value.strip()) for name, _, value in (line.partition(":") for line in rest)]
        length = next((int(value) for name, value in named if name.lower() == "content-length"), -1)
        if request.method == "HEAD":
            length = 0
        # Not to the end of the stream where it can be helped: werkzeug waits for 10 ms before it closes one.
        body = await (reader.readexactly(length) if length >= 0 else reader.read(-1))
    finally:
        writer.close()
    kept = tuple((name, value) for name, value in named if name.lower() not in {"connection", "transfer-encoding"})
    return Response(status=int(status.split(" ")[1]), body=body, headers=kept)
