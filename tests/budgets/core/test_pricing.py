"""Amounts: by hand and by property."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgets.core.pricing import FREE, MILLION, NANO, Cost, Price, Rate, Usage, cost, dollars, per_million

GPT_4O_MINI = Price(input=Rate(150_000_000), output=Rate(600_000_000), cached=Rate(75_000_000))
DOLLAR = NANO

_count = st.integers(0, 2_000_000)
_rate = st.builds(
    lambda base, tiers: Rate(base, tuple(sorted(tiers.items()))),
    st.integers(0, 100 * DOLLAR),
    st.dictionaries(st.integers(0, 300_000), st.integers(0, 100 * DOLLAR), max_size=3),
)
_price = st.builds(Price, _rate, _rate, st.none() | _rate, st.none() | _rate, st.none() | _rate)
_usage = st.builds(Usage, _count, _count, _count, _count, _count)
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
    parts = found.input + found.output + found.cache_read + found.cache_creation + found.reasoning

    assert abs(found.total - parts) <= 2


@given(_usage, _usage, st.integers(0, 100 * DOLLAR), st.integers(0, 100 * DOLLAR))
@_property
def test_two_answers_cost_what_one_of_their_sum_would_within_a_nano_dollar(
    one: Usage, other: Usage, input_rate: int, output_rate: int
) -> None:
    price = Price(Rate(input_rate), Rate(output_rate))
    both = Usage(one.prompt_tokens + other.prompt_tokens, one.completion_tokens + other.completion_tokens)

    assert abs(cost(one, price).total + cost(other, price).total - cost(both, price).total) <= 1


@given(_usage, _price)
@_property
def test_the_total_is_the_exact_amount_rounded_half_up(usage: Usage, price: Price) -> None:
    size = usage.prompt_tokens
    cached = min(usage.cached_tokens, size)
    created = min(usage.cache_creation_tokens, size - cached)
    reasoning = min(usage.reasoning_tokens, usage.completion_tokens)
    exact = Fraction(
        (size - cached - created) * price.input.at(size)
        + (usage.completion_tokens - reasoning) * price.output.at(size)
        + cached * (price.cached or price.input).at(size)
        + created * (price.cache_creation or price.input).at(size)
        + reasoning * (price.reasoning or price.output).at(size),
        MILLION,
    )

    assert cost(usage, price).total == int(exact + Fraction(1, 2))


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
