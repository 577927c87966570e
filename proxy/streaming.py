"""Relaying a stream: bytes go through as they come, the books are closed before the last of them.

Until the first of them a failure is told to the router, which may ask somebody else. When the client goes away the
upstream is read on for a while: it bills what it generates, and only its own usage says how much that is.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings

from budgets.core.pricing import Usage
from budgets.ledger import LedgerUnavailable
from budgets.models import Basis
from proxy.answers import Headers
from proxy.attempt import NO_USAGE, Attempt
from proxy.core.calls import clean
from proxy.core.errors import UpstreamError, UpstreamFailure
from proxy.core.exchange import Exchange
from proxy.core.measure import estimate_prompt
from proxy.core.streams import EventTooLong
from proxy.upstream import UpstreamStream

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RelayResponse:
    """An answer whose body is written piece by piece by the lean handler."""

    relay: "Relay"
    headers: Headers


class Relay:
    """One stream on its way through."""

    def __init__(self, upstream: UpstreamStream, attempt: Attempt, exchange: Exchange) -> None:
        self.headers = upstream.headers
        self._upstream = upstream
        self.attempt = attempt
        self._exchange = exchange
        self._gone = attempt.run.request.client_gone
        run = attempt.run
        self._reader = exchange.reader(
            run.call,
            model=run.shown_model(attempt.deployment),
            fallback_id=run.answer_id,
            created=int(attempt.started_at.timestamp()),
        )
        self._source = self._read()
        self._first = b""
        self._error: UpstreamError | None = None
        self._settled = False

    async def open(self) -> None:
        """Returns with the first bytes for the client in hand. Raises UpstreamError, settled, when there are none."""
        attempt = self.attempt
        attempt.run.request.on_gone(self._stop_soon)
        try:
            async for out in self._source:
                self._first = out
                return
            if self._failure() is None or self._gone.is_set():
                return
            await self._settle()
        except BaseException:
            await self._upstream.close()
            raise
        await self._upstream.close()
        assert self._error is not None
        raise self._error

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """What the client shall see, what ends the stream last."""
        try:
            if self._first and not self._gone.is_set():
                yield self._first
            async for out in self._source:
                yield out
            await self._settle()
            if not self._gone.is_set():
                yield self._reader.farewell() if self._error is None else self._reader.complaint(self._error)
        finally:
            await self.close()

    async def close(self) -> None:
        """Let the upstream go and close the books, however far it came. May be called again."""
        run = self.attempt.run
        run.runtime.under_way.discard(run)
        await self._upstream.close()
        await self._settle()
        status = self._error.status_code if self._error else 200
        if run.grant is not None:
            run.grant.release()
        run.close(self.attempt, status=status, error=self._error)

    async def _read(self) -> AsyncIterator[bytes]:
        reader, attempt, run = self._reader, self.attempt, self.attempt.run
        try:
            async for data in self._upstream:
                run.heard_at = time.perf_counter()
                out = reader.feed(data)
                if attempt.first_token_at is None and reader.first_token:
                    attempt.saw_first_token()
                if out and not self._gone.is_set():
                    attempt.passed_on(reader.events)
                    # Until the next is asked for, it is the client that is waited for.
                    handed_over, run.heard_at = run.heard_at, math.inf
                    yield out
                    run.heard_at = time.perf_counter()
                    attempt.client_seconds += run.heard_at - handed_over
            if (out := reader.finish()) and not self._gone.is_set():
                yield out
            if not (reader.events or reader.usage or reader.error or self._gone.is_set()):
                self._error = UpstreamFailure("the stream has no event", provider=attempt.deployment.provider.name)
        except UpstreamError as error:
            self._error = error
        except EventTooLong:
            self._error = UpstreamFailure("an event is too long", provider=attempt.deployment.provider.name)

    def _stop_soon(self) -> None:
        """A client has left: whatever the upstream does, it is let go before long."""
        asyncio.get_running_loop().call_later(settings.STREAM_DRAIN_SECONDS, self._upstream.abort)

    async def _settle(self) -> None:
        """Once. What was served cannot be taken back, so a ledger that fails now is an admin's business."""
        if self._settled:
            return
        self._settled = True
        attempt, reader = self.attempt, self._reader
        attempt.upstream_id = clean(reader.upstream_id)
        usage = attempt.deployment.provider.usage(self._exchange.operation, reader.usage)
        basis = Basis.USAGE if usage else Basis.ESTIMATED
        if usage is None and reader.events == 0 and self._failure():
            usage, basis = NO_USAGE, Basis.NONE
        usage = usage or self._estimate()
        try:
            if error := self._failure():
                await attempt.fail(error, usage=usage, basis=basis)
            else:
                await attempt.succeed(usage, basis=basis)
        except LedgerUnavailable:
            logger.exception("A stream was served that the ledger did not take", extra={"call_id": attempt.run.call_id})

    def _estimate(self) -> Usage:
        """Without a usage chunk: four bytes a token for the prompt, one token an event for the answer."""
        call = self.attempt.run.call
        prompt = estimate_prompt(call.operation, call.body)
        return Usage(prompt_tokens=prompt, completion_tokens=self._reader.events if self._reader.first_token else 0)

    def _failure(self) -> UpstreamError | None:
        """What went wrong, be it told by the upstream as an event."""
        if self._error is None and self._reader.error is not None:
            deployment = self.attempt.deployment
            told = orjson.dumps({"error": self._reader.error})
            self._error = deployment.provider.error(
                _status(self._reader.error.get("code")), {}, told, secrets=deployment.secrets
            )
        return self._error


def _status(code: Any) -> int:
    """Of an error that came as an event; some tell their status as its code."""
    text = str(code)
    return int(text) if len(text) == 3 and text.isdigit() and text[0] in "45" else 500
