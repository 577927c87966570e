"""LiteLLM's price fields: what each of them means, and what is said of those that mean nothing."""

from typing import Any

import pytest

from budgets.core.price_fields import is_price_field, price_fields, problems, read_price
from budgets.core.pricing import MILLION, NANO, OtherRates, Price, Rate


def read(**fields: Any) -> Price:
    found = read_price(fields)
    assert found is not None
    return found


def rate(dollars_per_million: float, **tiers: float) -> Rate:
    """`rate(1, k200=2)`: two dollars a million above 200,000 tokens."""
    steps = ((int(name[1:]) * 1000, round(price * NANO)) for name, price in tiers.items())
    return Rate(round(dollars_per_million * NANO), tuple(steps))


def variant(price: Price, name: str) -> Price:
    return dict(price.variants)[name]


@pytest.mark.parametrize("size", [100, 128, 200, 256, 272, 512])
@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("input_cost_per_token", "input"),
        ("output_cost_per_token", "output"),
        ("cache_read_input_token_cost", "cached"),
        ("cache_creation_input_token_cost", "cache_creation"),
        ("cache_creation_input_token_cost_above_1hr", "cache_creation_1h"),
    ],
)
def test_a_price_above_a_size_is_a_tier(field: str, kind: str, size: int) -> None:
    price = read(**{"input_cost_per_token": 0, field: 1e-6, f"{field}_above_{size}k_tokens": 2e-6})

    assert getattr(price, kind) == rate(1, **{f"k{size}": 2})


def test_tiers_are_in_the_order_of_their_sizes_whatever_the_order_of_the_fields() -> None:
    price = read(
        input_cost_per_token_above_272k_tokens=3e-6,
        input_cost_per_token_above_128k_tokens="2e-6",
        input_cost_per_token=1e-6,
    )

    assert price.input == rate(1, k128=2, k272=3)


def test_a_tier_of_xai_begins_with_a_prompt_of_its_size() -> None:
    fields = {"input_cost_per_token": 1e-6, "input_cost_per_token_above_128k_tokens": 2e-6}

    usual, edgy = read_price(fields), read_price(fields, from_the_edge=True)

    assert usual is not None
    assert edgy is not None
    assert [usual.input.at(size) for size in (128_000, 128_001)] == [NANO, 2 * NANO]
    assert [edgy.input.at(size) for size in (127_999, 128_000)] == [NANO, 2 * NANO]


@pytest.mark.parametrize(
    ("suffix", "name"),
    [("flex", "flex"), ("priority", "priority"), ("balanced", "balanced"), ("ultrafast", "ultrafast")],
)
def test_a_service_tier_has_its_own_prices_and_the_usual_ones_for_the_rest(suffix: str, name: str) -> None:
    price = read(
        input_cost_per_token=1e-6,
        output_cost_per_token=4e-6,
        cache_read_input_token_cost=1e-7,
        input_cost_per_token_above_200k_tokens=2e-6,
        **{f"input_cost_per_token_{suffix}": 5e-7, f"input_cost_per_token_above_272k_tokens_{suffix}": 9e-7},
    )

    assert price.input == rate(1, k200=2)
    assert variant(price, name).input == rate(0.5, k200=2, k272=0.9)
    assert variant(price, name).output == rate(4)
    assert variant(price, name).cached == rate(0.1)
    assert [known for known, _ in price.variants] == [name]


def test_reasoning_at_a_tier_with_its_own_output_is_that_output() -> None:
    price = read(
        output_cost_per_token=4e-6,
        output_cost_per_reasoning_token=6e-6,
        output_cost_per_token_priority=8e-6,
        input_cost_per_token_flex=1e-6,
    )

    assert price.reasoning == rate(6)
    assert variant(price, "priority").reasoning is None
    assert variant(price, "flex").reasoning == rate(6)
    own = read(
        output_cost_per_token_priority=8e-6, output_cost_per_token=1, output_cost_per_reasoning_token_priority=3e-6
    )
    assert variant(own, "priority").reasoning == rate(3)


def test_a_batch_costs_half_where_it_has_no_price_of_its_own() -> None:
    price = read(
        input_cost_per_token=1e-6,
        input_cost_per_token_above_200k_tokens=3e-6,
        input_cost_per_token_batches=4e-7,
        output_cost_per_token=4e-6,
        output_cost_per_token_above_200k_tokens=5e-6,
        cache_read_input_token_cost=1e-7,
        output_cost_per_image=0.04,
    )
    batch = variant(price, "batch")

    # A flat price of batches is one for prompts of any length.
    assert batch.input == rate(0.4, k200=0.4)
    assert batch.output == rate(2, k200=2.5)
    assert batch.cached == rate(0.05)
    assert batch.others == OtherRates(image=40_000_000 * MILLION)


def test_audio_and_images_have_service_tiers_as_well() -> None:
    price = read(
        input_cost_per_token=1e-6, input_cost_per_audio_token=2e-6, input_cost_per_audio_token_priority=3e-6,
        output_cost_per_image_token=4e-6, output_cost_per_image_token_batches=1e-6,
    )  # fmt: skip

    assert price.others == OtherRates(input_audio=rate(2), output_image=rate(4))
    assert variant(price, "priority").others == OtherRates(input_audio=rate(3), output_image=rate(4))
    assert variant(price, "batch").others == OtherRates(input_audio=rate(1), output_image=rate(1))


def test_sets_of_prices_by_size_replace_the_plain_ones() -> None:
    price = read(
        input_cost_per_token=9e-6,
        tiered_pricing=[
            {"range": [32_000, 128_000.0], "input_cost_per_token": 2e-6, "output_cost_per_token": 5e-6},
            {
                "range": [0, 32_000.0], "input_cost_per_token": 1e-6, "output_cost_per_token": 4e-6,
                "cache_read_input_token_cost": 1e-7, "output_cost_per_reasoning_token": 7e-6,
            },
        ],
    )  # fmt: skip

    assert (price.input, price.output) == (rate(1, k32=2), rate(4, k32=5))
    # What a set has no price for costs what it costs without being told apart.
    assert (price.cached, price.reasoning) == (rate(0.1, k32=2), rate(7, k32=5))


@pytest.mark.parametrize(
    ("given", "low", "medium", "high"),
    [
        (
            {"search_context_size_low": 0.03, "search_context_size_medium": 0.035, "search_context_size_high": 0.05},
            30, 35, 50,
        ),
        ({"search_context_size_medium": "0.01"}, 10, 10, 10),
        ({"search_context_size_low": 0.03, "search_context_size_high": 0.05}, 30, 50, 50),
        ({"search_context_size_low": 0}, 0, 0, 0),
        (0.01, 10, 10, 10),
    ],
)  # fmt: skip
def test_a_search_costs_by_how_much_of_the_web_it_reads(given: Any, low: int, medium: int, high: int) -> None:
    found = read(input_cost_per_token=0, search_context_cost_per_query=given).others or OtherRates()

    assert [each // MILLION // 1_000_000 for each in (found.search_low, found.search_medium, found.search_high)] == [
        low, medium, high,
    ]  # fmt: skip


def test_a_request_may_have_a_price_of_its_own() -> None:
    assert read(input_cost_per_request=0.005).others == OtherRates(answer=5_000_000 * MILLION)


def test_refinements_alone_are_no_price() -> None:
    assert read_price({"cache_read_input_token_cost": 1e-6, "input_cost_per_token_flex": 1e-6}) is None
    assert read_price({"search_context_cost_per_query": {"search_context_size_low": 1}}) is None
    assert read_price({}) is None


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("input_cost_per_token", True),
        ("input_cost_per_token_above_200k_tokens", True),
        ("input_cost_per_token_above_200k_tokens_priority", True),
        ("cache_creation_input_token_cost_above_1hr_above_200k_tokens", True),
        ("output_cost_per_image", True),
        ("search_context_cost_per_query", True),
        ("tiered_pricing", True),
        ("input_cost_per_tokens", False),
        ("input_cost_per_token_above_200_tokens", False),
        ("input_cost_per_token_slow", False),
        ("output_cost_per_image_flex", False),
        ("max_tokens", False),
        ("litellm_provider", False),
    ],
)
def test_a_price_field_is_known_by_its_name(name: str, is_one: bool) -> None:
    assert is_price_field(name) is is_one
    assert price_fields({name: 1, "mode": "chat"}) == ({name: 1} if is_one else {})


@pytest.mark.parametrize(
    ("fields", "sentences"),
    [
        ({"input_cost_per_token": 1e-6}, []),
        ({"input_cost_per_token": 1e-6, "output_cost_per_token": None}, []),
        (
            {"input_cost_per_token": "abc", "output_cost_per_token": -1, "max_tokens": 5},
            [
                "The price input_cost_per_token 'abc' is not a number.",
                "max_tokens is not a price field.",
                "The price output_cost_per_token -1 is not a number of dollars from 0 to 1000.",
            ],
        ),
        (
            {"cache_read_input_token_cost": 1e-6},
            ["There is no price: give input_cost_per_token, output_cost_per_token or a price of another unit."],
        ),
        (
            {"input_cost_per_token": 0, "search_context_cost_per_query": {"search_context_size_low": "x"}},
            ["The price search_context_cost_per_query.search_context_size_low 'x' is not a number."],
        ),
        ({"tiered_pricing": 5}, ["tiered_pricing is not a list of objects."]),
        (
            {"tiered_pricing": [{"range": [0]}]},
            ["tiered_pricing has an entry without a range of two numbers of tokens."],
        ),
        (
            {"tiered_pricing": [{"range": [0, 5], "input_cost_per_token": []}]},
            ["The price tiered_pricing.input_cost_per_token [] is not a number."],
        ),
    ],
)  # fmt: skip
def test_each_field_that_cannot_be_used_has_a_sentence(fields: dict[str, Any], sentences: list[str]) -> None:
    assert problems(fields) == sentences
