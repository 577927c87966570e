"""uvicorn as we run it, and the process around it."""

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

GRACE_SECONDS = 60
KEEPALIVE_SECONDS = 75
_MALFORMED = b'{"error":{"message":"Malformed HTTP request.","type":"invalid_request_error","param":null,"code":"400"}}'


class GatewayProtocol(HttpToolsProtocol):
    """Tells a request that is not HTTP in the envelope of every other error."""

    def send_400_response(self, msg: str) -> None:
        head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
        head += b"connection: close\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(head % len(_MALFORMED) + _MALFORMED)
        self.transport.close()


class GatewayServer(uvicorn.Server):
    """Calls `ready` once the port answers."""

    def __init__(self, config: uvicorn.Config, *, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def config(*, host: str, port: int, workers: int = 1) -> uvicorn.Config:
    options: dict[str, Any] = {
        "loop": "uvloop",
        "http": GatewayProtocol,
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": KEEPALIVE_SECONDS,
        "timeout_graceful_shutdown": GRACE_SECONDS,
        "backlog": 4096,
    }
    return uvicorn.Config("gateway_project.asgi:application", host=host, port=port, workers=workers, **options)


def run_one(server_config: uvicorn.Config, *, listening: socket.socket, ready: Callable[[], None]) -> bool:
    """Serve until a signal comes; True when it ended as it should."""
    server = GatewayServer(server_config, ready=ready)
    # uvicorn stops on these, and raises them again when it is done: then there is still work to be finished.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stopping)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[listening]))
    return server.started


def run_many(server_config: uvicorn.Config, *, listening: socket.socket, ready: Callable[[], None]) -> None:
    """A process each worker; one that dies is replaced."""
    threading.Thread(target=_call_when_alive, args=(listening.getsockname(), ready), daemon=True).start()
    Multiprocess(server_config, sockets=[listening]).run()


def _call_when_alive(address: tuple[str, int], ready: Callable[[], None]) -> None:
    """The workers start in processes of their own, so only an answer tells that one is there."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address[0], address[0])  # noqa: S104
    url = f"http://{f'[{host}]' if ':' in host else host}:{address[1]}/health/liveliness"
    with httpx.Client(trust_env=False) as client:
        while True:
            try:
                if client.get(url).is_success:
                    return ready()
            except httpx.TransportError:
                time.sleep(0.05)


def _stopping(number: int, frame: object) -> None:
    pass
