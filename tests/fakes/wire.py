"""A TCP listener on loopback below HTTP: what happens on each connection is a function's business."""

import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

ANSWER_SECONDS = 5.0


def answer(body: bytes, *, headers: bytes = b"Content-Type: application/json", status: bytes = b"200 OK") -> bytes:
    """A whole HTTP answer."""
    return b"HTTP/1.1 %s\r\n%s\r\nContent-Length: %d\r\n\r\n%s" % (status, headers, len(body), body)


class Wire:
    """A context manager. `talk(connection, number)` runs in a thread for each connection, counted from 0.

    Without one it is a trap: it only counts who knocks. A connection is closed when its talk returns.
    """

    def __init__(self, talk: "Callable[[Peer, int], None] | None" = None) -> None:
        self._talk = talk
        self._threads: list[threading.Thread] = []
        self._peers: list[Peer] = []
        self.failures: list[BaseException] = []
        self.requests: list[bytes] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing alone would not wake the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        for peer in self._peers:
            peer.shut()
        for thread in self._threads:
            thread.join(ANSWER_SECONDS)
        if error is None and self.failures:
            raise self.failures[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def accepted(self) -> int:
        return len(self._peers)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                peer = Peer(connection, self.requests)
                self._peers.append(peer)
                thread = threading.Thread(target=self._serve, args=(peer, len(self._peers) - 1), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, peer: "Peer", number: int) -> None:
        try:
            if self._talk:
                self._talk(peer, number)
        except ConnectionError:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again when the block is left
            self.failures.append(error)
        finally:
            peer.close()


class Peer:
    """One connection, from the server's side."""

    def __init__(self, connection: socket.socket, requests: list[bytes]) -> None:
        self._connection = connection
        self._requests = requests
        self._unread = b""

    def request(self) -> bytes:
        """Read one whole request. Raises ConnectionError when the client leaves first."""
        while (end := self._unread.find(b"\r\n\r\n")) < 0:
            self._more()
        head = self._unread[:end].lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(self._unread) < end + 4 + length:
            self._more()
        whole, self._unread = self._unread[: end + 4 + length], self._unread[end + 4 + length :]
        self._requests.append(whole)
        return whole

    def wait_for_bytes(self) -> None:
        """Return when there is something to read, without reading it."""
        select.select([self._connection], [], [], ANSWER_SECONDS)

    def wait_to_leave(self) -> None:
        """Read on, and return when the client has left."""
        with suppress(ConnectionError):
            while True:
                self._more()

    def start_tls(self, context: ssl.SSLContext) -> None:
        """From now on encrypted; an end of the connection when the client does not like it."""
        try:
            self._connection = context.wrap_socket(self._connection, server_side=True)
        except ssl.SSLError as error:
            raise ConnectionError("no handshake") from error

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def can_send(self, *, seconds: float) -> bool:
        return bool(select.select([], [self._connection], [], seconds)[1])

    def send_some(self, data: bytes) -> int:
        """As much as there is room for; tell how much it was."""
        return self._connection.send(data, socket.MSG_DONTWAIT)

    def close(self) -> None:
        """With FIN; with RST when something was left unread."""
        self._connection.close()

    def reset(self) -> None:
        """Close with RST, whatever was read."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()

    def shut(self) -> None:
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _more(self) -> None:
        if not (data := self._connection.recv(65536)):
            raise ConnectionError("the client left")
        self._unread += data
