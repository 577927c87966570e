"""What the home says of money: today, the month and where it leads, whose budgets are fullest, who spends most."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from budgets.core.allowances import EVER
from budgets.home import budget_lines, money_of, top_of
from budgets.models import Balance, GatewayBudget, Scope
from budgets.reports import By, Question
from budgets.standing import standings
from budgets.traffic import NO_TRAFFIC, Traffic
from teams.models import Budget, Organization, Team, VirtualKey
from teams.services import issue_key, regenerate_key
from tests.budgets.days import day_row, keep_days

DOLLAR = 10**9
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_a_month_of_equal_days_ends_with_as_many_of_them() -> None:
    days = {date(2026, 10, 30) + timedelta(days=n): Traffic(2 * DOLLAR, 1) for n in range(28)}
    days[NOON.date()] = Traffic(DOLLAR, 1)
    money = money_of(days, now=NOON)

    assert (money.today_nano, money.month_nano) == (DOLLAR, (26 * 2 + 1) * DOLLAR)
    assert money.month_ends == date(2026, 11, 30)
    assert money.forecast is not None
    # Half of today and three days are left.
    assert money.forecast.spend_at_end_nano == (26 * 2 + 1 + 1 + 3 * 2) * DOLLAR
    assert money.forecast.days_seen == 28


def test_days_before_the_first_call_make_no_forecast_smaller() -> None:
    days = dict.fromkeys((date(2026, 10, 30) + timedelta(days=n) for n in range(29)), NO_TRAFFIC)
    for number in (1, 2, 3):
        days[NOON.date() - timedelta(days=number)] = Traffic(DOLLAR, 1)
    money = money_of(days, now=NOON)

    assert money.forecast is not None
    assert (money.forecast.days_seen, money.forecast.spend_at_end_nano) == (3, 3 * DOLLAR + DOLLAR // 2 + 3 * DOLLAR)


def test_of_two_days_there_is_no_forecast() -> None:
    days = {NOON.date() - timedelta(days=number): Traffic(DOLLAR, 1) for number in (0, 1, 2)}

    assert money_of(days, now=NOON).forecast is None


def test_december_ends_with_the_year() -> None:
    now = datetime(2026, 12, 31, 23, tzinfo=UTC)

    assert money_of({now.date(): Traffic(5, 1)}, now=now).month_ends == date(2026, 12, 31)


def spent(scope: Scope, entity_id: str, nano: int, *, window: str, since: datetime) -> None:
    for name, start in (("", EVER), (window, since)):
        Balance.objects.create(
            scope=scope, entity_id=entity_id, window=name, period_start=start, spent_nano=nano, last_at=timezone.now()
        )


@pytest.mark.django_db
def test_the_fullest_budget_stands_first_with_the_numbers_of_its_own_page() -> None:
    now = timezone.now()
    long_ago = now - timedelta(days=400)
    team = Team.objects.create(id="t", alias="Search", max_budget_nano=10 * DOLLAR, budget_duration="30d")
    Team.objects.filter(pk="t").update(created_at=long_ago, budget_started_at=long_ago)
    Team.objects.create(id="free", alias="Free")
    budget = Budget.objects.create(id="b", max_budget_nano=100 * DOLLAR, budget_duration="30d")
    Organization.objects.create(id="o", alias="Org", budget=budget)
    everybodys = GatewayBudget.objects.create(
        scope=Scope.PROXY, window="30d", max_budget_nano=20 * DOLLAR, started_at=long_ago
    )
    (month,) = standings([("proxy", "")], now=now, with_projection=False)["proxy", ""]
    spent(Scope.TEAM, "t", 9 * DOLLAR, window="30d", since=month.period_start)
    spent(Scope.PROXY, "", 12 * DOLLAR, window="30d", since=month.period_start)
    keep_days(*(day_row(now.date() - timedelta(days=age), team_id="t", amount_nano=DOLLAR) for age in range(1, 29)))
    days = {now.date() - timedelta(days=age): Traffic(2 * DOLLAR, 1) for age in range(1, 29)}

    def lines() -> list[tuple[str, str, str, int | None]]:
        found = budget_lines(
            everybodys_days=days, teams=Team.objects.all(), organizations=Organization.objects.all(), now=now
        )
        return [(line.scope, line.pk, line.name, line.forecast_nano) for line in found]

    (first, second, third) = lines()
    assert first[:3] == ("team", team.pk, "Search")
    assert second[:3] == ("proxy", str(everybodys.pk), "")
    assert third == ("organization", "o", "Org", None)
    (projected,) = standings([("team", "t")], now=now)["team", "t"]
    assert projected.projection is not None
    assert first[3] == projected.projection.spend_at_end_nano
    assert second[3] is not None
    assert second[3] > 12 * DOLLAR


@pytest.mark.django_db
def test_what_one_may_not_see_is_not_asked_for() -> None:
    GatewayBudget.objects.create(scope=Scope.PROXY, window="30d", max_budget_nano=DOLLAR, started_at=NOON)
    Team.objects.create(id="t", max_budget_nano=DOLLAR)

    assert budget_lines(everybodys_days=None, teams=Team.objects.none(), organizations=None, now=NOON) == []


@pytest.mark.django_db
def test_those_who_spend_most_stand_first_and_a_key_is_one_whatever_hashes_it_had() -> None:
    key = VirtualKey(alias="k")
    issue_key(key)
    former = key.token_hash
    regenerate_key(key, now=timezone.now(), grace=None)
    keep_days(
        day_row(key_hash=former, team_id="a", model_group="m", amount_nano=4),
        day_row(key_hash=key.token_hash, team_id="b", model_group="m", amount_nano=5),
        day_row(key_hash="c" * 64, team_id="a", model_group="n", amount_nano=7),
        day_row(key_hash="d" * 64, team_id="", model_group="n", amount_nano=-1),
        day_row(key_hash="e" * 64, amount_nano=1000, facet="tag", facet_value="x"),
    )
    top = top_of(Question())

    assert [(one.ids, one.amount_nano) for one in top.teams] == [(("a",), 11), (("b",), 5)]
    assert [(one.ids, one.amount_nano) for one in top.keys] == [((key.token_hash, former), 9), (("c" * 64,), 7)]
    assert [(one.ids, one.amount_nano) for one in top.models] == [(("m",), 9), (("n",), 6)]
    own = top_of(Question(any_of=({By.TEAM: ["b"]},)))
    assert [(one.ids[0], one.amount_nano) for one in own.teams] == [("b", 5)]
