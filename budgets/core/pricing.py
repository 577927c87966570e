"""From tokens and a price to an amount. Pure integers: no float ever touches money.

Amounts are nano-dollars (1e-9 USD); prices are nano-dollars per million tokens, so that $0.0125 per million is
the integer 12,500,000. The numerators are summed first and rounded once, half up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

NANO = 1_000_000_000
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer. Cached and cache-creation tokens are part of the prompt, reasoning of the completion."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_creation_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Rate:
    """Nano-dollars per million tokens, by the size of the prompt: `(from_prompt_tokens, price)`, ascending."""

    base: int
    tiers: tuple[tuple[int, int], ...] = ()

    def at(self, prompt_tokens: int) -> int:
        price = self.base
        for start, tier in self.tiers:
            if prompt_tokens > start:
                price = tier
        return price


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs. A rate that is None falls back: cached to input, reasoning to output."""

    input: Rate
    output: Rate
    cached: Rate | None = None
    cache_creation: Rate | None = None
    reasoning: Rate | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """Nano-dollars, and the parts they are made of (for the breakdown headers; parts are rounded on their own)."""

    total: int
    input: int
    output: int
    cache_read: int = 0
    cache_creation: int = 0
    reasoning: int = 0


FREE = Cost(total=0, input=0, output=0)


def cost(usage: Usage, price: Price) -> Cost:
    """The amount for one answer, in nano-dollars."""
    size = usage.prompt_tokens
    # A provider's details may exceed its totals; what it calls cached is never charged twice.
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    created = min(usage.cache_creation_tokens, usage.prompt_tokens - cached)
    reasoning = min(usage.reasoning_tokens, usage.completion_tokens)
    parts = (
        (usage.prompt_tokens - cached - created) * price.input.at(size),
        (usage.completion_tokens - reasoning) * price.output.at(size),
        cached * (price.cached or price.input).at(size),
        created * (price.cache_creation or price.input).at(size),
        reasoning * (price.reasoning or price.output).at(size),
    )
    return Cost(_round(parts), *(_round((part,)) for part in parts))


def _round(parts: Sequence[int]) -> int:
    return (sum(parts) + MILLION // 2) // MILLION


def per_million(dollars_per_token: Decimal) -> int:
    """LiteLLM's `input_cost_per_token` as nano-dollars per million tokens."""
    return int((dollars_per_token * MILLION * NANO).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def dollars(nano: int) -> float:
    """For JSON answers only."""
    return nano / NANO
