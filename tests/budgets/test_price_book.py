"""The operator's table of prices at an instant: what holds, what goes before what, and when it changes next."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budgets.core.pricing import NANO, SHARE, Rate, Terms
from budgets.core.terms import AllTerms
from budgets.models import ModelPrice, PriceSnapshot
from budgets.price_book import load_price_book
from budgets.prices import Sources, find_price, input_limit, known_snapshots, output_limit

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def priced(
    model: str, dollars: float | None, *, at: datetime = NOW - DAY, provider: str = "openai", **more: Any
) -> None:
    """Dollars a million input tokens; None is a row without a price."""
    prices = {} if dollars is None else {"input_cost_per_token": dollars / 10**6}
    ModelPrice.objects.create(provider=provider, model=model, prices=prices, effective_from=at, **more)


def sources(now: datetime = NOW) -> Sources:
    return Sources(book=load_price_book(now=now))


def dollars(model: str, *, provider: str = "openai", now: datetime = NOW, **params: Any) -> float | None:
    """What a million input tokens cost."""
    found = find_price(provider=provider, model=model, params=params, now=now, sources=sources(now))
    return None if found is None else found.price.input.base / NANO


def source_of(model: str, **params: Any) -> str:
    found = find_price(provider="openai", model=model, params=params, now=NOW, sources=sources())
    assert found is not None
    return PriceSnapshot.objects.get(pk=found.snapshot_id).source


def test_a_price_of_the_table_goes_before_the_published_one_and_after_the_deployments_own() -> None:
    assert (dollars("gpt-4o"), source_of("gpt-4o")) == (2.5, "genai-prices")
    priced("gpt-4o", 7)
    assert (dollars("gpt-4o"), source_of("gpt-4o")) == (7, "table")
    own: dict[str, Any] = {"input_cost_per_token": 9e-6}
    assert (dollars("gpt-4o", **own), source_of("gpt-4o", **own)) == (9, "deployment")


def test_the_exact_name_goes_before_a_pattern_and_the_longer_pattern_before_the_shorter() -> None:
    for model, price in (("*", 1), ("gpt-*", 2), ("gpt-4o*", 3), ("gpt-4o", 4), ("*-mini", 5)):
        priced(model, price)

    assert [dollars(name) for name in ("gpt-4o", "gpt-4o-mini", "gpt-5", "x-mini", "o9")] == [4, 3, 2, 5, 1]
    assert dollars("gpt-4o", provider="azure") != 3, "another provider's price is another price"


def test_nothing_but_a_star_stands_for_something_else() -> None:
    priced("gpt.4[o]*", 1)

    assert [dollars(name) for name in ("gpt.4[o]-x", "gptx4[o]", "gpt.4o")] == [1, None, None]


def test_the_last_price_that_has_begun_holds() -> None:
    for days, price in ((-3, 1), (-1, 2), (0, 3), (1, 4)):
        priced("m", price, at=NOW + days * DAY)

    moments = [NOW + DAY * days for days in (-4, -3, -2, -1, -0.5, 0, 0.5, 1, 9)]
    assert [dollars("m", now=at) for at in moments] == [None, 1, 1, 2, 2, 3, 3, 4, 4]


def test_the_table_says_when_its_next_price_begins() -> None:
    assert load_price_book(now=NOW).changes_at is None
    for days in (-1, 3, 2):
        priced("m", 1, at=NOW + days * DAY)

    assert load_price_book(now=NOW).changes_at == NOW + 2 * DAY
    assert load_price_book(now=NOW + 2 * DAY).changes_at == NOW + 3 * DAY


def test_a_row_without_a_price_ends_the_one_before() -> None:
    priced("gpt-4o", 7, at=NOW - 2 * DAY)
    priced("gpt-4o", None)

    assert dollars("gpt-4o") == 2.5


@pytest.mark.parametrize(
    ("row", "found"),
    [(("openrouter", "openai/gpt-4o"), 7), (("openai", "gpt-4o"), 7), (("openrouter", "gpt-4o"), 2.5)],
)
def test_a_models_prefix_may_be_part_of_its_name_or_its_maker(row: tuple[str, str], found: float) -> None:
    priced(row[1], 7, provider=row[0])

    assert dollars("openai/gpt-4o", provider="openrouter") == found


def test_the_terms_are_those_of_who_is_asked_whatever_table_the_price_is_from() -> None:
    terms, _ = AllTerms.read({"openrouter": 0.1, "openai": 0.5}, None)
    found = find_price(
        provider="openrouter", model="openai/gpt-4o", params={}, now=NOW, sources=Sources(terms=terms)
    )  # fmt: skip

    assert found is not None
    assert found.price.terms == Terms(discount=SHARE // 10)
    assert PriceSnapshot.objects.get().rates["terms"] == {"discount": SHARE // 10, "margin": 0, "fixed": 0}


def test_a_price_in_the_table_that_cannot_be_read_takes_no_deployment_with_it() -> None:
    ModelPrice.objects.create(
        provider="openai", model="gpt-4o", prices={"input_cost_per_token": "x"}, effective_from=NOW
    )

    assert dollars("gpt-4o") == 2.5


def test_a_tier_of_xai_begins_at_its_edge() -> None:
    prices = {"input_cost_per_token": 1e-6, "input_cost_per_token_above_128k_tokens": 2e-6}
    ModelPrice.objects.create(provider="xai", model="grok-x", prices=prices, effective_from=NOW)
    found = find_price(provider="xai", model="grok-x", params={}, now=NOW, sources=sources())

    assert found is not None
    assert found.price.input == Rate(NANO, ((127_999, 2 * NANO),))


@pytest.mark.parametrize(
    ("params", "row", "limit"),
    [
        ({}, {}, None),
        ({}, {"max_output_tokens": 7, "max_tokens": 8}, 7),
        ({}, {"max_tokens": 8}, 8),
        ({}, {"max_input_tokens": 8}, None),
        ({"max_output_tokens": 3, "max_tokens": 4}, {"max_output_tokens": 7}, 3),
        ({"max_tokens": "4"}, {"max_output_tokens": 7}, 4),
        ({"max_output_tokens": "many"}, {"max_output_tokens": 7}, 7),
        ({"max_output_tokens": -1}, {}, None),
        ({"max_output_tokens": True}, {}, None),
        ({"max_output_tokens": float("inf")}, {}, None),
    ],
)
def test_how_long_an_answer_may_be(params: dict[str, Any], row: dict[str, Any], limit: int | None) -> None:
    priced("m*", 1, **row)

    assert output_limit(provider="openai", model="m-1", params=params, sources=sources()) == limit


def test_how_long_a_prompt_may_be() -> None:
    assert input_limit(provider="openai", model="gpt-4o") == 128_000
    priced("gpt-4o", 1, max_input_tokens=5)
    assert input_limit(provider="openai", model="gpt-4o", sources=sources()) == 5
    assert input_limit(provider="openai", model="gpt-4o-mini", sources=sources()) == 128_000


def test_many_prices_are_read_with_two_queries_and_many_deployments_with_none_more() -> None:
    ModelPrice.objects.bulk_create(
        ModelPrice(provider="openai", model=f"m-{n}", prices={"input_cost_per_token": 1e-6}, effective_from=NOW)
        for n in range(300)
    )
    _find_all(sources(), 300)
    with CaptureQueriesContext(connection) as captured:
        _find_all(Sources(book=load_price_book(now=NOW), snapshots=known_snapshots()), 300)

    assert len(captured) == 3


def _find_all(known: Sources, count: int) -> None:
    for number in range(count):
        assert find_price(provider="openai", model=f"m-{number}", params={}, now=NOW, sources=known) is not None
