"""LiteLLM's map of prices into the table: what is taken, what is not, and that a second time changes nothing."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from budgets.models import ModelPrice, PriceSource
from budgets.price_import import PriceImport, import_prices, read_price_map
from teams import revisions

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def entry(provider: str = "openai", price: Any = 1e-6, **more: Any) -> dict[str, Any]:
    return {"litellm_provider": provider, "mode": "chat", "input_cost_per_token": price, **more}


def imported(entries: dict[str, Any], *, now: datetime = NOW, dry_run: bool = False) -> PriceImport:
    return import_prices(entries, now=now, dry_run=dry_run)


def names() -> list[tuple[str, str]]:
    return list(ModelPrice.objects.values_list("provider", "model"))


def test_an_entry_becomes_a_row_with_its_prices_and_limits() -> None:
    limits: dict[str, Any] = {"max_tokens": 16384, "max_input_tokens": 128000.0, "max_output_tokens": "as told"}
    done = imported({"gpt-4o": entry(**limits, output_cost_per_token=None, supports_vision=True)})

    row = ModelPrice.objects.get()
    assert (row.provider, row.model, row.prices) == ("openai", "gpt-4o", {"input_cost_per_token": 1e-6})
    assert (row.effective_from, row.source) == (NOW, PriceSource.IMPORT)
    assert (row.max_tokens, row.max_input_tokens, row.max_output_tokens) == (16384, 128_000, None)
    assert done.lines() == ["+ gpt-4o", "1 added, 0 changed, 0 unchanged, 0 skipped"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("2026-11-30", date(2026, 11, 30)), ("date when the model is gone", None), (20261130, None), (None, None)],
)
def test_the_date_of_a_models_end_is_kept(given: Any, kept: date | None) -> None:
    imported({"gpt-4-0314": entry(deprecation_date=given)})

    assert ModelPrice.objects.get().deprecation_date == kept


def test_another_date_of_its_end_is_another_row() -> None:
    imported({"gpt-4-0314": entry()})
    done = imported({"gpt-4-0314": entry(deprecation_date="2026-11-30")}, now=LATER)

    assert done.changed == ["gpt-4-0314"]
    assert imported({"gpt-4-0314": entry(deprecation_date="2026-11-30")}, now=LATER).unchanged == 1


@pytest.mark.parametrize(
    ("key", "provider", "name"),
    [
        ("gpt-4o", "openai", ("openai", "gpt-4o")),
        ("openai/gpt-4o", "openai", ("openai", "gpt-4o")),
        ("azure/eu/gpt-4o", "azure", ("azure", "eu/gpt-4o")),
        ("azure/gpt-3.5-turbo-instruct", "azure_text", ("azure", "gpt-3.5-turbo-instruct")),
        ("us.anthropic.claude-v2:1", "bedrock_converse", ("bedrock", "us.anthropic.claude-v2:1")),
        ("bedrock/us-east-1/cohere.embed", "bedrock", ("bedrock", "us-east-1/cohere.embed")),
        ("gemini-2.5-pro", "vertex_ai-language-models", ("vertex_ai", "gemini-2.5-pro")),
        ("vertex_ai/claude", "vertex_ai-anthropic_models", ("vertex_ai", "claude")),
        ("fireworks_ai/nomic", "fireworks_ai-embedding-models", ("fireworks_ai", "nomic")),
        ("davinci-002", "text-completion-openai", ("text-completion-openai", "davinci-002")),
        ("openrouter/openai/gpt-4o", "openrouter", ("openrouter", "openai/gpt-4o")),
    ],
)
def test_a_model_has_the_name_that_a_deployment_gives_it(key: str, provider: str, name: tuple[str, str]) -> None:
    imported({key: entry(provider)})

    assert names() == [name]


def test_a_second_time_changes_nothing() -> None:
    entries = {"gpt-4o": entry(), "gpt-4o-mini": entry(price=1.5e-7, max_tokens=5)}
    imported(entries)
    before = revisions.current()
    done = imported(entries, now=LATER)

    assert done.lines() == ["0 added, 0 changed, 2 unchanged, 0 skipped"]
    assert ModelPrice.objects.count() == 2
    assert revisions.current() == before


def test_only_what_changed_becomes_another_row_and_the_old_one_stays() -> None:
    imported({"a": entry(), "b": entry(), "c": entry(max_output_tokens=5)})
    before = revisions.current()
    done = imported({"a": entry(), "b": entry(price=2e-6), "c": entry(max_output_tokens=6), "d": entry()}, now=LATER)

    assert done.lines() == ["+ d", "~ b", "~ c", "1 added, 2 changed, 1 unchanged, 0 skipped"]
    assert list(ModelPrice.objects.filter(model="b").values_list("effective_from", "prices__input_cost_per_token")) == [
        (LATER, 2e-6),
        (NOW, 1e-6),
    ]
    assert revisions.current()[revisions.DEPLOYMENTS] == before[revisions.DEPLOYMENTS] + 1


def test_a_dry_run_says_the_same_and_changes_nothing() -> None:
    imported({"a": entry()})
    before = revisions.current()
    done = imported({"a": entry(price=2e-6), "b": entry()}, now=LATER, dry_run=True)

    assert done.lines() == ["+ b", "~ a", "1 added, 1 changed, 0 unchanged, 0 skipped"]
    assert ModelPrice.objects.count() == 1
    assert revisions.current() == before


def test_what_an_admin_has_set_stays_in_force() -> None:
    ModelPrice.objects.create(
        provider="openai", model="a", prices={"input_cost_per_token": 5e-6}, effective_from=NOW - timedelta(days=9)
    )
    done = imported({"a": entry(), "openai/b": entry()})

    assert done.lines() == [
        "+ openai/b",
        "- a: the price in force was set by an admin",
        "1 added, 0 changed, 0 unchanged, 1 skipped",
    ]


def test_a_price_that_is_set_for_later_is_none_in_force() -> None:
    ModelPrice.objects.create(provider="openai", model="a", prices={}, effective_from=LATER)

    assert imported({"a": entry()}).added == ["a"]


def test_of_two_entries_for_one_model_the_one_with_the_provider_is_taken() -> None:
    done = imported({"embed": entry("cohere", 1e-6), "cohere/embed": entry("cohere", 2e-6)})

    assert done.skipped == [("embed", "is the same model as cohere/embed")]
    assert ModelPrice.objects.get().prices == {"input_cost_per_token": 2e-6}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (5, "has no litellm_provider"),
        ({"input_cost_per_token": 1}, "has no litellm_provider"),
        ({"litellm_provider": ["openai"]}, "has no litellm_provider"),
        (entry("x" * 65), "its name is empty or too long"),
        (entry(""), "its name is empty or too long"),
        (
            {"litellm_provider": "openai", "ocr_cost_per_page": 1},
            "There is no price: give input_cost_per_token, output_cost_per_token or a price of another unit.",
        ),
        (entry(price="cheap"), "The price input_cost_per_token 'cheap' is not a number."),
        (entry(price=-1), "The price input_cost_per_token -1 is not a number of dollars from 0 to 1000."),
    ],
)
def test_an_entry_that_makes_no_sense_is_skipped_with_the_reason_and_the_others_are_taken(
    bad: Any, reason: str
) -> None:
    done = imported({"bad": bad, "good": entry()})

    assert done.skipped == [("bad", reason)]
    assert names() == [("openai", "good")]


@pytest.mark.parametrize("key", ["gpt-*", "a\x00b", "x" * 256])
def test_a_name_that_no_model_can_have_is_skipped(key: str) -> None:
    assert [name for name, _ in imported({key: entry()}).skipped] == [key]
    assert names() == []


def test_the_sample_is_no_model() -> None:
    assert imported({"sample_spec": entry("one of https://docs.litellm.ai/docs/providers")}).lines() == [
        "0 added, 0 changed, 0 unchanged, 0 skipped"
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"{", "is not JSON"), (b"\xff", "is not JSON"), (b"[" * 200_000, "is not JSON"), (b"[1]", "must hold an object")],
)
def test_a_file_that_is_no_map_is_told_in_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "map.json"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=sentence):
        read_price_map(path)


def test_a_file_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_price_map(tmp_path / "map.json")
