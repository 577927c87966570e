"""Budgets through the gateway: who has one is served within it, and told why not beyond it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes.upstream import FakeUpstream
from tests.functional.budgets.money import (
    BUDGET,
    COST,
    Answered,
    ask,
    change,
    exceeded,
    hashed,
    key_of,
    ledger_count,
    masked,
    team_with_member,
)
from tests.functional.management.answers import unique
from tests.gateway import Gateway

RESETS = r" Budget resets at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\."


@dataclass(frozen=True)
class Spender:
    """Whose requests have a budget of BUDGET; `refusal` is a pattern of the whole sentence."""

    key: str
    refusal: str
    fields: dict[str, Any] = field(default_factory=dict)

    def ask(self, gateway: Gateway, **others: Any) -> Answered:
        return ask(gateway, self.key, **{**self.fields, **others})


def of_key(gateway: Gateway) -> Spender:
    alias = unique("k")
    key = key_of(gateway, key_alias=alias, max_budget=BUDGET)
    return Spender(key, re.escape(exceeded(f"Key={alias} ({masked(key)})")))


def of_key_without_alias(gateway: Gateway) -> Spender:
    key = key_of(gateway, key_alias=None, max_budget=BUDGET)
    return Spender(key, re.escape(exceeded(f"Key=key ({masked(key)})")))


def of_shared_budget_of_key(gateway: Gateway) -> Spender:
    budget = change(gateway, "/budget/new", budget_id=unique("b"), max_budget=BUDGET)["budget_id"]
    alias = unique("k")
    key = key_of(gateway, key_alias=alias, budget_id=budget)
    return Spender(key, re.escape(exceeded(f"Key={alias} ({masked(key)})")))


def of_key_window(gateway: Gateway) -> Spender:
    key = key_of(gateway, budget_limits=[{"budget_duration": "30d", "max_budget": BUDGET}], max_budget=9)
    return Spender(key, rf"ExceededBudget: Key over 30d budget\. Spend=\$0\.0400, Limit=\$0\.04{RESETS}")


def of_key_and_model(gateway: Gateway) -> Spender:
    alias = unique("k")
    key = key_of(gateway, key_alias=alias, model_max_budget={"gpt-4o": {"budget_limit": BUDGET, "time_period": "30d"}})
    told = f"LiteLLM Virtual Key: {hashed(key)}, key_alias: {alias}, exceeded budget for model=gpt-4o"
    return Spender(key, re.escape(f"{told} Current cost: {BUDGET}, Max budget: {BUDGET}") + RESETS)


def of_team(gateway: Gateway) -> Spender:
    team = change(gateway, "/team/new", team_id=unique("t"), max_budget=BUDGET, budget_duration="30d")["team_id"]
    return Spender(key_of(gateway, team_id=team), re.escape(exceeded(f"Team={team}")) + RESETS)


def of_team_window(gateway: Gateway) -> Spender:
    windows = [{"budget_duration": "30d", "max_budget": BUDGET}, {"budget_duration": "1d", "max_budget": 9}]
    team = change(gateway, "/team/new", team_id=unique("t"), budget_limits=windows)["team_id"]
    told = rf"ExceededBudget: Team={team} over 30d budget\. Spend=\$0\.0400, Limit=\$0\.04{RESETS}"
    return Spender(key_of(gateway, team_id=team), told)


def of_team_and_model(gateway: Gateway) -> Spender:
    team = unique("t")
    change(gateway, "/team/new", team_id=team, model_max_budget={"gpt-4o": {"budget_limit": BUDGET}})
    return Spender(key_of(gateway, team_id=team), re.escape(exceeded(f"Team={team} for model=gpt-4o")))


def of_member(gateway: Gateway) -> Spender:
    team, user = team_with_member(gateway, {"team_member_budget": 9}, {"max_budget_in_team": BUDGET})
    key = key_of(gateway, team_id=team, user_id=user)
    return Spender(key, re.escape(exceeded(f"User={user} in Team={team}")))


def of_member_by_default(gateway: Gateway) -> Spender:
    team, user = team_with_member(gateway, {"team_member_budget": BUDGET}, {})
    key = key_of(gateway, team_id=team, user_id=user)
    return Spender(key, re.escape(exceeded(f"User={user} in Team={team}")))


def of_user(gateway: Gateway) -> Spender:
    user = unique("u")
    change(gateway, "/user/new", user_id=user, max_budget=BUDGET, auto_create_key=False)
    told = f"ExceededBudget: User={user} over budget. Spend={BUDGET}, Budget={BUDGET}"
    return Spender(key_of(gateway, user_id=user), re.escape(told))


def of_organization(gateway: Gateway) -> Spender:
    organization = unique("o")
    change(gateway, "/organization/new", organization_id=organization, organization_alias="o", max_budget=BUDGET)
    team = change(gateway, "/team/new", team_id=unique("t"), organization_id=organization)["team_id"]
    return Spender(key_of(gateway, team_id=team), re.escape(exceeded(f"Organization={organization}")))


def of_customer(gateway: Gateway) -> Spender:
    customer = change(gateway, "/customer/new", user_id=unique("c"), max_budget=BUDGET)["user_id"]
    told = f"ExceededBudget: End User={customer} over budget. Spend={BUDGET}, Budget={BUDGET}"
    return Spender(key_of(gateway), re.escape(told), {"user": customer})


def of_customer_of_key(gateway: Gateway) -> Spender:
    """Nobody has ever heard of this customer."""
    budget = change(gateway, "/budget/new", budget_id=unique("b"), max_budget=BUDGET)["budget_id"]
    customer = unique("c")
    told = f"ExceededBudget: End User={customer} over budget. Spend={BUDGET}, Budget={BUDGET}"
    return Spender(key_of(gateway, end_user_budget_id=budget), re.escape(told), {"user": customer})


def of_tag(gateway: Gateway) -> Spender:
    tag = unique("tag")
    change(gateway, "/tag/new", name=tag, max_budget=BUDGET)
    return Spender(key_of(gateway), re.escape(exceeded(f"Tag={tag}")), {"metadata": {"tags": ["other", tag]}})


def of_tag_of_key(gateway: Gateway) -> Spender:
    """The key brings it along, whatever the client says."""
    tag = unique("tag")
    change(gateway, "/tag/new", name=tag, max_budget=BUDGET)
    return Spender(key_of(gateway, tags=[tag]), re.escape(exceeded(f"Tag={tag}")))


def of_tag_of_team(gateway: Gateway) -> Spender:
    tag = unique("tag")
    change(gateway, "/tag/new", name=tag, max_budget=BUDGET)
    team = change(gateway, "/team/new", team_id=unique("t"), tags=[tag])["team_id"]
    return Spender(key_of(gateway, team_id=team), re.escape(exceeded(f"Tag={tag}")), {"tags": ["another"]})


LEVELS = [
    of_key,
    of_key_without_alias,
    of_shared_budget_of_key,
    of_key_window,
    of_key_and_model,
    of_team,
    of_team_window,
    of_team_and_model,
    of_member,
    of_member_by_default,
    of_user,
    of_organization,
    of_customer,
    of_customer_of_key,
    of_tag,
    of_tag_of_key,
    of_tag_of_team,
]


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.__name__.removeprefix("of_"))
def test_within_its_budget_it_is_served_and_beyond_it_refused_before_anybody_is_asked(
    gateway: Gateway, shared_upstream: FakeUpstream, level: Callable[[Gateway], Spender]
) -> None:
    spender, bystander = level(gateway), key_of(gateway)
    before = ledger_count(gateway)

    assert [spender.ask(gateway).status for _ in range(2)] == [200, 200]
    refused = [spender.ask(gateway), spender.ask(gateway, stream=True)]

    for answer in refused:
        error = answer.body["error"]
        assert (answer.status, error["code"]) == (422, "422"), answer.body
        assert (error["type"], error["param"]) == ("budget_exceeded", None)
        assert re.fullmatch(spender.refusal, error["message"]), error["message"]
    assert len(shared_upstream.received) == 2
    assert ledger_count(gateway) == before + 2
    assert ask(gateway, bystander).status == 200


def test_a_budget_of_nothing_blocks_everything(gateway: Gateway, shared_upstream: FakeUpstream) -> None:
    key = key_of(gateway, key_alias=(alias := unique("k")), max_budget=0)

    answer = ask(gateway, key)

    assert (answer.status, answer.message) == (422, exceeded(f"Key={alias} ({masked(key)})", 0.0, 0.0))
    assert shared_upstream.received == []


def test_without_a_number_a_budget_is_without_limit(gateway: Gateway) -> None:
    key = key_of(gateway, max_budget=None, budget_duration="30d", soft_budget=COST / 2)

    assert [ask(gateway, key, tokens=10_000).status for _ in range(2)] == [200, 200]
    change(gateway, "/key/update", key=key, max_budget=COST)
    assert ask(gateway, key).status == 422
    change(gateway, "/key/update", key=key, max_budget=None)
    assert ask(gateway, key).status == 200


def test_a_shared_budget_is_for_each_of_those_who_have_it(gateway: Gateway) -> None:
    budget = change(gateway, "/budget/new", budget_id=unique("b"), max_budget=COST)["budget_id"]
    keys = [key_of(gateway, budget_id=budget) for _ in range(2)]
    customers = [change(gateway, "/customer/new", user_id=unique("c"), budget_id=budget)["user_id"] for _ in range(2)]
    spenders: list[tuple[str, dict[str, Any]]] = [(key, {}) for key in keys] + [
        (key_of(gateway), {"user": customer}) for customer in customers
    ]

    for key, fields in spenders:
        assert [ask(gateway, key, **fields).status for _ in range(2)] == [200, 422]
    change(gateway, "/budget/update", budget_id=budget, max_budget=2 * COST)
    for key, fields in spenders:
        assert [ask(gateway, key, **fields).status for _ in range(2)] == [200, 422]


def test_a_teams_budget_for_a_model_is_one_for_all_its_keys(gateway: Gateway) -> None:
    team = unique("t")
    limits = {"gpt-4o": {"budget_limit": 2 * COST, "time_period": "30d"}}
    change(gateway, "/team/new", team_id=team, model_max_budget=limits)
    first = key_of(gateway, team_id=team)
    assert ask(gateway, first).status == 200
    second = key_of(gateway, team_id=team)

    assert [ask(gateway, key).status for key in (second, first, second)] == [200, 422, 422]


def test_a_users_budget_binds_none_of_its_keys_in_teams(gateway: Gateway) -> None:
    user, team = unique("u"), change(gateway, "/team/new", team_id=unique("t"))["team_id"]
    change(gateway, "/user/new", user_id=user, max_budget=COST, auto_create_key=False)
    personal, in_team = key_of(gateway, user_id=user), key_of(gateway, user_id=user, team_id=team)

    assert [ask(gateway, personal).status for _ in range(2)] == [200, 422]
    assert ask(gateway, in_team).status == 200


def test_the_first_of_several_budgets_that_refuses_is_told_from_the_whole_to_the_part(gateway: Gateway) -> None:
    team = change(gateway, "/team/new", team_id=unique("t"), max_budget=2 * COST)["team_id"]
    one, other = key_of(gateway, team_id=team, max_budget=COST), key_of(gateway, team_id=team)

    assert ask(gateway, one).status == 200
    assert ask(gateway, one).message.startswith("Budget has been exceeded! Key=")
    assert ask(gateway, other).status == 200
    assert ask(gateway, one).message == exceeded(f"Team={team}")


def test_a_budget_per_model_leaves_other_models_alone_and_may_name_who_steps_in(gateway: Gateway) -> None:
    limits = {"gpt-4o": {"budget_limit": COST, "time_period": "30d"}}
    strict = key_of(gateway, model_max_budget=limits)
    flexible = key_of(gateway, model_max_budget=limits, budget_fallbacks={"gpt-4o": ["gpt-4o-mini"]})

    assert [ask(gateway, strict).status for _ in range(2)] == [200, 422]
    assert ask(gateway, strict, model="gpt-4o-mini").status == 200
    answers = [ask(gateway, flexible) for _ in range(3)]
    assert [answer.headers["x-litellm-model-group"] for answer in answers] == ["gpt-4o", "gpt-4o-mini", "gpt-4o-mini"]
    assert [answer.headers["x-litellm-attempted-fallbacks"] for answer in answers] == ["0", "1", "1"]


def test_who_steps_in_has_to_be_within_its_own_budget_and_allowed(gateway: Gateway) -> None:
    limits = {name: {"budget_limit": COST} for name in ("gpt-4o", "gpt-4o-mini")}
    fallbacks = {"gpt-4o": ["gpt-4o-mini"]}
    key = key_of(gateway, model_max_budget=limits, budget_fallbacks=fallbacks)
    narrow = key_of(gateway, model_max_budget=limits, budget_fallbacks=fallbacks, models=["gpt-4o"])

    assert [ask(gateway, key).status for _ in range(3)] == [200, 200, 422]
    answers = [ask(gateway, narrow) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 422]
    assert "exceeded budget for model=gpt-4o Current" in answers[-1].message


def test_headers_tell_what_the_key_may_spend_and_has_spent(gateway: Gateway) -> None:
    key = key_of(gateway, max_budget=BUDGET)
    answers = [ask(gateway, key) for _ in range(2)]

    assert [answer.headers["x-litellm-key-max-budget"] for answer in answers] == [str(BUDGET)] * 2
    assert [float(answer.headers["x-litellm-key-spend"]) for answer in answers] == [COST, 2 * COST]
    assert [float(answer.headers["x-litellm-response-cost"]) for answer in answers] == [COST] * 2
