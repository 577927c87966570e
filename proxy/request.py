"""A request on the lean path: Django's, with a body that is read when asked for and a word when the client leaves."""

import asyncio
import time
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

from asgiref.typing import ASGIReceiveCallable, HTTPScope
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest

from proxy.core.errors import BadRequest, RequestTooLarge, UnsupportedMediaType
from proxy.core.trace import Trace
from teams.snapshot import Principal

if TYPE_CHECKING:
    from proxy.deployments import Deployment
    from proxy.run import Run


class LeanRequest(ASGIRequest):
    """`principal` is there once the view has authenticated the caller."""

    principal: Principal
    # What the request path notes for whoever counts and explains; `route` is one of ours, with no name of a client's.
    # `asked` is the deployment that failed last.
    run: "Run | None" = None
    asked: "Deployment | None" = None
    trace: Trace | None = None
    route: str = ""

    def __init__(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> None:
        super().__init__(scope, BytesIO())
        self._receive = receive
        self.arrived = time.perf_counter()
        self.client_gone = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None
        self._when_gone: list[Callable[[], None]] = []

    async def read_json_body(self) -> bytes:
        """Raises UnsupportedMediaType, RequestTooLarge (as soon as that is known) or BadRequest."""
        kind = self._media_type()
        if kind and kind != "application/json" and not kind.endswith("+json"):
            raise UnsupportedMediaType(f"Content-Type must be application/json, not {kind[:100]}.")
        return await self.read_body()

    async def read_form_body(self) -> bytes:
        """For proxy.core.forms.parse_form, with `META["CONTENT_TYPE"]`. Raises as `read_json_body` does."""
        kind = self._media_type()
        if kind != "multipart/form-data":
            raise UnsupportedMediaType(f"Content-Type must be multipart/form-data, not {kind[:100] or 'left out'}.")
        return await self.read_body()

    async def read_body(self) -> bytes:
        """Whatever its type. Raises UnsupportedMediaType, RequestTooLarge or BadRequest."""
        if self.META.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
            raise UnsupportedMediaType("A compressed request body is not supported; send it as it is.")
        self._refuse_beyond(int(self.META.get("CONTENT_LENGTH") or 0))
        message = await self._receive()
        body: bytes = message.get("body", b"")  # type: ignore[assignment]
        if not message.get("more_body"):
            return body
        # A big one comes in hundreds of pieces: adding bytes to bytes would copy it as often.
        whole = bytearray(body)
        while message.get("more_body"):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("The request body ended early.")
            whole += message.get("body", b"")  # type: ignore[arg-type]
            self._refuse_beyond(len(whole))
        return bytes(whole)

    def _media_type(self) -> str:
        kind: str = self.META.get("CONTENT_TYPE", "")
        return kind.partition(";")[0].strip().lower()

    def watch(self) -> None:
        """Notice from now on when the client leaves. To be called once the body has been read."""
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._wait_until_gone())

    def stop_watching(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()

    def on_gone(self, callback: Callable[[], None]) -> None:
        """Call back when the client leaves; at once when it has left."""
        if self.client_gone.is_set():
            callback()
        else:
            self._when_gone.append(callback)

    async def has_gone(self) -> bool:
        """For rare moments, such as before another upstream is asked: the watcher is started only now."""
        if self._watcher is None:
            self.watch()
            # What the server knows already is told on the watcher's first turn.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return self.client_gone.is_set()

    async def _wait_until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.client_gone.set()
        for callback in self._when_gone:
            callback()

    def _refuse_beyond(self, size: int) -> None:
        if size > settings.MAX_REQUEST_BYTES:
            raise RequestTooLarge(
                f"The request body is larger than {settings.MAX_REQUEST_BYTES} bytes.",
                # The rest of the body is not read, so the connection cannot carry another request.
                headers={"connection": "close"},
            )
