"""The routing table: every deployment that can serve is in it, and none that cannot takes the others with it."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from proxy.models import ConfigField, Deployment, Section
from proxy.registry import NOBODY, Group, RoutingTable, load_routing_table
from tests.proxy.rows import NOTHING, NOW, built, row

pytestmark = pytest.mark.django_db


def saved(name: str, params: Mapping[str, Any] = NOTHING, *, group: str = "gpt-4o", **facts: Any) -> Deployment:
    deployment = row(params, id=name, model_name=group, **facts)
    deployment.save()
    return deployment


def configured(section: Section, **values: Any) -> None:
    ConfigField.objects.bulk_create(ConfigField(section=section, name=name, value=values[name]) for name in values)


def table() -> RoutingTable:
    return load_routing_table(now=NOW)


def ids(group: Group) -> list[str]:
    return [one.id for one in group.deployments]


@pytest.mark.parametrize(
    ("columns", "secrets"),
    [
        ({"litellm_params": []}, ""),
        ({"litellm_params": "gpt-4o"}, ""),
        ({"litellm_params": {"model": "gpt-4o", "api_base": "http://☃/v1"}}, ""),
        ({"litellm_params": {"model": "gpt-4o", "extra_headers": "x"}}, ""),
        ({"litellm_params": {"model": "gpt-4o", "input_cost_per_token": "1e30"}}, ""),
        ({"litellm_params": {"model": "gpt-4o"}, "model_info": []}, ""),
        ({"litellm_params": {"model": "gpt-4o"}}, "{not json"),
        ({"litellm_params": {"model": "gpt-4o", "max_budget": 1, "budget_duration": "a day"}}, ""),
        ({"litellm_params": {"model": "nobody/x"}}, ""),
    ],
    ids=lambda value: repr(value)[:80],
)
def test_a_row_that_cannot_serve_is_left_out_and_told_and_the_others_serve(
    columns: dict[str, Any], secrets: str, caplog: pytest.LogCaptureFixture
) -> None:
    saved("good")
    Deployment(id="bad", **{"model_name": "bad", **columns}, credentials=secrets).save()

    with caplog.at_level(logging.ERROR, "proxy.registry"):
        found = table()

    assert found.model_names(team_id=None) == ["gpt-4o"]
    assert [vars(record)["deployment"] for record in caplog.records] == ["bad"]
    assert all(vars(record)["problem"] for record in caplog.records)


def test_a_model_name_longer_than_its_column_does_not_take_the_table_with_it() -> None:
    saved("good")
    saved("long", {"model": "openai/" + "x" * 300, "input_cost_per_token": 1e-6})

    assert ids(table().groups["gpt-4o"]) == ["good"]


def test_a_blocked_deployment_is_known_and_its_group_is_looked_through() -> None:
    saved("a")
    saved("b", blocked=True)
    saved("c", group="drained", blocked=True)
    found = table()

    assert [(one.id, one.blocked) for one in found.deployments("gpt-4o", team_id=None)] == [("a", False), ("b", True)]
    assert not found.group("gpt-4o", team_id=None).plain
    assert found.model_names(team_id=None) == ["gpt-4o"]


def test_settings_are_in_the_table_by_section_and_read_for_the_router() -> None:
    configured(Section.ROUTER, num_retries=3, model_group_alias={"best": "gpt-4o"})
    configured(Section.LITELLM, request_timeout=7, num_retries=1)
    configured(Section.GENERAL, enforce_fallback_model_access=False)
    found = table()

    assert found.settings["router_settings"]["num_retries"] == 3
    assert found.settings["litellm_settings"] == {"request_timeout": 7, "num_retries": 1}
    assert (found.router.num_retries, found.router.request_timeout) == (3, 7.0)
    assert not found.router.enforce_fallback_model_access


def test_a_setting_that_is_not_usable_is_told_and_the_rest_holds(caplog: pytest.LogCaptureFixture) -> None:
    configured(
        Section.ROUTER,
        num_retries="many",
        cooldown_time=9,
        provider_budget_config={"openai": {"budget_limit": 1, "time_period": "a day"}},
    )
    with caplog.at_level(logging.ERROR, "proxy.registry"):
        found = table()

    assert (found.router.num_retries, found.router.cooldown_time) == (2, 9.0)
    assert not found.router.provider_budget_config
    told = " ".join(vars(record)["problem"] for record in caplog.records)
    assert "router_settings.num_retries" in told
    assert "router_settings.provider_budget_config" in told


def test_defaults_of_the_router_reach_the_deployments() -> None:
    configured(Section.ROUTER, default_litellm_params={"temperature": 0.1, "timeout": 5})
    saved("a", {"temperature": 0.9})
    [found] = table().groups["gpt-4o"].deployments

    assert (found.timeout, found.defaults) == (5.0, {"temperature": 0.9})


@pytest.mark.parametrize(
    ("everywhere", "of_default", "own", "drops"),
    [
        (None, None, None, False),
        (True, None, None, True),
        (True, None, False, False),
        (True, False, None, False),
        (False, None, True, True),
        (None, True, None, True),
        ("true", None, None, False),
    ],
)
def test_what_a_provider_does_not_know_is_dropped_where_that_is_said(
    everywhere: Any, of_default: bool | None, own: bool | None, drops: bool
) -> None:
    configured(Section.LITELLM, drop_params=everywhere)
    if of_default is not None:
        configured(Section.ROUTER, default_litellm_params={"drop_params": of_default})
    saved("a", {"model": "anthropic/claude-3-haiku", **({} if own is None else {"drop_params": own})})
    [found] = table().groups["gpt-4o"].deployments

    assert found.target.facts["drop_params"] is drops


def test_a_teams_own_deployments_go_before_those_of_everybody() -> None:
    saved("everybody")
    saved("theirs", group="gpt-4o-of-red", info={"team_id": "red", "team_public_model_name": "gpt-4o"})
    saved("only-theirs", group="secret", info={"team_id": "red"})
    found = table()

    assert ids(found.group("gpt-4o", team_id=None)) == ["everybody"]
    assert ids(found.group("gpt-4o", team_id="blue")) == ["everybody"]
    assert ids(found.group("gpt-4o", team_id="red")) == ["theirs"]
    assert found.model_names(team_id="red") == ["gpt-4o", "secret"]
    assert found.model_names(team_id="blue") == found.model_names(team_id=None) == ["gpt-4o"]
    assert found.group("secret", team_id="blue") is NOBODY
    assert sorted(one.id for one in found.all_deployments()) == ["everybody", "only-theirs", "theirs"]


def test_a_group_that_nobody_serves_is_empty() -> None:
    assert table().group("nothing", team_id="red") is NOBODY
    assert table().deployments("nothing", team_id=None) == ()


def test_access_groups_are_those_of_any_deployment_of_the_group() -> None:
    saved("a", info={"access_groups": ["beta", "gold"]})
    saved("b", info={"access_groups": ["silver", 5]})
    saved("c", group="plain", info={"access_groups": "beta"})

    assert table().access_groups == {"gpt-4o": frozenset({"beta", "gold", "silver", "5"})}


def test_aliases_are_resolved_and_listed_where_somebody_serves_them() -> None:
    configured(
        Section.ROUTER,
        model_group_alias={"best": "gpt-4o", "gone": "nothing", "quiet": {"model": "gpt-4o", "hidden": True}},
    )
    saved("a")
    found = table()

    assert (found.resolve("best"), found.resolve("quiet"), found.resolve("other")) == ("gpt-4o", "gpt-4o", "other")
    assert found.model_names(team_id=None) == ["best", "gpt-4o"]
    assert found.describe("best") == {"id": "best", "object": "model", "created": 1677610602, "owned_by": "openai"}


def test_the_most_specific_pattern_covers_a_model() -> None:
    saved("any", {"model": "openai/*"}, group="*")
    saved("fine", {"model": "openai/ft:*"}, group="ft/*")
    saved("exact")
    found = table()

    assert found.pattern_of("ft/mine") == ("ft/*", "mine")
    assert found.pattern_of("whatever") == ("*", "whatever")
    assert found.deployments("ft/*", team_id=None)[0].template is not None


def test_without_patterns_nothing_is_covered() -> None:
    saved("exact")

    assert table().pattern_of("whatever") is None


@pytest.mark.parametrize(
    ("params", "plain"),
    [
        ([{}, {}], True),
        ([{"weight": 1}, {"weight": 2}], True),
        ([{"rpm": 5}, {}], True),
        ([{"order": 2}, {"order": 2}], True),
        ([{"order": 1}, {"order": 2}], False),
        ([{"max_parallel_requests": 5}, {}], False),
        ([{"max_parallel_requests": 0}, {}], False),
        ([{"tags": ["free"]}, {}], False),
        ([{"max_budget": 0}, {}], False),
    ],
)
def test_a_group_is_plain_while_nothing_but_weight_tells_its_deployments_apart(
    params: list[dict[str, Any]], plain: bool
) -> None:
    assert Group.of([built(one) for one in params]).plain is plain


@pytest.mark.parametrize(
    ("params", "cumulative"),
    [
        ([{}, {}], None),
        ([{"weight": 1}, {"weight": 3}], (1.0, 4.0)),
        ([{"weight": 2}, {}], (2.0, 2.0)),
        ([{"weight": 0}, {"weight": 0}], None),
        ([{"weight": -1}, {"weight": 1}], (0.0, 1.0)),
        ([{"rpm": 60}, {"rpm": 40}], (60.0, 100.0)),
        ([{"weight": 1, "rpm": 60}, {"rpm": 40}], (1.0, 1.0)),
        ([{"tpm": 7}], (7.0,)),
    ],
)
def test_weights_are_added_up_beforehand(params: list[dict[str, Any]], cumulative: tuple[float, ...] | None) -> None:
    assert Group.of([built(one) for one in params]).cumulative == cumulative


def test_prices_are_stored_once_however_often_the_table_is_built() -> None:
    saved("a")
    saved("b")
    first = table()
    second = table()

    [a, b], [again, _] = first.groups["gpt-4o"].deployments, second.groups["gpt-4o"].deployments
    assert a.price is not None
    assert a.price == b.price == again.price
