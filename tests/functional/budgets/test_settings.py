"""What the operator's settings say about budgets, and the budgets of what is nobody's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.upstream import FakeUpstream
from tests.functional.budgets.money import (
    COST,
    COST_NANO,
    ask,
    becomes,
    change,
    config,
    exceeded,
    execute,
    key_of,
    ledger_nano,
)
from tests.functional.management.answers import unique
from tests.gateway import Gateway

FOR_CUSTOMERS = "for-all-customers"
SETTINGS = {
    "general_settings": {"apply_user_budget_to_team_keys": True},
    "litellm_settings": {
        "budget_exceeded_status_code": 429,
        "max_end_user_budget_id": FOR_CUSTOMERS,
        "max_end_user_budget": 2 * COST,
        "budget_exceeded_throttle_percentage": 50,
    },
}


@pytest.fixture(scope="module")
def particular(tmp_path_factory: pytest.TempPathFactory, shared_upstream: FakeUpstream) -> Iterator[Gateway]:
    data: Path = tmp_path_factory.mktemp("particular")
    with Gateway(data, config(shared_upstream, **SETTINGS)) as started:
        yield started
    assert "Traceback" not in started.log(), started.log()


def test_the_status_of_a_refusal_is_the_operators(particular: Gateway) -> None:
    answer = ask(particular, key_of(particular, max_budget=0))

    assert (answer.status, answer.body["error"]["code"]) == (429, "429")
    assert answer.body["error"]["type"] == "budget_exceeded"


def test_a_users_budget_binds_its_keys_in_teams_where_that_is_set(particular: Gateway) -> None:
    user, team = unique("u"), change(particular, "/team/new", team_id=unique("t"))["team_id"]
    change(particular, "/user/new", user_id=user, max_budget=COST, auto_create_key=False)
    key = key_of(particular, user_id=user, team_id=team)

    assert ask(particular, key).status == 200
    assert ask(particular, key).message == f"ExceededBudget: User={user} over budget. Spend={COST}, Budget={COST}"


def test_customers_have_the_budget_that_is_named_for_all_and_else_the_amount(particular: Gateway) -> None:
    key, one, other = key_of(particular), unique("c"), unique("c")

    assert [ask(particular, key, user=one).status for _ in range(3)] == [200, 200, 429]
    change(particular, "/budget/new", budget_id=FOR_CUSTOMERS, max_budget=COST)
    assert [ask(particular, key, user=other).status for _ in range(2)] == [200, 429]
    change(particular, "/budget/delete", id=FOR_CUSTOMERS)
    assert [ask(particular, key, user=other).status for _ in range(2)] == [200, 429]
    assert ask(particular, key).status == 200


def test_a_customers_own_budget_goes_before_all_others(particular: Gateway) -> None:
    of_key = change(particular, "/budget/new", budget_id=unique("b"), max_budget=3 * COST)["budget_id"]
    customer = change(particular, "/customer/new", user_id=unique("c"), max_budget=COST)["user_id"]
    key, stranger = key_of(particular, end_user_budget_id=of_key), unique("c")

    assert [ask(particular, key, user=customer).status for _ in range(2)] == [200, 429]
    assert [ask(particular, key, user=stranger).status for _ in range(4)] == [200, 200, 200, 429]


def test_a_key_may_be_slowed_down_instead_of_refused(particular: Gateway) -> None:
    key = key_of(particular, max_budget=2 * COST, rpm_limit=10, throttle_on_budget_exceeded=True)
    answers = [ask(particular, key) for _ in range(7)]

    assert [answer.status for answer in answers] == [200] * 5 + [429] * 2
    assert answers[-1].body["error"]["type"] == "throttling_error"
    assert "Limit type: requests. Current limit: 5" in answers[-1].message


def test_a_key_without_any_rate_is_refused_all_the_same(particular: Gateway) -> None:
    key = key_of(particular, max_budget=COST, throttle_on_budget_exceeded=True)
    answers = [ask(particular, key) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 429]
    assert answers[-1].body["error"]["type"] == "budget_exceeded"


def test_the_budget_of_a_team_holds_for_a_key_that_is_slowed_down(particular: Gateway) -> None:
    team = change(particular, "/team/new", team_id=unique("t"), max_budget=2 * COST)["team_id"]
    key = key_of(particular, team_id=team, max_budget=COST, rpm_limit=100, throttle_on_budget_exceeded=True)
    answers = [ask(particular, key) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[-1].message == exceeded(f"Team={team}", 2 * COST, 2 * COST)


@contextmanager
def gateway_budget(gateway: Gateway, scope: str, entity_id: str, nano: int) -> Iterator[str]:
    """A row as the admin's page makes it, for as long as the block runs, and a key that was made when it was known."""
    now = datetime.now(UTC).isoformat(sep=" ")
    execute(
        gateway,
        'INSERT INTO budgets_gatewaybudget (scope, entity_id, "window", max_budget_nano, started_at, source, '
        "created_at, updated_at, created_by, updated_by) VALUES (?, ?, '', ?, ?, 'admin', ?, ?, '', '')",
        (scope, entity_id, nano, now, now, now),
    )
    try:
        yield _key_after_a_revision(gateway)
    finally:
        execute(gateway, "DELETE FROM budgets_gatewaybudget WHERE scope = ? AND entity_id = ?", (scope, entity_id))
        _key_after_a_revision(gateway)


def _key_after_a_revision(gateway: Gateway) -> str:
    execute(gateway, "UPDATE teams_revision SET number = number + 1 WHERE name = 'deployments'", ())
    return key_of(gateway)


@pytest.mark.parametrize(
    ("scope", "entity", "whose", "fields", "spent"),
    [
        pytest.param("proxy", "", "", {}, "1 = 1", id="everybody"),
        pytest.param(
            "model", "gpt-4o-mini", " Model=gpt-4o-mini", {"model": "gpt-4o-mini"}, "model_group = 'gpt-4o-mini'"
        ),
        pytest.param("tag", "batch-jobs", " Tag=batch-jobs", {"tags": ["batch-jobs"]}, "1 = 0"),
    ],
)
def test_what_is_nobodys_own_has_budgets_too(
    gateway: Gateway, scope: str, entity: str, whose: str, fields: dict[str, Any], spent: str
) -> None:
    limit = ledger_nano(gateway, spent) + 2 * COST_NANO

    with gateway_budget(gateway, scope, entity, limit) as key:
        answers = [ask(gateway, key, **fields) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 422]
        told = f"Budget has been exceeded!{whose} Current cost: {limit / 1e9}, Max budget: {limit / 1e9}"
        assert answers[-1].message == told
        unaffected = ask(gateway, key, model="gpt-4o")
        assert unaffected.status == (422 if scope == "proxy" else 200)
    assert ask(gateway, key, **fields).status == 200


def test_a_deployment_over_its_budget_is_passed_over_until_there_is_none(gateway: Gateway) -> None:
    spent = ledger_nano(gateway, "deployment_id = 'd-mini'")

    with gateway_budget(gateway, "deployment", "d-mini", spent + COST_NANO) as key:
        assert ask(gateway, key, model="gpt-4o-mini").status == 200
        becomes(lambda: ask(gateway, key, model="gpt-4o-mini").status == 429)
        refused = ask(gateway, key, model="gpt-4o-mini")
        assert "crossed budget: Exceeded budget for deployment model_name: gpt-4o-mini" in refused.message
        assert ask(gateway, key).status == 200
    becomes(lambda: ask(gateway, key, model="gpt-4o-mini").status == 200)
