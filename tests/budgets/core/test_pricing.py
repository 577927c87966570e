"""Amounts: by hand and by property."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgets.core.pricing import (
    ANY_NUMBER,
    FREE,
    MILLION,
    NANO,
    SHARE,
    Cost,
    OtherRates,
    Price,
    Rate,
    Terms,
    Unit,
    Usage,
    affordable_tokens,
    ceiling,
    cost,
    dollars,
    per_million,
)

GPT_4O_MINI = Price(input=Rate(150_000_000), output=Rate(600_000_000), cached=Rate(75_000_000))
DOLLAR = NANO

_count = st.integers(0, 2_000_000)
_rate = st.builds(
    lambda base, tiers: Rate(base, tuple(sorted(tiers.items()))),
    st.integers(0, 100 * DOLLAR),
    st.dictionaries(st.integers(0, 300_000), st.integers(0, 100 * DOLLAR), max_size=3),
)
_maybe = st.none() | _rate
_per_unit = st.integers(0, 100 * DOLLAR)
_others = st.builds(OtherRates, *[_maybe] * 4, *[_per_unit] * 9)
_price = st.builds(Price, _rate, _rate, _maybe, _maybe, _maybe, st.none() | _others, _maybe)
_served = st.builds(
    lambda price, variants: replace(price, variants=tuple(variants.items())),
    _price,
    st.dictionaries(st.sampled_from(["flex", "priority"]), _price, max_size=2),
)
_terms = st.builds(Terms, st.integers(0, SHARE), st.integers(0, 2 * SHARE), st.integers(0, DOLLAR * MILLION))
_on_terms = st.builds(lambda price, terms: replace(price, terms=terms), _served, _terms)
_size, _tier = st.sampled_from(["", "low", "medium", "high"]), st.sampled_from(["", "default", "flex", "priority"])
_usage = st.builds(Usage, *[_count] * 16, _size, _tier)
_text_usage = st.builds(Usage, *[_count] * 5)
_property = settings(deadline=None, max_examples=300)


def test_gpt_4o_mini_with_4_of_10_cached_and_20_out_costs_13200_nano_dollars() -> None:
    # 6 x 150 + 4 x 75 + 20 x 600 nano-dollars.
    found = cost(Usage(prompt_tokens=10, completion_tokens=20, cached_tokens=4), GPT_4O_MINI)

    assert found == Cost(total=13_200, input=900, output=12_000, cache_read=300)


@pytest.mark.parametrize(
    ("usage", "price", "total"),
    [
        pytest.param(Usage(), GPT_4O_MINI, 0, id="nothing"),
        pytest.param(Usage(1_000_000, 1_000_000), GPT_4O_MINI, 750_000_000, id="a million each"),
        pytest.param(Usage(10, 0, cached_tokens=4), Price(Rate(1_000_000), Rate(0)), 10, id="cached falls to input"),
        pytest.param(
            Usage(100, 0, cache_creation_tokens=100),
            Price(Rate(3 * DOLLAR), Rate(0), cache_creation=Rate(3_750_000_000)),
            375_000,
            id="cache creation has its own rate",
        ),
        pytest.param(
            Usage(0, 100, reasoning_tokens=40),
            Price(Rate(0), Rate(10_000_000), reasoning=Rate(20_000_000)),
            60 * 10 + 40 * 20,
            id="reasoning is part of the completion",
        ),
        pytest.param(Usage(0, 100, reasoning_tokens=40), Price(Rate(0), Rate(10_000_000)), 1000, id="as output"),
        pytest.param(Usage(1, 0), Price(Rate(500_000), Rate(0)), 1, id="half a nano-dollar rounds up"),
        pytest.param(Usage(1, 0), Price(Rate(499_999), Rate(0)), 0, id="less than half rounds down"),
        pytest.param(Usage(1, 1), Price(Rate(400_000), Rate(400_000)), 1, id="rounded once, after the sum"),
    ],
)
def test_amounts_worked_out_by_hand(usage: Usage, price: Price, total: int) -> None:
    assert cost(usage, price).total == total


@pytest.mark.parametrize(
    ("usage", "priced"),
    [
        (Usage(10, 0, cached_tokens=25), Usage(10, 0, cached_tokens=10)),
        (
            Usage(10, 0, cached_tokens=6, cache_creation_tokens=9),
            Usage(10, 0, cached_tokens=6, cache_creation_tokens=4),
        ),
        (Usage(0, 5, reasoning_tokens=9), Usage(0, 5, reasoning_tokens=5)),
    ],
)
def test_details_beyond_their_total_are_not_charged_twice(usage: Usage, priced: Usage) -> None:
    price = Price(Rate(7_000_000), Rate(11_000_000), Rate(3_000_000), Rate(13_000_000), Rate(17_000_000))

    assert cost(usage, price) == cost(priced, price)


@pytest.mark.parametrize(("prompt_tokens", "price"), [(0, 5), (200, 5), (201, 7), (1000, 7), (1001, 9), (10**9, 9)])
def test_a_tier_begins_above_its_start(prompt_tokens: int, price: int) -> None:
    assert Rate(5, ((200, 7), (1000, 9))).at(prompt_tokens) == price


def test_a_long_prompt_makes_the_completion_dearer_too() -> None:
    price = Price(input=Rate(0), output=Rate(1_000_000, ((200_000, 3_000_000),)))

    assert [cost(Usage(prompt, 10), price).total for prompt in (200_000, 200_001)] == [10, 30]


@given(_usage, _price)
@_property
def test_no_amount_is_negative_or_anything_but_an_integer(usage: Usage, price: Price) -> None:
    found = cost(usage, price)

    for part in (found.total, found.input, found.output, found.cache_read, found.cache_creation, found.reasoning):
        assert type(part) is int
        assert part >= 0


@given(_usage, _price)
@_property
def test_parts_add_up_to_the_total_within_their_rounding(usage: Usage, price: Price) -> None:
    found = cost(usage, price)
    parts = found.input + found.output + found.cache_read + found.cache_creation + found.reasoning + found.tools

    assert abs(found.total - parts) <= 3


@given(_usage, _usage, st.integers(0, 100 * DOLLAR), st.integers(0, 100 * DOLLAR))
@_property
def test_two_answers_cost_what_one_of_their_sum_would_within_a_nano_dollar(
    one: Usage, other: Usage, input_rate: int, output_rate: int
) -> None:
    price = Price(Rate(input_rate), Rate(output_rate))
    both = Usage(one.prompt_tokens + other.prompt_tokens, one.completion_tokens + other.completion_tokens)

    assert abs(cost(one, price).total + cost(other, price).total - cost(both, price).total) <= 1


def _exact(usage: Usage, price: Price) -> Fraction:
    """Nano-dollars, spelled out kind by kind."""
    size, others = usage.prompt_tokens, price.others or OtherRates()
    cached = min(usage.cached_tokens, size)
    created = min(usage.cache_creation_tokens, size - cached)
    for_an_hour = min(usage.cache_creation_1h_tokens, created)
    heard = min(usage.prompt_audio_tokens, size - cached - created)
    seen = min(usage.prompt_image_tokens, size - cached - created - heard)
    reasoning = min(usage.reasoning_tokens, usage.completion_tokens)
    spoken = min(usage.completion_audio_tokens, usage.completion_tokens - reasoning)
    drawn = min(usage.completion_image_tokens, usage.completion_tokens - reasoning - spoken)
    read = 0 if usage.characters and others.character else size - cached - created - heard - seen
    searches = {"low": others.search_low, "high": others.search_high}
    creation = price.cache_creation or price.input
    return Fraction(
        read * price.input.at(size)
        + heard * (others.input_audio or price.input).at(size)
        + seen * (others.input_image or price.input).at(size)
        + (usage.completion_tokens - reasoning - spoken - drawn) * price.output.at(size)
        + spoken * (others.output_audio or price.output).at(size)
        + drawn * (others.output_image or price.output).at(size)
        + cached * (price.cached or price.input).at(size)
        + (created - for_an_hour) * creation.at(size)
        + for_an_hour * (price.cache_creation_1h or creation).at(size)
        + reasoning * (price.reasoning or price.output).at(size)
        + usage.images * others.image
        + usage.milliseconds * others.millisecond
        + usage.characters * others.character
        + usage.queries * others.query
        + usage.prompt_images * others.prompt_image
        + usage.searches * searches.get(usage.search_size, others.search_medium)
        + others.answer,
        MILLION,
    )


def _rounded(exact: Fraction) -> int:
    return int(exact + Fraction(1, 2))


@given(_usage, _price)
@_property
def test_the_total_is_the_exact_amount_rounded_half_up(usage: Usage, price: Price) -> None:
    assert cost(usage, price).total == _rounded(_exact(usage, price))


@given(_usage, _served)
@_property
def test_an_answer_costs_what_its_service_tier_costs_or_else_the_usual_price(usage: Usage, price: Price) -> None:
    served = dict(price.variants).get(usage.service_tier, price)

    assert cost(usage, price).total == _rounded(_exact(usage, served))


@given(_usage, _on_terms)
@_property
def test_terms_change_the_exact_amount_which_is_then_rounded_once(usage: Usage, price: Price) -> None:
    terms = price.terms
    assert terms is not None
    discount, margin = Fraction(terms.discount, SHARE), Fraction(terms.margin, SHARE)
    served = dict(price.variants).get(usage.service_tier, price)
    exact = _exact(usage, served) * (1 - discount) * (1 + margin) + Fraction(terms.fixed, MILLION)

    assert cost(usage, price).total == _rounded(exact)


@given(_usage, _on_terms)
@_property
def test_original_less_discount_plus_margin_is_the_total(usage: Usage, price: Price) -> None:
    found, plain = cost(usage, price), cost(usage, replace(price, terms=None))

    assert found.before_terms == plain.total
    assert found.before_terms - found.discount + found.margin == found.total
    assert found.original is None or found.original != found.total
    assert (found.input, found.output, found.tools) == (plain.input, plain.output, plain.tools)


@given(_usage, _on_terms | _served, st.integers(0, 1000), st.integers(0, 1000))
@_property
def test_no_answer_within_its_bounds_costs_more_than_the_ceiling(
    usage: Usage, price: Price, more_asked: int, more_said: int
) -> None:
    most = ceiling(
        price,
        prompt_tokens=usage.prompt_tokens + more_asked,
        completion_tokens=usage.completion_tokens + more_said,
        beside=usage,
    )

    assert cost(usage, price).total <= most


@given(_on_terms | _served, st.integers(0, 300_000), st.integers(1, 100_000), st.integers(1, 8))
@_property
def test_the_ceiling_of_several_answers_holds_for_all_their_tokens_together(
    price: Price, prompt: int, completion: int, answers: int
) -> None:
    together = cost(Usage(prompt, completion * answers), price).total

    assert together <= ceiling(price, prompt_tokens=prompt, completion_tokens=completion, answers=answers)


@given(_on_terms | _served, st.integers(0, 300_000), st.integers(0, 10 * DOLLAR), st.integers(1, 4))
@_property
def test_affordable_tokens_fit_and_one_more_would_not(price: Price, prompt: int, nano: int, answers: int) -> None:
    found = affordable_tokens(price, prompt_tokens=prompt, nano=nano, answers=answers)

    def most(tokens: int) -> int:
        return ceiling(price, prompt_tokens=prompt, completion_tokens=tokens, answers=answers)

    assert most(found) <= nano or found == 0
    assert most(found + 1) > nano or found == ANY_NUMBER


def test_a_ceiling_takes_the_dearest_of_tiers_kinds_and_services() -> None:
    slow = Price(Rate(MILLION, ((1000, 2 * MILLION),)), Rate(3 * MILLION), reasoning=Rate(4 * MILLION))
    price = replace(slow, variants=(("priority", Price(Rate(5 * MILLION), Rate(MILLION))),))

    assert ceiling(slow, prompt_tokens=1000, completion_tokens=10) == 1000 + 40
    assert ceiling(slow, prompt_tokens=1001, completion_tokens=10) == 2002 + 40
    assert ceiling(price, prompt_tokens=1000, completion_tokens=10, answers=3) == 5000 + 3 * 40


def test_tokens_are_affordable_up_to_the_last_nano_dollar() -> None:
    price = Price(Rate(100 * MILLION), Rate(400 * MILLION))

    assert [affordable_tokens(price, prompt_tokens=10, nano=nano) for nano in (999, 1000, 1399, 1400, 5000)] == [
        0, 0, 0, 1, 10,
    ]  # fmt: skip
    assert affordable_tokens(Price(Rate(0), Rate(0)), prompt_tokens=10, nano=0) == ANY_NUMBER


WHISPER = Price(Rate(0), Rate(0), others=OtherRates(millisecond=per_million(Decimal("0.0001") / 1000)))
GPT_IMAGE = Price(
    input=Rate(5 * DOLLAR),
    output=Rate(40 * DOLLAR),
    others=OtherRates(input_image=Rate(10 * DOLLAR), output_image=Rate(40 * DOLLAR)),
)
TRANSCRIBE = Price(Rate(2_500_000_000), Rate(10 * DOLLAR), others=OtherRates(input_audio=Rate(6 * DOLLAR)))


@pytest.mark.parametrize(
    ("usage", "price", "total"),
    [
        pytest.param(Usage(milliseconds=60_000), WHISPER, 6_000_000, id="a minute of whisper is 0.6 cents"),
        pytest.param(Usage(milliseconds=1), WHISPER, 100, id="a millisecond of it"),
        pytest.param(
            Usage(images=3), Price(Rate(0), Rate(0), others=OtherRates(image=40_000_000 * MILLION)), 120_000_000,
            id="three images at 4 cents",
        ),
        pytest.param(
            Usage(characters=1_000_000), Price(Rate(0), Rate(0), others=OtherRates(character=15 * DOLLAR)), 15 * DOLLAR,
            id="a million characters of tts-1",
        ),
        pytest.param(
            Usage(queries=2), Price(Rate(0), Rate(0), others=OtherRates(query=2_000_000 * MILLION)), 4_000_000,
            id="two search units at 0.2 cents",
        ),
        pytest.param(
            Usage(50, 4160, prompt_image_tokens=10, completion_image_tokens=4160, images=1), GPT_IMAGE,
            40 * 5000 + 10 * 10_000 + 4160 * 40_000, id="gpt-image by its tokens",
        ),
        pytest.param(
            Usage(56, 45, prompt_audio_tokens=42), TRANSCRIBE, 14 * 2500 + 42 * 6000 + 45 * 10_000,
            id="audio tokens have their own rate",
        ),
        pytest.param(Usage(56, 0, prompt_audio_tokens=42), GPT_4O_MINI, 56 * 150, id="or cost what text costs"),
        pytest.param(
            Usage(10, 0, prompt_audio_tokens=10), Price(Rate(7_000_000), Rate(0), others=OtherRates(Rate(0))), 0,
            id="audio may be free",
        ),
        pytest.param(
            Usage(100, 0, cached_tokens=60, prompt_audio_tokens=90),
            Price(Rate(1_000_000), Rate(0), cached=Rate(500_000), others=OtherRates(Rate(10_000_000))),
            60 // 2 + 40 * 10, id="what is cached is not charged as audio again",
        ),
        pytest.param(
            Usage(10, 20), Price(Rate(1_000_000), Rate(1_000_000), others=OtherRates(answer=12_000_000 * MILLION)),
            12_000_030, id="a fee for each answer",
        ),
        pytest.param(Usage(images=5, milliseconds=5, queries=5), GPT_4O_MINI, 0, id="units without a price"),
        pytest.param(
            Usage(1, 0, queries=1), Price(Rate(400_000), Rate(0), others=OtherRates(query=100_000)), 1,
            id="fractions of tokens and units are added before they are rounded",
        ),
        pytest.param(
            Usage(milliseconds=1), Price(Rate(0), Rate(0), others=OtherRates(millisecond=499_999)), 0,
            id="less than half a nano-dollar",
        ),
        pytest.param(
            Usage(milliseconds=3), Price(Rate(0), Rate(0), others=OtherRates(millisecond=166_667)), 1,
            id="just more than half of one",
        ),
    ],
)  # fmt: skip
def test_amounts_of_what_is_no_text_worked_out_by_hand(usage: Usage, price: Price, total: int) -> None:
    assert cost(usage, price).total == total


def test_what_was_asked_and_what_was_made_are_told_apart() -> None:
    others = OtherRates(
        input_audio=Rate(2 * MILLION), output_audio=Rate(3 * MILLION), image=5 * MILLION, query=7 * MILLION
    )
    usage = Usage(10, 10, prompt_audio_tokens=4, completion_audio_tokens=6, images=1, queries=1)

    assert cost(usage, Price(Rate(MILLION), Rate(MILLION), others=others)) == Cost(
        total=48, input=6 + 4 * 2 + 7, output=4 + 6 * 3 + 5
    )  # fmt: skip


@given(_text_usage, _price)
@_property
def test_prices_of_what_is_no_text_change_nothing_for_text(usage: Usage, price: Price) -> None:
    plain = Price(price.input, price.output, price.cached, price.cache_creation, price.reasoning)
    fee = price.others.answer if price.others else 0

    assert 0 <= cost(usage, price).total - cost(usage, plain).total - fee // MILLION <= 1


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (Usage(10, 20), (0, "")),
        (Usage(images=2, milliseconds=5), (2, Unit.IMAGE)),
        (Usage(characters=7, milliseconds=5), (7, Unit.CHARACTER)),
        (Usage(milliseconds=5, queries=1), (5, Unit.MILLISECOND)),
        (Usage(queries=1), (1, Unit.QUERY)),
    ],
)
def test_the_ledger_keeps_the_count_that_says_most(usage: Usage, counted: tuple[int, str]) -> None:
    assert usage.counted == counted


@pytest.mark.parametrize(
    ("dollars_per_token", "nano_per_million"),
    [("0.00000015", 150_000_000), ("1.5e-7", 150_000_000), ("0", 0), ("0.0000000000000005", 1), ("3e-5", 30 * NANO)],
)
def test_litellms_price_of_a_token_becomes_nano_dollars_per_million(
    dollars_per_token: str, nano_per_million: int
) -> None:
    assert per_million(Decimal(dollars_per_token)) == nano_per_million


def test_dollars_of_the_smallest_amount_are_not_zero() -> None:
    assert dollars(1) == 1e-9
    assert FREE.total == 0
