"""From tokens, images, seconds and a price to an amount. Pure integers: no float ever touches money.

Amounts are nano-dollars (1e-9 USD); prices are nano-dollars per million tokens (images, milliseconds, ...), so that
$0.0125 per million is the integer 12,500,000. The numerators are summed first and rounded once, half up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

NANO = 1_000_000_000
MILLION = 1_000_000


class Unit(StrEnum):
    """What is counted where tokens are not, or not alone."""

    IMAGE = "image"
    MILLISECOND = "millisecond"
    CHARACTER = "character"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer took. Cached, cache-creation and prompt_... tokens are part of the prompt, reasoning and

    completion_... tokens of the completion. Images are those made, milliseconds those of audio in or out.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_creation_tokens: int = 0
    reasoning_tokens: int = 0
    prompt_audio_tokens: int = 0
    prompt_image_tokens: int = 0
    completion_audio_tokens: int = 0
    completion_image_tokens: int = 0
    images: int = 0
    milliseconds: int = 0
    characters: int = 0
    queries: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def counted(self) -> tuple[int, str]:
        """The one count beside tokens that says most about the answer, and its Unit; 0 and "" for none."""
        if self.images:
            return self.images, Unit.IMAGE.value
        if self.characters:
            return self.characters, Unit.CHARACTER.value
        if self.milliseconds:
            return self.milliseconds, Unit.MILLISECOND.value
        return (self.queries, Unit.QUERY.value) if self.queries else (0, "")


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
class OtherRates:
    """What is not text. Tokens of a kind whose rate is None cost what text costs.

    The rest are nano-dollars per million; `answer` is for each million answers, whatever is in them.
    """

    input_audio: Rate | None = None
    input_image: Rate | None = None
    output_audio: Rate | None = None
    output_image: Rate | None = None
    image: int = 0
    millisecond: int = 0
    character: int = 0
    query: int = 0
    answer: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs. A rate that is None falls back: cached to input, reasoning to output."""

    input: Rate
    output: Rate
    cached: Rate | None = None
    cache_creation: Rate | None = None
    reasoning: Rate | None = None
    others: OtherRates | None = None


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
    asked, said = usage.prompt_tokens - cached - created, usage.completion_tokens - reasoning
    asked_for, said_for = asked * price.input.at(size), said * price.output.at(size)
    if price.others is not None:
        asked_for += _beside_asked(usage, price, price.others, asked)
        said_for += _beside_said(usage, price, price.others, said)
    parts = (
        asked_for,
        said_for,
        cached * (price.cached or price.input).at(size),
        created * (price.cache_creation or price.input).at(size),
        reasoning * (price.reasoning or price.output).at(size),
    )
    return Cost(_round(parts), *(_round((part,)) for part in parts))


def _beside_asked(usage: Usage, price: Price, others: OtherRates, asked: int) -> int:
    """What the input costs beyond its tokens' price as text; so it may be below 0."""
    audio = min(usage.prompt_audio_tokens, asked)
    image = min(usage.prompt_image_tokens, asked - audio)
    return (
        _difference(audio, others.input_audio, price.input, usage)
        + _difference(image, others.input_image, price.input, usage)
        + usage.milliseconds * others.millisecond
        + usage.characters * others.character
        + usage.queries * others.query
        + others.answer
    )


def _beside_said(usage: Usage, price: Price, others: OtherRates, said: int) -> int:
    audio = min(usage.completion_audio_tokens, said)
    image = min(usage.completion_image_tokens, said - audio)
    return (
        _difference(audio, others.output_audio, price.output, usage)
        + _difference(image, others.output_image, price.output, usage)
        + usage.images * others.image
    )


def _difference(tokens: int, rate: Rate | None, text: Rate, usage: Usage) -> int:
    return 0 if rate is None else tokens * (rate.at(usage.prompt_tokens) - text.at(usage.prompt_tokens))


def _round(parts: Sequence[int]) -> int:
    return (sum(parts) + MILLION // 2) // MILLION


def per_million(dollars_each: Decimal) -> int:
    """LiteLLM's `input_cost_per_token`, or its price of another unit, as nano-dollars per million."""
    return int((dollars_each * MILLION * NANO).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def dollars(nano: int) -> float:
    """For JSON answers only."""
    return nano / NANO
