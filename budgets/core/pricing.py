"""From tokens, images, seconds and a price to an amount. Pure integers: no float ever touches money.

Amounts are nano-dollars (1e-9 USD); prices are nano-dollars per million tokens (images, milliseconds, ...), so that
$0.0125 per million is the integer 12,500,000. The numerators are summed first and rounded once, half up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

NANO = 1_000_000_000
MILLION = 1_000_000
# A discount and a margin are counted in such parts of the whole.
SHARE = 10**15
# What `affordable_tokens` says when tokens are free.
ANY_NUMBER = 1_000_000_000


class Unit(StrEnum):
    """What is counted where tokens are not, or not alone."""

    IMAGE = "image"
    MILLISECOND = "millisecond"
    CHARACTER = "character"
    QUERY = "query"


class Service(StrEnum):
    """How fast a provider serves, where that has prices of its own."""

    BATCH = "batch"
    FLEX = "flex"
    PRIORITY = "priority"
    BALANCED = "balanced"
    ULTRAFAST = "ultrafast"


class SearchSize(StrEnum):
    """How much of the web a search puts before the model; without a word about it, it is medium."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer took. Cached, cache-creation and prompt_... tokens are part of the prompt, reasoning and

    completion_... tokens of the completion, those written for an hour of all that were written to the cache. Images
    are those made, prompt images those shown, milliseconds those of audio in or out, searches those of the web.
    `service_tier` is how the provider says that it served.
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
    cache_creation_1h_tokens: int = 0
    prompt_images: int = 0
    searches: int = 0
    search_size: str = ""
    service_tier: str = ""

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


NOTHING = Usage()


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

    def dearest(self, prompt_tokens: int) -> int:
        """The most that it is for a prompt of at most so many tokens."""
        price = self.base
        for start, tier in self.tiers:
            if prompt_tokens > start and tier > price:
                price = tier
        return price


@dataclass(frozen=True, slots=True)
class OtherRates:
    """What is not text. Tokens of a kind whose rate is None cost what text costs.

    The rest are nano-dollars per million; `answer` is for each million answers, whatever is in them. Where characters
    have a price, the tokens of the same text have none.
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
    prompt_image: int = 0
    search_low: int = 0
    search_medium: int = 0
    search_high: int = 0

    def search(self, size: str) -> int:
        if size == SearchSize.LOW:
            return self.search_low
        return self.search_high if size == SearchSize.HIGH else self.search_medium


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator changes a provider's price by: first the discount, then the margin on what is left of it.

    Both in parts of SHARE; `fixed` is nano-dollars per million answers, on top.
    """

    discount: int = 0
    margin: int = 0
    fixed: int = 0

    def amount(self, exact: int) -> int:
        """Nano-dollars, rounded once, of nano-dollars times MILLION."""
        unit = MILLION * SHARE * SHARE
        changed = exact * (SHARE - self.discount) * (SHARE + self.margin) + self.fixed * SHARE * SHARE
        return (changed + unit // 2) // unit

    def taken_off(self, exact: int) -> int:
        unit = MILLION * SHARE
        return (exact * self.discount + unit // 2) // unit


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs. A rate that is None falls back: cached and cache creation to input, an hour's cache creation

    to cache creation, reasoning to output. `variants` are by service tier; they are whole, and have no terms.
    """

    input: Rate
    output: Rate
    cached: Rate | None = None
    cache_creation: Rate | None = None
    reasoning: Rate | None = None
    others: OtherRates | None = None
    cache_creation_1h: Rate | None = None
    variants: tuple[tuple[str, "Price"], ...] = ()
    terms: Terms | None = None

    def served(self, service_tier: str) -> "Price":
        for name, variant in self.variants:
            if name == service_tier:
                return variant
        return self


@dataclass(frozen=True, slots=True)
class Cost:
    """Nano-dollars, and the parts they are made of (for the breakdown headers; parts are rounded on their own).

    `original` is what it was before the operator's discount and margin, None when it is the total; the parts add up
    to it, and `original - discount + margin` is the total.
    """

    total: int
    input: int
    output: int
    cache_read: int = 0
    cache_creation: int = 0
    reasoning: int = 0
    tools: int = 0
    original: int | None = None
    discount: int = 0
    margin: int = 0

    @property
    def before_terms(self) -> int:
        return self.total if self.original is None else self.original


FREE = Cost(total=0, input=0, output=0)
_HALF = MILLION // 2


def cost(usage: Usage, price: Price) -> Cost:
    """The amount for one answer, in nano-dollars."""
    terms = price.terms
    if usage.service_tier and price.variants:
        price = price.served(usage.service_tier)
    size = usage.prompt_tokens
    # A provider's details may exceed its totals; what it calls cached is never charged twice.
    cached = min(usage.cached_tokens, size)
    created = min(usage.cache_creation_tokens, size - cached)
    reasoning = min(usage.reasoning_tokens, usage.completion_tokens)
    asked, said = size - cached - created, usage.completion_tokens - reasoning
    asked_for, said_for, tools = asked * price.input.at(size), said * price.output.at(size), 0
    if (others := price.others) is not None:
        asked_for += _beside_asked(usage, price, others, asked)
        said_for += _beside_said(usage, price, others, said)
        tools = usage.searches * others.search(usage.search_size)
    read_for = cached * (price.cached or price.input).at(size) if cached else 0
    created_for = _written(created, usage, price) if created else 0
    reasoned_for = reasoning * (price.reasoning or price.output).at(size) if reasoning else 0
    exact = asked_for + said_for + read_for + created_for + reasoned_for + tools
    found = Cost(
        (exact + _HALF) // MILLION,
        (asked_for + _HALF) // MILLION,
        (said_for + _HALF) // MILLION,
        (read_for + _HALF) // MILLION,
        (created_for + _HALF) // MILLION,
        (reasoned_for + _HALF) // MILLION,
        (tools + _HALF) // MILLION,
    )
    return found if terms is None else _on(terms, found, exact)


def _written(created: int, usage: Usage, price: Price) -> int:
    """What the tokens that went into the cache cost; the dearer hour is said by a detail of theirs."""
    size, rate = usage.prompt_tokens, price.cache_creation or price.input
    for_an_hour = min(usage.cache_creation_1h_tokens, created)
    return (created - for_an_hour) * rate.at(size) + for_an_hour * (price.cache_creation_1h or rate).at(size)


def _beside_asked(usage: Usage, price: Price, others: OtherRates, asked: int) -> int:
    """What the input costs beyond its tokens' price as text; so it may be below 0."""
    audio = min(usage.prompt_audio_tokens, asked)
    image = min(usage.prompt_image_tokens, asked - audio)
    by_character = usage.characters * others.character
    return (
        _difference(audio, others.input_audio, price.input, usage)
        + _difference(image, others.input_image, price.input, usage)
        + (by_character - (asked - audio - image) * price.input.at(usage.prompt_tokens) if by_character else 0)
        + usage.milliseconds * others.millisecond
        + usage.queries * others.query
        + usage.prompt_images * others.prompt_image
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


def _on(terms: Terms, plain: Cost, exact: int) -> Cost:
    """With the operator's terms. What the rounding leaves over is in the margin, or in the discount where there is

    no margin, so that the amounts add up.
    """
    total, taken_off = terms.amount(exact), terms.taken_off(exact)
    margin = total - plain.total + taken_off
    if not terms.margin and not terms.fixed:
        taken_off, margin = plain.total - total, 0
    return Cost(
        total, plain.input, plain.output, plain.cache_read, plain.cache_creation, plain.reasoning, plain.tools,
        None if total == plain.total else plain.total, taken_off, margin,
    )  # fmt: skip


def ceiling(
    price: Price, *, prompt_tokens: int, completion_tokens: int, answers: int = 1, beside: Usage = NOTHING
) -> int:
    """The most, in nano-dollars, that a prompt and `answers` completions of at most so many tokens can cost.

    Whatever the tokens turn out to be (cached, written to the cache, audio, images, reasoning) and at whatever tier
    they are served. `beside` are the most of what is not counted in tokens: images, milliseconds, searches.
    """
    asked, said = _dearest(price, prompt_tokens)
    exact = prompt_tokens * asked + completion_tokens * answers * said + _fees(price, beside)
    return (exact + _HALF) // MILLION if price.terms is None else price.terms.amount(exact)


def affordable_tokens(price: Price, *, prompt_tokens: int, nano: int, answers: int = 1, beside: Usage = NOTHING) -> int:
    """How many tokens each of the completions may have for the ceiling to be at most `nano`; 0 when none fits.

    ANY_NUMBER when they are free.
    """
    asked, said = _dearest(price, prompt_tokens)
    before = prompt_tokens * asked + _fees(price, beside)
    unit, factor, fixed = MILLION, 1, 0
    if (terms := price.terms) is not None:
        unit = MILLION * SHARE * SHARE
        factor = (SHARE - terms.discount) * (SHARE + terms.margin)
        fixed = terms.fixed * SHARE * SHARE
    # Rounded half up it is `nano` as long as twice the exact amount is below 2 x nano + 1.
    left = (2 * nano + 1) * unit - 2 * (before * factor + fixed)
    if left <= 0:
        return 0
    each = 2 * said * answers * factor
    return min((left - 1) // each, ANY_NUMBER) if each else ANY_NUMBER


def _dearest(price: Price, prompt_tokens: int) -> tuple[int, int]:
    """The dearest rates, at any service tier, of what a prompt and of what a completion is made of."""
    asked = said = 0
    for one in _all_variants(price):
        others = one.others or _NO_OTHERS
        of_asked = (one.input, one.cached, one.cache_creation, one.cache_creation_1h)
        asked = _most(asked, (*of_asked, others.input_audio, others.input_image), prompt_tokens)
        said = _most(said, (one.output, one.reasoning, others.output_audio, others.output_image), prompt_tokens)
    return asked, said


_NO_OTHERS = OtherRates()


def _most(known: int, rates: tuple[Rate | None, ...], prompt_tokens: int) -> int:
    for rate in rates:
        if rate is not None and (dearest := rate.dearest(prompt_tokens)) > known:
            known = dearest
    return known


def _all_variants(price: Price) -> Iterator[Price]:
    yield price
    for _, variant in price.variants:
        yield variant


def _fees(price: Price, beside: Usage) -> int:
    """The most that what is not tokens can cost, times MILLION."""
    return max(_fee(one.others, beside) for one in _all_variants(price))


def _fee(others: OtherRates | None, beside: Usage) -> int:
    if others is None:
        return 0
    return (
        beside.images * others.image
        + beside.milliseconds * others.millisecond
        + beside.characters * others.character
        + beside.queries * others.query
        + beside.prompt_images * others.prompt_image
        + beside.searches * max(others.search_low, others.search_medium, others.search_high)
        + others.answer
    )


def per_million(dollars_each: Decimal) -> int:
    """LiteLLM's `input_cost_per_token`, or its price of another unit, as nano-dollars per million."""
    return int((dollars_each * MILLION * NANO).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def dollars(nano: int) -> float:
    """For JSON answers only."""
    return nano / NANO
