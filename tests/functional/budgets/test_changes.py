"""What is changed about a budget while its owner spends: more, less, for a while, and anew."""

import time
from datetime import UTC, datetime, timedelta

from tests.functional.budgets.money import (
    COST,
    COST_NANO,
    ask,
    becomes,
    change,
    exceeded,
    hashed,
    key_of,
    masked,
    team_with_member,
)
from tests.functional.management.answers import unique
from tests.gateway import Gateway


def test_more_money_counts_from_the_next_request_on(gateway: Gateway) -> None:
    key = key_of(gateway, max_budget=COST)
    assert [ask(gateway, key).status for _ in range(2)] == [200, 422]

    change(gateway, "/key/update", key=key, max_budget=3 * COST)

    assert [ask(gateway, key).status for _ in range(3)] == [200, 200, 422]


def test_less_money_counts_from_the_next_request_on(gateway: Gateway) -> None:
    key = key_of(gateway, max_budget=9 * COST)
    assert ask(gateway, key).status == 200

    change(gateway, "/key/update", key=key, max_budget=COST)

    assert ask(gateway, key).status == 422


def test_a_temporary_increase_counts_until_it_ends(gateway: Gateway) -> None:
    key = key_of(gateway, key_alias=(alias := unique("k")), max_budget=COST)
    assert [ask(gateway, key).status for _ in range(2)] == [200, 422]

    until = datetime.now(UTC) + timedelta(seconds=6)
    change(gateway, "/key/update", key=key, temp_budget_increase=8 * COST, temp_budget_expiry=until.isoformat())

    assert ask(gateway, key).status == 200
    time.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()))
    answer = ask(gateway, key)
    assert answer.status == 422
    assert answer.message == exceeded(f"Key={alias} ({masked(key)})", 2 * COST, COST)


def test_a_new_period_makes_it_usable_again(gateway: Gateway) -> None:
    key = key_of(gateway, max_budget=COST, budget_duration="4s")
    for _ in range(3):
        becomes(lambda: ask(gateway, key).status == 422)
        becomes(lambda: ask(gateway, key).status == 200)

    spent = gateway.rows(f"SELECT started_at, amount_nano FROM budgets_ledgerentry WHERE key_hash = '{hashed(key)}'")
    assert sum(amount for _, amount in spent) >= 3 * COST_NANO


def test_the_reset_of_a_keys_spend_makes_it_usable_again(gateway: Gateway) -> None:
    key = key_of(gateway, max_budget=2 * COST)
    assert [ask(gateway, key).status for _ in range(3)] == [200, 200, 422]

    reset = change(gateway, f"/key/{key}/reset_spend", reset_to=COST)
    assert (reset["previous_spend"], reset["spend"]) == (2 * COST, COST)

    becomes(lambda: ask(gateway, key).status == 200)
    assert ask(gateway, key).status == 422
    change(gateway, "/key/update", key=key, spend=0)
    becomes(lambda: ask(gateway, key).status == 200)
    assert [ask(gateway, key).status for _ in range(2)] == [200, 422]


def test_the_reset_of_a_members_spend_makes_it_usable_again(gateway: Gateway) -> None:
    team, user = team_with_member(gateway, {}, {"max_budget_in_team": COST})
    key = key_of(gateway, team_id=team, user_id=user)
    assert [ask(gateway, key).status for _ in range(2)] == [200, 422]

    change(gateway, f"/team/{team}/member/{user}/reset_spend", reset_to=0)

    becomes(lambda: ask(gateway, key).status == 200)
    assert ask(gateway, key).status == 422
