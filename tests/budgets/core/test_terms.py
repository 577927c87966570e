"""Discounts and margins: as LiteLLM reads them, and in whole numbers."""

from decimal import Decimal
from typing import Any

import pytest

from budgets.core.pricing import MILLION, SHARE, Cost, Price, Rate, Terms, Usage, cost
from budgets.core.terms import AllTerms, read_discount, read_margin

PRICE = Price(Rate(100 * MILLION), Rate(400 * MILLION))
# 10 x 100 + 20 x 400 nano-dollars.
USAGE, ORIGINAL = Usage(10, 20), 9000


def on(discounts: Any = None, margins: Any = None, *, provider: str = "openai", usage: Usage = USAGE) -> Cost:
    terms, doubts = AllTerms.read(discounts, margins)
    assert doubts == []
    return cost(usage, Price(PRICE.input, PRICE.output, terms=terms.of(provider)))


@pytest.mark.parametrize(
    ("discounts", "margins", "provider", "total", "discount", "margin"),
    [
        (None, None, "openai", 9000, 0, 0),
        ({"openai": 0.05}, None, "openai", 8550, 450, 0),
        ({"openai": "0.05"}, None, "openai", 8550, 450, 0),
        ({"openai": 0.05}, None, "anthropic", 9000, 0, 0),
        ({"openai": 1}, None, "openai", 0, 9000, 0),
        ({"openai": 0}, None, "openai", 9000, 0, 0),
        (None, {"openai": 0.1}, "openai", 9900, 0, 900),
        (None, {"global": 0.1}, "openai", 9900, 0, 900),
        (None, {"global": 0.1, "openai": 0.2}, "openai", 10_800, 0, 1800),
        (None, {"global": 0.1, "openai": 0}, "openai", 9000, 0, 0),
        (None, {"global": 0.1, "openai": 0.2}, "bedrock", 9900, 0, 900),
        (None, {"openai": {"percentage": 0.08, "fixed_amount": 0.0005}}, "openai", 9000 + 720 + 500_000, 0, 500_720),
        (None, {"openai": {"fixed_amount": "1e-9"}}, "openai", 9001, 0, 1),
        (None, {"openai": {"percentage": 1}}, "openai", 18_000, 0, 9000),
        # The margin is on what the discount leaves: 8550 x 1.1.
        ({"openai": 0.05}, {"openai": 0.1}, "openai", 9405, 450, 855),
        ({"openai": 0.05}, {"global": {"percentage": 0.1, "fixed_amount": 0.000001}}, "openai", 10_405, 450, 1855),
        ({"global": 0.05}, None, "openai", 9000, 0, 0),
    ],
)
def test_amounts_worked_out_by_hand(
    discounts: Any, margins: Any, provider: str, total: int, discount: int, margin: int
) -> None:
    found = on(discounts, margins, provider=provider)

    assert (found.total, found.before_terms, found.discount, found.margin) == (total, ORIGINAL, discount, margin)


def test_the_original_is_only_kept_where_it_is_another() -> None:
    assert on().original is None
    assert on({"openai": 0.05}).original == ORIGINAL
    # 5 % off and then 1/19 on it is the same again.
    assert on({"openai": 0.05}, {"openai": Decimal(1) / Decimal(19)}).original is None


def test_it_is_rounded_once_at_the_end() -> None:
    # A single token at 0.4 nano-dollars: nothing by itself, and 0.6 with half of it on top.
    price = Price(Rate(400_000), Rate(0), terms=AllTerms.read(None, {"global": 0.5})[0].of("openai"))

    assert cost(Usage(1, 0), price).total == 1
    assert cost(Usage(1, 0), price).before_terms == 0


@pytest.mark.parametrize("value", ["5%", "abc", None, [], {}, True, float("nan"), float("inf"), -0.01, 1.01, "1e400"])
def test_a_discount_is_a_share_from_0_to_1(value: Any) -> None:
    with pytest.raises(ValueError, match="must be a share from 0 to 1"):
        read_discount(value)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("10%", "must be a share from 0 to 100"),
        (-0.1, "must be a share"),
        (101, "must be a share"),
        (None, "must be a share"),
        ([0.1], "must be a share"),
        (True, "must be a share"),
        ({}, "must have a percentage or a fixed_amount"),
        ({"percent": 0.1}, "has 'percent'; known are percentage and fixed_amount"),
        ({"percentage": "x"}, "must be a share from 0 to 100, such as 0.1, in percentage"),
        ({"fixed_amount": -1}, "must be dollars from 0 to 1000, in fixed_amount"),
        ({"percentage": 0.1, "fixed_amount": "NaN"}, "must be dollars"),
    ],
)
def test_a_margin_that_makes_no_sense_is_told_with_a_sentence(value: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_margin(value)


@pytest.mark.parametrize("value", [0.05, "0.05", Decimal("0.05")])
def test_a_share_is_what_is_written_and_not_the_nearest_float(value: Any) -> None:
    assert read_discount(value) == SHARE // 20


def test_what_is_not_usable_is_left_out_and_told() -> None:
    terms, doubts = AllTerms.read({"openai": 2, "azure": 0.1}, 7)

    assert terms.of("openai") is None
    assert terms.of("azure") == Terms(discount=SHARE // 10)
    assert doubts == [
        "litellm_settings.cost_discount_config.openai must be a share from 0 to 1, such as 0.05; it is not used",
        "litellm_settings.cost_margin_config is not a mapping of providers; it is not used",
    ]
