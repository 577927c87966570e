"""A request on the lean path: Django's, with a body that is read when asked for and a word when the client leaves."""

import asyncio
from io import BytesIO

from asgiref.typing import ASGIReceiveCallable, HTTPScope
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest

from proxy.core.errors import BadRequest, RequestTooLarge, UnsupportedMediaType
from teams.snapshot import Principal


class LeanRequest(ASGIRequest):
    """`principal` is there once the view has authenticated the caller."""

    principal: Principal

    def __init__(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> None:
        super().__init__(scope, BytesIO())
        self._receive = receive
        self.client_gone = asyncio.Event()

    async def read_json_body(self) -> bytes:
        """Raises UnsupportedMediaType, RequestTooLarge (as soon as that is known) or BadRequest."""
        kind = self.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        if kind and kind != "application/json" and not kind.endswith("+json"):
            raise UnsupportedMediaType(f"Content-Type must be application/json, not {kind[:100]}.")
        if self.META.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
            raise UnsupportedMediaType("A compressed request body is not supported; send it as it is.")
        self._refuse_beyond(int(self.META.get("CONTENT_LENGTH") or 0))
        message = await self._receive()
        body: bytes = message.get("body", b"")  # type: ignore[assignment]
        while message.get("more_body"):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("The request body ended early.")
            body += message.get("body", b"")  # type: ignore[operator]
            self._refuse_beyond(len(body))
        return body

    async def wait_until_gone(self) -> None:
        """Returns when the client has left; by then `client_gone` is set."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.client_gone.set()

    def _refuse_beyond(self, size: int) -> None:
        if size > settings.MAX_REQUEST_BYTES:
            raise RequestTooLarge(
                f"The request body is larger than {settings.MAX_REQUEST_BYTES} bytes.",
                # The rest of the body is not read, so the connection cannot carry another request.
                headers={"connection": "close"},
            )
