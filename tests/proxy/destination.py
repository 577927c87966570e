"""A deployment as the client of upstreams sees one, and what is asked of it."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from proxy.providers.base import UpstreamRequest
from proxy.providers.openai import OpenAICompatible
from proxy.upstream import Answer, Upstream

T = TypeVar("T")
SECONDS = 5.0


@dataclass(frozen=True)
class Deployed:
    id: str = "d"
    operators_own: bool = True
    secrets: tuple[str, ...] = ()
    provider: OpenAICompatible = field(default_factory=lambda: OpenAICompatible("openai"))


OPERATORS = Deployed(operators_own=True)
SOMEBODYS = Deployed(operators_own=False)


def post(url: str, *, content: bytes = b'{"model": "m"}', headers: dict[str, str] | None = None) -> UpstreamRequest:
    return UpstreamRequest(
        f"{url}/v1/chat/completions", {"Content-Type": "application/json", **(headers or {})}, content
    )


async def completed(upstream: Upstream, url: str, *, by: Deployed = OPERATORS, seconds: float = SECONDS) -> Answer:
    return await upstream.complete(by, post(url), timeout=seconds)


def in_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end in a loop of its own; whatever hangs is a failure."""

    async def bounded() -> T:
        async with asyncio.timeout(4 * SECONDS):
            return await work

    return asyncio.run(bounded())


def busy(upstream: Upstream) -> int:
    """Connections that no request gave back."""
    return sum(len(session.connector._acquired) for session in upstream._sessions.values() if session.connector)
