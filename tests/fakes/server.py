"""A real HTTP server on loopback that keeps what it received and answers from a script."""

import json
import os
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

CLOSING_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Received:
    """One request; header names are lower case, `at` is on the monotonic clock, in seconds."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: float

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer, and how badly.

    `cut_after` resets the connection after that many bytes of body; `drop` resets it before any answer; `hang`
    never answers until the server closes. `chunks` are sent in chunked transfer with `chunk_delay_seconds` between
    them: a generator among them is closed as soon as the client is gone, and may raise `Cut`. `before_body` runs
    after the delay and before the first byte.
    """

    status: int = 200
    body: bytes | str | dict[str, Any] | list[Any] = b""
    _: KW_ONLY
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    cut_after: int | None = None
    drop: bool = False
    hang: bool = False
    chunks: Iterable[bytes] | None = None
    chunk_delay_seconds: float = 0.0
    before_body: Callable[[], None] | None = None


class Cut(Exception):
    """Raised by a generator of chunks to reset the connection."""


class FakeServer:
    """Context manager around one server in a background thread, on a free port unless told another.

    Scripted replies go first, in order; then `respond` of the subclass decides. Leaving the block raises what went
    wrong inside the fake, so that a broken fake never passes for a failing peer.
    """

    def __init__(self, *, port: int = 0) -> None:
        self.port = port
        self.received: list[Received] = []
        self.failures: list[Exception] = []
        self._script: deque[Reply] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._listener: _Listener | None = None

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        if error is None and self.failures:
            raise self.failures[0]

    def open(self) -> None:
        """Listen; after `close` at the same address again."""
        self._closing.clear()
        self._listener = _Listener(self)
        self.port = self._listener.server_address[1]

    def close(self) -> None:
        """Stop listening and hang up on everybody; new connections are refused from here on."""
        self._closing.set()
        if self._listener:
            self._listener.stop()
            self._listener = None

    def script(self, *replies: Reply) -> None:
        with self._changed:
            self._script.extend(replies)

    def clear(self) -> None:
        """Forget what was received and what is left of the script."""
        with self._changed:
            self.received.clear()
            self._script.clear()

    def wait_for(self, count: int, timeout: float = 5.0) -> list[Received]:
        """Return the first `count` requests or more; raises AssertionError after `timeout` seconds."""
        if not self.wait_until(lambda: len(self.received) >= count, timeout=timeout):
            came = [f"{received.method} {received.path}" for received in self.received]
            raise AssertionError(f"waited {timeout} s for {count} requests, {len(came)} came: {came}")
        return list(self.received)

    def wait_until(self, condition: Callable[[], bool], *, timeout: float = 5.0) -> bool:
        """Tell whether `condition` came true; looked at whenever this server has received or recorded something."""
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def respond(self, received: Received) -> Reply:
        """Answer once the script is used up. Must be quick: it decides, the reply carries what takes time."""
        return Reply()

    def choose(self, received: Received) -> Reply:
        """Scripted reply or own one; a subclass that keeps a record of requests extends this."""
        return self._script.popleft() if self._script else self.respond(received)

    def pause(self, seconds: float | None) -> bool:
        """Wait so many seconds, for ever if None; tell whether the server was closed meanwhile."""
        return self._closing.is_set() if seconds == 0 else self._closing.wait(seconds)

    def take(self, received: Received) -> Reply:
        """Keep the request and choose its answer; for the listener."""
        # Chosen before anybody is woken: what a subclass records is there when `wait_for` returns.
        with self._changed:
            try:
                reply = self.choose(received)
            except Exception as error:  # noqa: BLE001 - raised again when the block is left
                self.record_failure(error)
                reply = Reply(500, f"the fake itself failed: {error!r}")
            self.received.append(received)
            self._changed.notify_all()
        return reply

    def record_failure(self, error: Exception) -> None:
        with self._changed:
            self.failures.append(error)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    # The default of five makes a burst of connections wait a second for the kernel's second try.
    request_queue_size = 1024

    def __init__(self, fake: FakeServer) -> None:
        self.fake = fake
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(("127.0.0.1", fake.port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def server_bind(self) -> None:
        # HTTPServer asks the resolver for a name, which can take seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._connections.add(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        super().process_request_thread(request, client_address)
        with self._changed:
            self._connections.discard(request)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        # A client may leave at any time; everything else is a fault of the fake.
        if isinstance(error, Exception) and not isinstance(error, ConnectionError):
            self.fake.record_failure(error)

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._changed:
            for connection in self._connections:
                _hang_up(connection)
            self._changed.wait_for(lambda: not self._connections, CLOSING_SECONDS)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "fake", ""
    # Unbuffered writes make Nagle and delayed ACK add 44 ms to every answer.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Listener

    def log_message(self, *_: object) -> None:
        pass

    def _serve(self) -> None:
        fake = self.server.fake
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        body = self._read_body()
        reply = fake.take(Received(self.command, parts.path, query, headers, body, time.monotonic()))
        closed = fake.pause(None if reply.hang else reply.delay_seconds)
        if closed or reply.drop:
            self._reset()
            return
        if reply.before_body:
            reply.before_body()
        try:
            self._send(reply)
        except Cut:
            self._reset()

    do_DELETE = do_GET = do_PATCH = do_POST = do_PUT = _serve

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            length = int(self.headers.get("Content-Length", 0))
            if len(body := self.rfile.read(length)) < length:
                raise ConnectionError("the client left in the middle of its request")
            return body
        body = b""
        while size := int(self._read_line().split(b";")[0], 16):
            body += self.rfile.read(size)
            self._read_line()
        self._read_line()
        return body

    def _read_line(self) -> bytes:
        if not (line := self.rfile.readline()):
            raise ConnectionError("the client left in the middle of its request")
        return line

    def _send(self, reply: Reply) -> None:
        content_type, body = _encode(reply.body)
        framing = {"Transfer-Encoding": "chunked"} if reply.chunks is not None else {"Content-Length": str(len(body))}
        headers = {"Content-Type": content_type, **framing}
        own = {name.lower() for name in reply.headers}
        self.send_response(reply.status)
        for name, value in headers.items():
            if name.lower() not in own:
                self.send_header(name, value)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.chunks is not None:
            self._send_chunks(reply, reply.chunks)
        else:
            self.wfile.write(body[: reply.cut_after])
            if reply.cut_after is not None:
                raise Cut

    def _send_chunks(self, reply: Reply, chunks: Iterable[bytes]) -> None:
        left = sys.maxsize if reply.cut_after is None else reply.cut_after
        self.wfile.flush()
        try:
            for position, chunk in enumerate(chunks):
                if self.server.fake.pause(reply.chunk_delay_seconds if position else 0):
                    raise Cut
                piece = chunk[:left]
                left -= len(piece)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if piece else b"")
                self.wfile.flush()
                if not left:
                    raise Cut
        finally:
            if close := getattr(chunks, "close", None):
                close()
        self.wfile.write(b"0\r\n\r\n")

    def _reset(self) -> None:
        """Close with RST: no FIN, which a client may take for a proper end."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())


def _encode(body: bytes | str | dict[str, Any] | list[Any]) -> tuple[str, bytes]:
    if isinstance(body, bytes):
        return "application/octet-stream", body
    if isinstance(body, str):
        return "text/plain; charset=utf-8", body.encode()
    return "application/json", json.dumps(body).encode()


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
