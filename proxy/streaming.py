"""Relaying a stream: bytes go through as they come, the books are closed before the last of them.

When the client goes away the upstream is read on for a while: it bills what it generates, and only its own usage
chunk says how much that is.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from django.http.response import HttpResponseBase

from budgets.core.pricing import Usage
from budgets.ledger import LedgerUnavailable
from budgets.models import Basis
from proxy.attempt import Attempt
from proxy.core.chat import clean
from proxy.core.errors import UpstreamError, UpstreamFailure, from_upstream
from proxy.core.sse import EventTooLong, StreamScanner
from proxy.upstream import UpstreamStream

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 30.0
_DONE = b"data: [DONE]\n\n"


class RelayResponse(HttpResponseBase):
    """A response whose body is written piece by piece by the lean handler."""

    streaming = True

    def __init__(self, parts: AsyncIterator[bytes], *, headers: Mapping[str, str]) -> None:
        super().__init__(headers=dict(headers))
        self.parts = parts


class Relay:
    """One stream on its way through. `gone` is set when the client has left."""

    def __init__(self, upstream: UpstreamStream, attempt: Attempt, *, gone: asyncio.Event) -> None:
        self._upstream = upstream
        self._attempt = attempt
        self._gone = gone
        self._scanner = StreamScanner(model=attempt.chat.model, wants_usage=attempt.chat.wants_usage)
        self._error: UpstreamError | None = None
        self._drain_until: float | None = None
        self._settled = False

    async def parts(self) -> AsyncIterator[bytes]:
        """What the client shall see, `[DONE]` last."""
        try:
            async for out in self._read():
                yield out
            await self._settle()
            if not self._gone.is_set():
                yield self._farewell()
        finally:
            await self._upstream.close()
            await self._settle()

    async def _read(self) -> AsyncIterator[bytes]:
        scanner, attempt = self._scanner, self._attempt
        try:
            async for data in self._upstream:
                out = scanner.feed(data)
                if attempt.first_token_at is None and scanner.first_token:
                    attempt.first_token_at = datetime.now(UTC)
                if not self._gone.is_set():
                    if out:
                        yield out
                elif self._drained_enough():
                    return
            if (out := scanner.finish()) and not self._gone.is_set():
                yield out
        except UpstreamError as error:
            self._error = error
        except EventTooLong:
            self._error = UpstreamFailure("an event is longer than 1 MiB", provider=attempt.deployment.provider.name)

    def _drained_enough(self) -> bool:
        now = time.monotonic()
        if self._drain_until is None:
            self._drain_until = now + DRAIN_SECONDS
        return now > self._drain_until

    async def _settle(self) -> None:
        """Once. What was served cannot be taken back, so a ledger that fails now is an admin's business."""
        if self._settled:
            return
        self._settled = True
        attempt, scanner = self._attempt, self._scanner
        attempt.upstream_id = clean(scanner.upstream_id)
        usage = attempt.deployment.provider.usage(scanner.usage)
        basis = Basis.USAGE if usage else Basis.ESTIMATED
        usage = usage or self._estimate()
        self._error = self._error or self._told()
        try:
            if self._error:
                await attempt.fail(self._error, usage=usage, basis=basis)
            else:
                await attempt.succeed(usage, basis=basis)
        except LedgerUnavailable:
            logger.exception("A stream was served that the ledger did not take", extra={"call_id": attempt.call_id})

    def _estimate(self) -> Usage:
        """Without a usage chunk: four bytes a token for the prompt, one token an event for the answer."""
        prompt = estimate_tokens(self._attempt.chat.upstream["messages"])
        return Usage(prompt_tokens=prompt, completion_tokens=self._scanner.events if self._scanner.first_token else 0)

    def _told(self) -> UpstreamError | None:
        """The error that the upstream told as an event."""
        if self._scanner.error is None:
            return None
        deployment = self._attempt.deployment
        told = orjson.dumps({"error": self._scanner.error})
        return from_upstream(500, told, provider=deployment.provider.name, secrets=deployment.secrets)

    def _farewell(self) -> bytes:
        if self._error is None:
            return _DONE
        return b"data: " + orjson.dumps(self._error.envelope()) + b"\n\n"


def estimate_tokens(value: Any) -> int:
    """Four bytes a token: for an upstream that reports no usage, and marked as an estimate in the ledger."""
    try:
        length = len(orjson.dumps(value))
    except orjson.JSONEncodeError:
        # Nested deeper than this encoder goes.
        length = len(str(value))
    return (length + 3) // 4
