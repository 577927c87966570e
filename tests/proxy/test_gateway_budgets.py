"""Budgets of the settings as rows that follow them."""

from typing import Any

import pytest

from budgets.models import BudgetSource, GatewayBudget, Scope
from proxy.gateway_budgets import STARTED_AT, sync
from proxy.models import ConfigField, Deployment, Section

pytestmark = pytest.mark.django_db


def setting(section: Section, name: str, value: Any) -> None:
    ConfigField.objects.update_or_create(section=section, name=name, defaults={"value": value})


def rows() -> list[tuple[str, str, str, int | None]]:
    return list(GatewayBudget.objects.values_list("scope", "entity_id", "window", "max_budget_nano"))


def test_every_place_of_the_settings_makes_a_row() -> None:
    setting(Section.LITELLM, "max_budget", 100)
    setting(Section.LITELLM, "budget_duration", "30d")
    setting(Section.LITELLM, "tag_budget_config", {"prod": {"max_budget": 5, "budget_duration": "1d"}})
    setting(Section.ROUTER, "provider_budget_config", {"openai": {"budget_limit": 0.000000001, "time_period": "1d"}})
    Deployment.objects.create(
        id="d", model_name="m", litellm_params={"model": "openai/m", "max_budget": 2, "budget_duration": "7d"}
    )
    sync()

    assert rows() == [
        ("deployment", "d", "7d", 2_000_000_000),
        ("provider", "openai", "1d", 1),
        ("proxy", "", "30d", 100_000_000_000),
        ("tag", "prod", "1d", 5_000_000_000),
    ]
    assert set(GatewayBudget.objects.values_list("source", "started_at")) == {(BudgetSource.CONFIG, STARTED_AT)}


def test_rows_follow_the_settings_and_leave_an_admins_alone() -> None:
    mine = GatewayBudget.objects.create(
        scope=Scope.TAG, entity_id="mine", window="1d", max_budget_nano=7, started_at=STARTED_AT
    )
    setting(
        Section.LITELLM,
        "tag_budget_config",
        {"a": {"max_budget": 1}, "mine": {"max_budget": 9, "budget_duration": "1d"}},
    )
    sync()
    assert rows() == [("tag", "a", "", 10**9), ("tag", "mine", "1d", 7)]

    setting(Section.LITELLM, "tag_budget_config", {"b": {"max_budget": 1}})
    sync()
    sync()
    assert rows() == [("tag", "b", "", 10**9), ("tag", "mine", "1d", 7)]
    assert GatewayBudget.objects.get(entity_id="mine") == mine


@pytest.mark.parametrize("value", ["much", True, -1, None, {"max_budget": 1}, float("1e30")])
def test_a_limit_that_makes_no_sense_is_told_and_left_out(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    setting(Section.LITELLM, "tag_budget_config", {"bad": {"max_budget": value}, "good": {"max_budget": 1}})
    sync()

    assert rows() == [("tag", "good", "", 10**9)]
    assert "left out" in caplog.text


def test_litellms_default_of_nothing_for_everybody_is_no_budget() -> None:
    setting(Section.LITELLM, "max_budget", 0)
    sync()

    assert rows() == []
