"""How budgets stand: what counts in which window, what it reaches, and where it leads."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budgets.core.allowances import EVER
from budgets.directory import Entity
from budgets.models import Facet, GatewayBudget, Scope
from budgets.spend import adjust
from budgets.standing import Standing, spent_ever, standings
from proxy.calendar import stored_calendar
from teams.calendars import set_source
from teams.models import Budget, Customer, Membership, Organization, Tag, Team, User
from teams.periods import Calendar
from teams.services import regenerate_key
from tests.budgets.days import day_row, keep_days
from tests.budgets.test_rollup import DOLLAR, NOW, key, rolled, spent

pytestmark = pytest.mark.django_db
LONG_AGO = NOW - timedelta(days=300)
NOVEMBER, DECEMBER = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def standing(scope: Scope, entity_id: object = "", *, now: datetime = NOW) -> tuple[Standing, ...]:
    entity = (scope, str(entity_id))
    return standings([entity], now=now)[entity]


def only(scope: Scope, entity_id: object = "", **options: Any) -> Standing:
    (found,) = standing(scope, entity_id, **options)
    return found


def team(**columns: Any) -> Team:
    return Team.objects.create(id="t", budget_started_at=LONG_AGO, **columns)


def daily(amount_nano: int, *, days: int = 28, **columns: Any) -> None:
    """So much on each of the last whole days."""
    today = NOW.date()
    keep_days(*(day_row(today - timedelta(days=n), amount_nano=amount_nano, **columns) for n in range(1, days + 1)))


def test_who_has_no_budget_has_no_standing() -> None:
    assert standing(Scope.TEAM, team().pk) == ()
    assert standing(Scope.TEAM, "nobody") == ()
    assert standings([], now=NOW) == {}


def test_the_period_is_that_of_the_calendar_and_what_waits_to_be_rolled_up_counts() -> None:
    team(max_budget_nano=10 * DOLLAR, soft_budget_nano=4 * DOLLAR, budget_duration="30d")
    spent(3 * DOLLAR, team_id="t")
    rolled()
    spent(2 * DOLLAR, team_id="t")
    found = only(Scope.TEAM, "t")

    assert (found.window, found.period_start, found.ends) == ("30d", NOVEMBER, DECEMBER)
    assert (found.spent_nano, found.max_nano, found.soft_nano) == (5 * DOLLAR, 10 * DOLLAR, 4 * DOLLAR)
    assert found.reached == ("50", "soft")


@pytest.fixture
def nepal() -> Iterator[None]:
    set_source(lambda: Calendar(ZoneInfo("Asia/Kathmandu"), time(6, 30)))
    yield
    set_source(stored_calendar)


@pytest.mark.usefixtures("nepal")
def test_a_day_begins_where_the_calendar_in_force_says() -> None:
    team(max_budget_nano=DOLLAR, budget_duration="1d")
    found = only(Scope.TEAM, "t", now=datetime(2026, 11, 23, 0, 44, tzinfo=UTC))

    assert found.period_start == datetime(2026, 11, 22, 0, 45, tzinfo=UTC)
    assert found.ends == datetime(2026, 11, 23, 0, 45, tzinfo=UTC)


def test_every_window_has_its_own_spend_the_main_one_first_and_models_last() -> None:
    own = key(
        max_budget_nano=10 * DOLLAR,
        budget_duration="30d",
        budget_limits=[{"budget_duration": "1d", "max_budget": 1}],
        model_max_budget={"gpt-4o": {"budget_limit": 2, "time_period": "7d"}},
    )
    spent(3 * DOLLAR, key_hash=own.token_hash, at=NOW - timedelta(days=2))
    spent(DOLLAR, key_hash=own.token_hash)
    rolled()
    found = standing(Scope.KEY, own.pk)

    assert [(one.window, one.model, one.spent_nano) for one in found] == [
        ("30d", "", 4 * DOLLAR),
        ("1d", "", DOLLAR),
        ("7d", "gpt-4o", DOLLAR),
    ]
    assert [one.is_further for one in found] == [False, True, False]


def test_a_budget_that_is_never_reset_counts_everything() -> None:
    team(max_budget_nano=DOLLAR)
    spent(DOLLAR // 2, team_id="t", at=NOW - timedelta(days=200))
    rolled()
    found = only(Scope.TEAM, "t")

    assert (found.window, found.period_start, found.ends, found.spent_nano) == ("", EVER, None, DOLLAR // 2)


def test_an_adjustment_counts_and_what_was_spent_ever_leaves_it_out() -> None:
    team(max_budget_nano=DOLLAR, budget_duration="30d")
    spent(DOLLAR // 2, team_id="t")
    rolled()
    adjust(Scope.TEAM, "t", by_nano=-DOLLAR // 4, at=NOW, actor_id="root")

    assert only(Scope.TEAM, "t").spent_nano == DOLLAR // 4
    assert spent_ever([(Scope.TEAM, "t"), (Scope.TEAM, "u")]) == {("team", "t"): DOLLAR // 2, ("team", "u"): 0}


def test_a_temporary_increase_counts_while_it_lasts() -> None:
    until = NOW + timedelta(days=1)
    team(max_budget_nano=DOLLAR, temp_budget_increase_nano=DOLLAR, temp_budget_expiry=until)

    during, after = only(Scope.TEAM, "t"), only(Scope.TEAM, "t", now=until)
    assert (during.max_nano, during.increase_nano, during.increase_until) == (2 * DOLLAR, DOLLAR, until)
    assert (after.max_nano, after.increase_nano, after.increase_until) == (DOLLAR, 0, None)


def test_a_steady_spender_is_projected_from_its_days() -> None:
    team(max_budget_nano=26 * DOLLAR, budget_duration="30d")
    daily(DOLLAR, team_id="t")
    daily(1000 * DOLLAR, team_id="other")
    spent(20 * DOLLAR, team_id="t", at=NOW - timedelta(hours=1))
    found = only(Scope.TEAM, "t").projection

    # Twenty, half of today, and six whole days.
    assert found is not None
    assert found.spend_at_end_nano == 26 * DOLLAR + DOLLAR // 2
    assert found.exhausted_at == NOW + timedelta(days=6)
    assert found.days_seen == 28


def test_nobody_who_was_seen_for_two_days_is_projected() -> None:
    team(max_budget_nano=DOLLAR, budget_duration="30d")
    daily(DOLLAR, days=2, team_id="t")

    assert only(Scope.TEAM, "t").projection is None


@pytest.mark.parametrize(
    ("lasts", "used_up"),
    [
        # Eight are left with the increase, three without: it ends before or after these.
        (timedelta(days=10), timedelta(days=8)),
        (timedelta(days=4), timedelta(days=4)),
        (timedelta(days=1), timedelta(days=3)),
    ],
)
def test_a_forecast_knows_when_an_increase_ends(lasts: timedelta, used_up: timedelta) -> None:
    team(max_budget_nano=3 * DOLLAR, temp_budget_increase_nano=5 * DOLLAR, temp_budget_expiry=NOW + lasts)
    daily(DOLLAR, team_id="t")
    found = only(Scope.TEAM, "t").projection

    assert found is not None
    # What these days cost was never rolled up from entries: nothing is spent of a budget without reset.
    assert found.exhausted_at == NOW + used_up


@pytest.mark.parametrize("with_projection", [True, False])
def test_days_are_read_only_for_who_asks(with_projection: bool) -> None:
    team(max_budget_nano=DOLLAR)
    daily(DOLLAR, team_id="t")
    (found,) = standings([(Scope.TEAM, "t")], now=NOW, with_projection=with_projection)["team", "t"]

    assert (found.projection is not None) is with_projection


def everybody() -> dict[Entity, dict[str, Any]]:
    """One of each kind with a budget of a dollar, and what the days call it."""
    budget = Budget.objects.create(id="b", max_budget_nano=DOLLAR, budget_duration="30d", budget_started_at=LONG_AGO)
    organization = Organization.objects.create(id="o", alias="o", budget=budget)
    limits = {"max_budget_nano": DOLLAR, "budget_duration": "30d"}
    red = team(organization=organization, member_budget=budget, **limits)
    user = User.objects.create(id="u", username="u", budget_started_at=LONG_AGO, **limits)
    member = Membership.objects.create(team=red, user=user)
    own = key(budget=budget)
    Customer.objects.create(id="c", budget=budget)
    Tag.objects.create(name="g", budget=budget)
    named = {Scope.PROXY: "", Scope.MODEL: "m", Scope.PROVIDER: "p", Scope.DEPLOYMENT: "d"}
    for scope, name in named.items():
        GatewayBudget.objects.create(
            scope=scope, entity_id=name, window="30d", max_budget_nano=DOLLAR, started_at=LONG_AGO
        )
    return {
        (Scope.ORGANIZATION, "o"): {"organization_id": "o"},
        (Scope.TEAM, "t"): {"team_id": "t"},
        (Scope.USER, "u"): {"user_id": "u"},
        (Scope.MEMBER, str(member.pk)): {"team_id": "t", "user_id": "u"},
        (Scope.KEY, str(own.pk)): {"key_hash": own.token_hash},
        (Scope.CUSTOMER, "c"): {"facet": Facet.CUSTOMER, "facet_value": "c"},
        (Scope.TAG, "g"): {"facet": Facet.TAG, "facet_value": "g"},
        (Scope.PROXY, ""): {},
        (Scope.MODEL, "m"): {"model_group": "m"},
        (Scope.PROVIDER, "p"): {"provider": "p"},
        (Scope.DEPLOYMENT, "d"): {"deployment_id": "d"},
    }


def test_everybody_who_can_have_a_budget_has_a_standing_and_a_forecast() -> None:
    whole = everybody()
    for columns in whole.values():
        daily(DOLLAR, **columns)
    found = standings(whole, now=NOW)

    for entity in whole:
        (one,) = found[entity]
        assert one.max_nano == DOLLAR, entity
        assert one.projection is not None, entity
        assert one.projection.days_seen == 28


def test_many_cost_no_more_questions_than_one_of_each_kind() -> None:
    """Each has its own period's balance, as after its first call."""
    whole = everybody()

    def ask(entities: list[Entity]) -> int:
        with CaptureQueriesContext(connection) as captured:
            standings(entities, now=NOW)
        return len(captured)

    few = ask(list(whole))
    teams = [Team.objects.create(max_budget_nano=DOLLAR, budget_duration="30d") for _ in range(60)]
    keys = [key(max_budget_nano=DOLLAR, budget_duration="1d") for _ in range(60)]
    for one in teams:
        spent(5, team_id=one.pk)
    for own in keys:
        spent(5, key_hash=own.token_hash)
    rolled()
    many = [*whole, *((Scope.TEAM, one.pk) for one in teams), *((Scope.KEY, str(own.pk)) for own in keys)]

    assert ask(many) <= few
    assert few <= 36


def test_a_regenerated_keys_forecast_knows_its_former_days() -> None:
    own = key(max_budget_nano=DOLLAR)
    daily(DOLLAR // 100, key_hash=own.token_hash)
    regenerate_key(own, now=NOW, grace=None)
    found = only(Scope.KEY, own.pk).projection

    assert found is not None
    assert found.days_seen == 28


def test_budgets_of_models_are_projected_from_the_models_days() -> None:
    budgets = {"gpt-4o": {"budget_limit": 10, "time_period": "30d"}}
    team(model_max_budget=budgets)
    own = key(model_max_budget=budgets)
    named: tuple[dict[str, Any], ...] = ({"team_id": "t"}, {"key_hash": own.token_hash})
    for columns in named:
        daily(DOLLAR, model_group="gpt-4o", **columns)
        daily(5 * DOLLAR, model_group="other", **columns)

    for found in (only(Scope.TEAM, "t"), only(Scope.KEY, own.pk)):
        assert found.model == "gpt-4o"
        assert found.projection is not None
        # Twenty-three whole days of November are spent, six and a half are to come.
        assert found.spent_nano == 23 * DOLLAR
        assert found.projection.spend_at_end_nano == 23 * DOLLAR + 6 * DOLLAR + DOLLAR // 2
