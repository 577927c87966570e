"""From entries to days, balances and the thresholds they cross."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from alerts.models import AlertSettings, Incident
from budgets.balances import read_balances
from budgets.core.allowances import EVER, of_model
from budgets.entries import insert
from budgets.models import Balance, DailySpend, Facet, GatewayBudget, LedgerEntry, Scope, UnrolledBatch
from budgets.rollup import add_past, roll_up
from budgets.spend import adjust, spend_of
from budgets.verify import verify
from teams.models import Budget, Customer, Membership, Organization, Team, User, VirtualKey
from teams.services import issue_key, regenerate_key
from tests.budgets.builders import entry

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DOLLAR = 10**9


def spent(amount_nano: int, *, at: datetime = NOW, **columns: Any) -> UUID:
    made = entry(amount_nano=amount_nano, started_at=at, ended_at=at + timedelta(seconds=1), **columns)
    insert([made.encode()])
    return made.id


def rolled(now: datetime = NOW) -> int:
    UnrolledBatch.objects.update(created_at=now)
    return roll_up(now=now, settled_after=timedelta())


def key(**columns: Any) -> VirtualKey:
    row = VirtualKey(budget_started_at=NOW - timedelta(days=365), **columns)
    issue_key(row)
    return row


def balance(scope: Scope, entity_id: object, window: str = "") -> Balance:
    return Balance.objects.get(scope=scope, entity_id=str(entity_id), window=window)


def test_an_entry_counts_for_everybody_it_names_and_once_in_the_days() -> None:
    organization = Organization.objects.create(id="o", alias="o")
    team = Team.objects.create(id="t", organization=organization)
    user = User.objects.create(id="u", username="u")
    member = Membership.objects.create(team=team, user=user)
    own = key(team=team, user=user, model_max_budget={"gpt-4o": {"budget_limit": 1, "time_period": "1d"}})
    spent(
        7,
        key_hash=own.token_hash,
        team_id="t",
        user_id="u",
        organization_id="o",
        end_user="c",
        tags=["a", "b", "a"],
        prompt_tokens=10,
        completion_tokens=20,
    )

    assert rolled() == 1

    for scope, entity_id in (
        (Scope.PROXY, ""),
        (Scope.ORGANIZATION, "o"),
        (Scope.TEAM, "t"),
        (Scope.USER, "u"),
        (Scope.MEMBER, member.pk),
        (Scope.KEY, own.pk),
        (Scope.KEY_MODEL, of_model(str(own.pk), "gpt-4o")),
        (Scope.CUSTOMER, "c"),
        (Scope.TAG, "a"),
        (Scope.TAG, "b"),
        (Scope.MODEL, "gpt-4o"),
        (Scope.PROVIDER, "openai"),
        (Scope.DEPLOYMENT, "deployment-1"),
    ):
        assert balance(scope, entity_id).spent_nano == 7, scope
    assert balance(Scope.KEY_MODEL, of_model(str(own.pk), "gpt-4o"), "1d").spent_nano == 7
    day = DailySpend.objects.get(facet=Facet.CALLS)
    assert (day.day, day.amount_nano, day.requests, day.failures) == (date(2026, 11, 24), 7, 1, 0)
    assert (day.prompt_tokens, day.completion_tokens, day.milliseconds) == (10, 20, 1000)
    assert sorted(DailySpend.objects.exclude(facet="").values_list("facet", "facet_value")) == [
        ("customer", "c"),
        ("tag", "a"),
        ("tag", "b"),
    ]


def test_nothing_counts_twice_however_often_it_is_rolled_up_or_stored() -> None:
    made = entry(amount_nano=5, started_at=NOW, ended_at=NOW)
    insert([made.encode()])
    rolled()
    insert([made.encode()])

    assert rolled() == 0
    assert balance(Scope.PROXY, "").spent_nano == 5


def test_what_was_only_just_committed_waits_until_it_is_settled_everywhere() -> None:
    spent(5)
    UnrolledBatch.objects.update(created_at=NOW)

    assert roll_up(now=NOW + timedelta(milliseconds=500)) == 0
    assert roll_up(now=NOW + timedelta(seconds=2)) == 1


def test_a_new_period_begins_with_its_first_call_and_what_comes_late_stays_in_its_own() -> None:
    own = key(max_budget_nano=DOLLAR, budget_duration="1d", budget_limits=[{"budget_duration": "1h", "max_budget": 1}])
    spent(1, at=NOW, key_hash=own.token_hash)
    rolled()
    spent(2, at=NOW + timedelta(days=1), key_hash=own.token_hash)
    spent(4, at=NOW - timedelta(hours=2), key_hash=own.token_hash)
    rolled()

    assert balance(Scope.KEY, own.pk).spent_nano == 7
    assert balance(Scope.KEY, own.pk, "1d").spent_nano == 2
    assert balance(Scope.KEY, own.pk, "1d").period_start == datetime(2026, 11, 25, tzinfo=UTC)
    assert balance(Scope.KEY, own.pk, "1h").period_start == NOW + timedelta(days=1)
    assert verify(now=NOW + timedelta(days=1)).drift_nano == 0


def test_a_window_that_is_set_later_counts_what_its_period_holds_already() -> None:
    own = key()
    spent(1, at=NOW - timedelta(days=40), key_hash=own.token_hash)
    spent(2, at=NOW - timedelta(hours=3), key_hash=own.token_hash)
    rolled()
    VirtualKey.objects.filter(pk=own.pk).update(budget_duration="30d", max_budget_nano=DOLLAR)
    own.refresh_from_db()

    assert spend_of(Scope.KEY, {str(own.pk): datetime(2026, 11, 1, tzinfo=UTC)})[str(own.pk)].period_nano == 2
    spent(4, key_hash=own.token_hash)
    rolled()
    assert balance(Scope.KEY, own.pk, "30d").spent_nano == 6


def test_a_model_that_is_given_a_budget_later_has_spent_what_it_spent_before() -> None:
    own = key()
    name = of_model(str(own.pk), "gpt-4o")

    def today() -> int:
        return spend_of(Scope.KEY_MODEL, {name: NOW - timedelta(hours=12)})[name].period_nano

    spent(5, key_hash=own.token_hash)
    spent(3, key_hash=own.token_hash, model_group="other")
    rolled()
    own.model_max_budget = {"gpt-4o": {"budget_limit": 1, "time_period": "1d"}}
    own.save()

    assert today() == 5
    spent(2, key_hash=own.token_hash)
    assert today() == 7
    rolled()
    assert today() == 7


def test_a_window_within_a_day_is_summed_from_the_ledger_without_what_waits() -> None:
    own = key()
    spent(1, at=NOW - timedelta(hours=3), key_hash=own.token_hash)
    spent(2, at=NOW - timedelta(minutes=20), key_hash=own.token_hash)
    rolled()
    VirtualKey.objects.filter(pk=own.pk).update(budget_limits=[{"budget_duration": "1h", "max_budget": 1}])
    at = NOW - timedelta(minutes=10)
    spent(8, at=at, key_hash=own.token_hash)
    UnrolledBatch.objects.update(created_at=NOW + timedelta(hours=1))
    spent(4, at=at, key_hash=own.token_hash)
    UnrolledBatch.objects.filter(pk=UnrolledBatch.objects.latest("pk").pk).update(created_at=NOW)
    roll_up(now=NOW, settled_after=timedelta())

    assert balance(Scope.KEY, own.pk, "1h").spent_nano == 6
    rolled()
    assert balance(Scope.KEY, own.pk, "1h").spent_nano == 14


def test_a_regenerated_key_keeps_its_balance() -> None:
    own = key()
    spent(1, key_hash=own.token_hash)
    rolled()
    former = own.token_hash
    regenerate_key(own, now=NOW)
    spent(2, key_hash=former)
    spent(4, key_hash=own.token_hash)
    rolled()

    assert balance(Scope.KEY, own.pk).spent_nano == 7


def test_an_adjustment_counts_at_once_and_the_ledgers_sum_stays() -> None:
    own = key(max_budget_nano=DOLLAR, budget_duration="1d")
    spent(10, key_hash=own.token_hash)
    rolled()
    adjust(Scope.KEY, str(own.pk), by_nano=-6, at=NOW, actor_id="admin")
    spent(1, key_hash=own.token_hash)
    rolled()

    found = balance(Scope.KEY, own.pk, "1d")
    assert (found.spent_nano, found.adjusted_nano, found.counted_nano) == (11, -6, 5)
    assert verify(now=NOW).drift_nano == 0


def test_a_correction_changes_the_amount_and_is_no_call() -> None:
    first = spent(10)
    spent(-4, corrects=first, basis="correction")
    rolled()

    day = DailySpend.objects.get(facet=Facet.CALLS)
    assert (day.amount_nano, day.requests) == (6, 1)


def thresholds() -> list[str]:
    return sorted(incident.labels["threshold"] for incident in Incident.objects.filter(alert_type="budget_alerts"))


@pytest.mark.parametrize(("window", "step"), [("1h", timedelta(hours=1)), ("1d", timedelta(hours=23))])
def test_a_period_shorter_than_the_ttl_is_told_as_any_other(window: str, step: timedelta) -> None:
    """Each crossing is news in its period: what a reset let happen again is not a repetition."""
    AlertSettings(alerting_args={"budget_alert_ttl": 86400}).save()
    own = key(max_budget_nano=100, budget_duration=window)
    late = NOW.replace(hour=23, minute=30)
    for at in (late, late + step):
        for _ in range(2):
            spent(85, at=at, key_hash=own.token_hash)
            rolled(at)

    assert thresholds() == ["100", "100", "80", "80"]


def test_a_threshold_is_told_once_a_period_and_again_after_a_raise_or_a_reset() -> None:
    own = key(alias="mine", max_budget_nano=100, soft_budget_nano=90, budget_duration="1d")
    for amount, told in ((49, []), (1, ["50"]), (29, ["50"]), (2, ["50", "80"]), (15, ["50", "80", "95", "soft"])):
        spent(amount, key_hash=own.token_hash)
        rolled()
        assert thresholds() == told
    spent(10, key_hash=own.token_hash)
    rolled()
    assert thresholds() == ["100", "50", "80", "95", "soft"]

    VirtualKey.objects.filter(pk=own.pk).update(max_budget_nano=120)
    spent(1, key_hash=own.token_hash)
    rolled()
    assert thresholds() == ["100", "50", "80", "95", "soft"], "89 % of it: reached before, and nothing new"
    spent(20, key_hash=own.token_hash)
    rolled()
    assert thresholds() == ["100", "100", "50", "80", "95", "soft"]

    adjust(Scope.KEY, str(own.pk), by_nano=-127, at=NOW, actor_id="")
    spent(1, key_hash=own.token_hash)
    rolled()
    spent(70, key_hash=own.token_hash)
    rolled()
    assert thresholds() == ["100", "100", "50", "50", "80", "95", "soft"]
    spent(200, at=NOW + timedelta(days=1), key_hash=own.token_hash)
    rolled(NOW + timedelta(days=1))
    assert thresholds() == ["100", "100", "100", "50", "50", "80", "95", "soft", "soft"]
    titles = Incident.objects.values_list("title", flat=True)
    assert "Key Budget: Budget Crossed. mine spent $0.0000002 of $0.00000012" in titles


def test_what_is_added_of_the_past_counts_at_once_and_tells_nobody_of_what_it_crosses() -> None:
    own = key(alias="mine", max_budget_nano=100, soft_budget_nano=90, budget_duration="1d")
    spent(1, key_hash=own.token_hash)

    add_past([entry(key_hash=own.token_hash, amount_nano=90, started_at=NOW, ended_at=NOW)], now=NOW)

    assert thresholds() == []
    assert (balance(Scope.KEY, own.pk, "1d").spent_nano, UnrolledBatch.objects.count()) == (90, 1)
    rolled()
    assert thresholds() == []
    spent(9, key_hash=own.token_hash)
    rolled()
    assert thresholds() == ["100"]
    assert verify(now=NOW).drift_nano == 0


def test_what_is_reached_again_by_the_first_call_after_a_reset_or_a_raise_is_told_again() -> None:
    own = key(alias="mine", max_budget_nano=100)
    spent(60, key_hash=own.token_hash)
    rolled()
    adjust(Scope.KEY, str(own.pk), by_nano=-60, at=NOW, actor_id="")
    spent(60, key_hash=own.token_hash)
    rolled()
    assert thresholds() == ["50", "50"]

    VirtualKey.objects.filter(pk=own.pk).update(max_budget_nano=200)
    spent(60, key_hash=own.token_hash)
    rolled()
    assert thresholds() == ["50", "50", "50"]


@pytest.mark.parametrize(
    ("given", "told"),
    [([10, 90], ["10"]), ([], []), ("80", ["50"]), ([True, "x", 25, -5], ["25"]), (None, ["50"])],
)
def test_thresholds_are_those_of_the_settings_or_the_usual(given: object, told: list[str]) -> None:
    AlertSettings.objects.create(alerting_args={"budget_thresholds": given})
    own = key(max_budget_nano=100)
    spent(60, key_hash=own.token_hash)
    rolled()

    assert thresholds() == told


def test_every_scope_has_thresholds() -> None:
    budget = Budget.objects.create(id="b", max_budget_nano=10)
    organization = Organization.objects.create(id="o", alias="the org", budget=budget)
    team = Team.objects.create(id="t", organization=organization, max_budget_nano=10, member_budget=budget)
    user = User.objects.create(id="u", username="u", max_budget_nano=10)
    Membership.objects.create(team=team, user=user)
    Customer.objects.create(id="c", budget=budget)
    own = key(team=team, user=user, budget=budget, model_max_budget={"gpt-4o": {"budget_limit": 10 / DOLLAR}})
    for scope, name in (
        ("proxy", ""),
        ("tag", "x"),
        ("model", "gpt-4o"),
        ("provider", "openai"),
        ("deployment", "deployment-1"),
    ):
        GatewayBudget.objects.create(scope=scope, entity_id=name, max_budget_nano=10, started_at=NOW)
    spent(11, key_hash=own.token_hash, team_id="t", user_id="u", organization_id="o", end_user="c", tags=["x"])
    rolled()

    told = sorted(Incident.objects.filter(labels__threshold="100").values_list("labels__budget_of", flat=True))
    assert told == [
        "Customer", "Deployment", "Key", "Key Model", "Model", "Organization", "Provider", "Proxy", "Tag", "Team",
        "Team Member", "User",
    ]  # fmt: skip


def test_health_checks_are_nobodys_spend() -> None:
    spent(10, key_hash="litellm-internal-health-check")
    rolled()

    assert not Balance.objects.exists()
    assert not DailySpend.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_roll_ups_that_run_at_once_count_each_entry_once() -> None:
    for number in range(300):
        insert([entry(amount_nano=1, started_at=NOW, ended_at=NOW, team_id=f"t{number % 7}").encode()])
    UnrolledBatch.objects.update(created_at=NOW)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            roll_up(now=NOW, settled_after=timedelta())
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    assert balance(Scope.PROXY, "").spent_nano == 300
    assert sum(found.spent_nano for found in Balance.objects.filter(scope=Scope.TEAM)) == 300
    assert LedgerEntry.objects.count() == 300


def test_a_balance_is_found_by_everybody_it_is_of() -> None:
    spent(3, team_id="t")
    rolled()
    found = read_balances([("team", "t"), ("team", "other")])

    assert [(one, row.spent_nano, row.period_start) for one, row in found.items()] == [(("team", "t", ""), 3, EVER)]
