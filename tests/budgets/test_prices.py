"""Where a price comes from: the deployment, the table, or nowhere."""

import warnings
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import Usage as TableUsage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from budgets.core.pricing import NANO, OtherRates, Price, Rate, Usage, cost
from budgets.models import PriceSnapshot
from budgets.prices import KnownPrice, find_price

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def find(params: dict[str, Any] | None = None, *, provider: str = "openai", model: str = "gpt-4o") -> KnownPrice | None:
    return find_price(provider=provider, model=model, params=params or {}, now=NOW)


def price_of(params: dict[str, Any] | None = None, *, provider: str = "openai", model: str = "gpt-4o") -> Price:
    found = find(params, provider=provider, model=model)
    assert found is not None
    return found.price


@pytest.mark.django_db
def test_gpt_4o_mini_has_its_list_price_from_the_table() -> None:
    price = price_of(model="gpt-4o-mini")

    assert (price.input, price.output, price.cached) == (Rate(150_000_000), Rate(600_000_000), Rate(75_000_000))


@pytest.mark.django_db
def test_a_deployments_own_price_wins_over_the_table() -> None:
    own = {
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": "0.000002",
        "cache_read_input_token_cost": 5e-7,
        "cache_creation_input_token_cost": 1.25e-6,
        "output_cost_per_reasoning_token": 3e-6,
    }

    assert price_of(own) == Price(
        input=Rate(1_000_000_000),
        output=Rate(2_000_000_000),
        cached=Rate(500_000_000),
        cache_creation=Rate(1_250_000_000),
        reasoning=Rate(3_000_000_000),
    )


@pytest.mark.django_db
def test_a_deployment_may_be_free_although_the_table_knows_a_price() -> None:
    assert price_of({"input_cost_per_token": 0, "output_cost_per_token": 0}) == Price(Rate(0), Rate(0))


@pytest.mark.django_db
def test_a_price_for_one_direction_leaves_the_other_free() -> None:
    assert price_of({"output_cost_per_token": 1e-6}) == Price(Rate(0), Rate(1_000_000_000))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "a-model-nobody-has-heard-of"), ("hosted_vllm", "gpt-4o"), ("nobody", "gpt-4o"), ("openai", "")],
)
def test_an_unknown_model_or_provider_has_no_price(provider: str, model: str) -> None:
    assert find(provider=provider, model=model) is None
    assert not PriceSnapshot.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("bedrock", "us.anthropic.claude-3-5-sonnet-20240620-v1:0"),
        ("cohere_chat", "command-r"),
        ("fireworks_ai", "accounts/fireworks/models/deepseek-v3p2"),
        ("moonshot", "kimi-k2"),
        ("text-completion-openai", "davinci"),
        ("together_ai", "Austism/chronos-hermes-13b"),
        ("voyage", "voyage-3"),
        ("xai", "grok-3"),
        ("zai", "glm-4.5"),
        ("zhipu", "glm-4-air"),
    ],
)
def test_a_provider_that_the_table_calls_otherwise_has_its_prices(provider: str, model: str) -> None:
    assert find(provider=provider, model=model) is not None


@pytest.mark.django_db
@pytest.mark.parametrize("provider", ["custom_openai", "openai_like"])
def test_a_server_that_only_speaks_openais_wire_does_not_have_openais_prices(provider: str) -> None:
    assert find(provider=provider, model="gpt-4o") is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value",
    [
        "abc", "", "NaN", "sNaN", "Infinity", "-Infinity", float("nan"), float("inf"), -1e-9, "-1", True, [], {}, [1],
        "1e30", 10**40, "1e-7 USD", "1e400", 1e6,
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "name", ["input_cost_per_token", "output_cost_per_token", "output_cost_per_image", "input_cost_per_second"]
)
def test_a_price_that_makes_no_sense_is_refused_with_a_sentence(name: str, value: object) -> None:
    with pytest.raises(ValueError, match="price"):
        find({name: value})


@pytest.mark.django_db
def test_the_same_price_is_one_row_however_often_it_is_looked_up() -> None:
    first, second = find(), find()

    assert first is not None
    assert first == second
    assert PriceSnapshot.objects.get().pk == first.snapshot_id


@pytest.mark.django_db
def test_another_price_of_the_same_model_is_another_row_and_the_old_one_stays() -> None:
    old = find({"input_cost_per_token": 1e-6})
    new = find({"input_cost_per_token": 2e-6})

    assert old is not None
    assert new is not None
    assert list(PriceSnapshot.objects.order_by("pk").values_list("pk", flat=True)) == [
        old.snapshot_id,
        new.snapshot_id,
    ]


@pytest.mark.django_db
def test_the_row_proves_provider_model_source_and_rates() -> None:
    found = find({"input_cost_per_token": 1e-6})
    row = PriceSnapshot.objects.get()

    assert found is not None
    assert (row.provider, row.model, row.source) == ("openai", "gpt-4o", "deployment")
    assert row.rates["input"] == {"base": 1_000_000_000, "tiers": []}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("own", "others"),
    [
        ({"output_cost_per_image": 0.04}, OtherRates(image=40_000_000 * 10**6)),
        (
            {"input_cost_per_image": "0.04"},
            OtherRates(image=40_000_000 * 10**6, prompt_image=40_000_000 * 10**6),
        ),
        (
            {"input_cost_per_image": 0.01, "output_cost_per_image": 0.04},
            OtherRates(image=40_000_000 * 10**6, prompt_image=10_000_000 * 10**6),
        ),
        ({"input_cost_per_second": 0.0001}, OtherRates(millisecond=100 * 10**6)),
        ({"input_cost_per_second": 0.0001, "output_cost_per_second": 0.0001}, OtherRates(millisecond=100 * 10**6)),
        ({"input_cost_per_second": 0.0001, "output_cost_per_second": 0.0}, OtherRates(millisecond=100 * 10**6)),
        ({"input_cost_per_character": 1.5e-5}, OtherRates(character=15_000 * 10**6)),
        ({"input_cost_per_query": "0.002"}, OtherRates(query=2_000_000 * 10**6)),
        ({"input_cost_per_query": "0.0000000000000005"}, OtherRates(query=1)),
        ({"input_cost_per_audio_token": 6e-6}, OtherRates(input_audio=Rate(6 * NANO))),
        ({"output_cost_per_audio_token": 1.2e-5}, OtherRates(output_audio=Rate(12 * NANO))),
        (
            {"input_cost_per_image_token": 1e-5, "output_cost_per_image_token": 4e-5},
            OtherRates(input_image=Rate(10 * NANO), output_image=Rate(40 * NANO)),
        ),
        (
            {"output_cost_per_audio_token": 1.2e-5, "output_cost_per_second": 0.00025},
            OtherRates(output_audio=Rate(12 * NANO)),
        ),
        (
            {"output_cost_per_image_token": 4e-5, "output_cost_per_image": 0.04},
            OtherRates(output_image=Rate(40 * NANO)),
        ),
    ],
)
def test_a_price_of_something_else_than_text_is_a_price_alone(own: dict[str, Any], others: OtherRates) -> None:
    assert price_of(own) == Price(Rate(0), Rate(0), others=others)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["input_cost_per_second", "output_cost_per_image", "input_cost_per_query"])
def test_a_deployment_may_be_free_in_any_unit(name: str) -> None:
    assert price_of({name: 0}) == Price(Rate(0), Rate(0))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "refinement", ["cache_read_input_token_cost", "cache_creation_input_token_cost", "output_cost_per_reasoning_token"]
)
def test_a_refinement_alone_is_no_price(refinement: str) -> None:
    assert price_of({refinement: 1e-6}) == price_of()


@pytest.mark.django_db
@pytest.mark.parametrize("other", ["input_cost_per_second", "output_cost_per_image", "input_cost_per_audio_token"])
def test_a_price_that_is_null_counts_as_left_out(other: str) -> None:
    assert price_of({other: None}) == price_of()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("provider", "model", "usage", "total"),
    [
        ("openai", "whisper-1", Usage(milliseconds=60_000), 6_000_000),
        ("groq", "whisper-large-v3", Usage(milliseconds=3_600_000), 110_999_999),
        ("openai", "tts-1", Usage(characters=1000), 15_000_000),
        ("openai", "gpt-4o-transcribe", Usage(56, 45, prompt_audio_tokens=42), 14 * 2500 + 42 * 6000 + 45 * 10_000),
        (
            "openai",
            "gpt-image-1",
            Usage(50, 100, prompt_image_tokens=10, images=1),
            40 * 5000 + 10 * 10_000 + 4_000_000,
        ),
        ("gemini", "gemini-2.5-flash-image", Usage(0, 1290, completion_image_tokens=1290), 1290 * 30_000),
        (
            "openai",
            "gpt-audio",
            Usage(10, 10, prompt_audio_tokens=10, completion_audio_tokens=10),
            10 * 32_000 + 640_000,
        ),
        ("perplexity", "sonar", Usage(1000, 1000), 2_000_000 + 12_000_000),
    ],
)
def test_the_table_prices_what_is_no_text(provider: str, model: str, usage: Usage, total: int) -> None:
    assert cost(usage, price_of(provider=provider, model=model)).total == total


@pytest.mark.django_db
def test_a_price_of_text_has_the_row_that_it_had_before_there_were_others() -> None:
    find({"input_cost_per_token": 1e-6})
    row = PriceSnapshot.objects.get()

    assert "others" not in row.rates
    assert row.digest == "e34b997a302813bc9e9130b22d980702f7e68182d12dc1c267e6319bed337b8d"


@pytest.mark.django_db
def test_the_row_of_another_price_proves_it() -> None:
    find({"input_cost_per_second": 0.0001})

    assert PriceSnapshot.objects.get().rates["others"]["millisecond"] == 100_000_000


# Units that a chat's usage as we read it can hold, and those that never matter for one.
_ORDINARY = frozenset({"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok"})
_ASIDE = frozenset({"cache_write_1h_mtok", "web_searches_kcount", "storage_searches_kcount"})


def _ordinary_models() -> list[tuple[str, str]]:
    found = []
    for provider in get_snapshot().providers:
        if provider.id not in {"openai", "anthropic", "google"}:
            continue
        for model in provider.models:
            units = {name for name, value in model.get_prices(NOW).__dict__.items() if value is not None}
            # Some entries only serve as patterns and are not found by their own name.
            if "input_mtok" in units and units <= _ORDINARY | _ASIDE and provider.find_model(model.id):
                found.append((provider.id, model.id))
    return found


MODELS = _ordinary_models()


def test_the_comparison_below_covers_the_models_people_use() -> None:
    assert {("openai", "gpt-4o-mini"), ("anthropic", "claude-sonnet-4-5"), ("google", "gemini-2.5-pro")} <= set(MODELS)


class TestAgainstGenaiPrices(TestCase):
    @given(st.sampled_from(MODELS), st.integers(0, 400_000), st.integers(0, 100_000), st.floats(0, 1), st.floats(0, 1))
    @settings(deadline=None, max_examples=300)
    def test_an_amount_equals_its_own_to_the_nano_dollar(
        self, name: tuple[str, str], prompt: int, completion: int, cached_share: float, created_share: float
    ) -> None:
        provider_id, model_id = name
        price = price_of(provider=provider_id, model=model_id)
        # It refuses tokens of a kind it has no price for, where we fall back to the input's.
        cached = int(prompt * cached_share) if price.cached else 0
        created = int((prompt - cached) * created_share) if price.cache_creation else 0
        provider, model = get_snapshot().find_provider_model(model_id, None, provider_id, None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = model.calc_price(
                TableUsage(
                    input_tokens=prompt,
                    output_tokens=completion,
                    cache_read_tokens=cached,
                    cache_write_tokens=created,
                ),
                provider,
                genai_request_timestamp=NOW,
            )

        ours = cost(Usage(prompt, completion, cached_tokens=cached, cache_creation_tokens=created), price)

        assert abs(theirs.total_price * NANO - ours.total) <= Decimal("0.5")
