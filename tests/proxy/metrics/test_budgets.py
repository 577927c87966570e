"""Gauges of budgets: right after whatever happens to a budget, and gone with it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budgets.entries import insert
from budgets.every_budget import EveryBudget
from budgets.models import Balance, GatewayBudget, Scope, UnrolledBatch
from budgets.request_limits import LimitPolicy, RequestLimits
from budgets.resets import reset_spend
from budgets.rollup import roll_up
from proxy.metrics.budgets import BudgetMetrics
from proxy.metrics.gauges import DroppedSeries, Gauges
from proxy.metrics.settings import MetricSettings
from teams import revisions
from teams.holders import Holders
from teams.models import Budget, Customer, Membership, Organization, Tag, Team, User, VirtualKey
from teams.periods import UTC_MIDNIGHT
from teams.services import issue_key, regenerate_key
from teams.snapshot import KeySnapshot
from tests.budgets.builders import entry
from tests.proxy.metrics.page import Page as PlainPage

pytestmark = pytest.mark.django_db
DOLLAR = 10**9
LONG_AGO = datetime.now(UTC) - timedelta(days=300)
REMAINING = "litellm_remaining_api_key_budget_metric"


class Page(PlainPage):
    """As one process shows it; its snapshots follow the database before each look."""

    def __init__(self, **litellm: Any) -> None:
        self.keys = KeySnapshot(admin_id="default_user_id")
        self.limits = RequestLimits(self.keys)
        self.every = EveryBudget(Holders(self.keys), self.limits)
        self.gauges = Gauges(MetricSettings.read(litellm))
        super().__init__(BudgetMetrics(self.gauges, self._read), DroppedSeries(self.gauges))

    def _read(self, now: datetime) -> Any:
        numbers = revisions.current()
        self.keys.follow(numbers.get(revisions.KEYS, 0))
        self.limits.refresh(policy=LimitPolicy(), calendar=UTC_MIDNIGHT, revision=tuple(sorted(numbers.items())))
        return self.every.read(now)


@pytest.fixture
def page() -> Page:
    return Page()


def spent(amount_nano: int, **columns: Any) -> None:
    now = datetime.now(UTC)
    insert([entry(amount_nano=amount_nano, started_at=now, ended_at=now, **columns).encode()])


def rolled() -> None:
    UnrolledBatch.objects.update(created_at=LONG_AGO)
    roll_up(now=datetime.now(UTC), settled_after=timedelta())


def key(**columns: Any) -> VirtualKey:
    row = VirtualKey(**columns)
    issue_key(row)
    return row


def team(**columns: Any) -> Team:
    return Team.objects.create(id="t", alias="the team", budget_started_at=LONG_AGO, **columns)


def test_a_team_has_exactly_the_seeds_three_gauges(page: Page) -> None:
    team(max_budget_nano=10 * DOLLAR, budget_duration="1d")
    spent(3 * DOLLAR, team_id="t")
    labels = {"team": "t", "team_alias": "the team"}

    assert page.samples("litellm_remaining_team_budget_metric") == [(labels, 7)]
    assert page.samples("litellm_team_max_budget_metric") == [(labels, 10)]
    ((found, hours),) = page.samples("litellm_team_budget_remaining_hours_metric")
    assert found == labels
    assert 0 < hours <= 24


def test_what_waits_to_be_rolled_up_counts_and_counts_once_afterwards(page: Page) -> None:
    own = key(max_budget_nano=10 * DOLLAR)
    spent(2 * DOLLAR, key_hash=own.token_hash)
    assert page.value(REMAINING) == 8
    spent(DOLLAR, key_hash=own.token_hash)
    rolled()
    assert Page().value(REMAINING) == 7


def test_it_is_right_at_once_after_a_reset_a_raise_and_another_name(page: Page) -> None:
    own = key(max_budget_nano=DOLLAR, alias="before")
    spent(DOLLAR, key_hash=own.token_hash)
    rolled()
    assert page.samples(REMAINING) == [({"hashed_api_key": own.token_hash, "api_key_alias": "before"}, 0)]

    reset_spend((Scope.KEY.value, str(own.pk)), now=datetime.now(UTC), actor_id="a")
    assert page.value(REMAINING) == 1

    own.max_budget_nano, own.alias = 5 * DOLLAR, "after"
    own.save()
    assert page.samples(REMAINING) == [({"hashed_api_key": own.token_hash, "api_key_alias": "after"}, 5)]
    assert page.value("litellm_api_key_max_budget_metric") == 5

    new = regenerate_key(own, now=datetime.now(UTC))
    own.refresh_from_db()
    assert new
    assert [labels["hashed_api_key"] for labels, _ in page.samples(REMAINING)] == [own.token_hash]


def test_nothing_is_left_of_a_budget_or_a_key_that_is_gone(page: Page) -> None:
    one, other = key(max_budget_nano=DOLLAR), key(max_budget_nano=DOLLAR)
    assert len(page.samples(REMAINING)) == 2
    one.delete()
    other.max_budget_nano = None
    other.save()
    for name in (REMAINING, "litellm_api_key_max_budget_metric", "tollkeeper_budget_limit_usd"):
        assert page.samples(name) == []
    assert "Inf" not in page.text()


def test_who_has_no_budget_has_no_series(page: Page) -> None:
    key()
    key(budget_duration="30d")
    key(rpm_limit=5)
    spent(DOLLAR, key_hash="k")
    assert "_budget_metric{" not in page.text()
    assert "tollkeeper_budget_spent_usd{" not in page.text()


def test_a_temporary_increase_counts_while_it_lasts(page: Page) -> None:
    key(max_budget_nano=DOLLAR, temp_budget_increase_nano=DOLLAR, temp_budget_expiry=datetime.now(UTC) + timedelta(1))
    assert page.value(REMAINING) == 2
    VirtualKey.objects.update(temp_budget_expiry=LONG_AGO)
    assert Page().value(REMAINING) == 1


def test_a_key_follows_the_shared_budget_that_it_is_linked_to(page: Page) -> None:
    shared = Budget.objects.create(id="b", max_budget_nano=2 * DOLLAR)
    key(budget=shared)
    assert page.value(REMAINING) == 2
    shared.max_budget_nano = 3 * DOLLAR
    shared.save()
    assert page.value(REMAINING) == 3


def test_people_organizations_customers_and_providers_have_litellms_names() -> None:
    page = Page(enable_end_user_cost_tracking_prometheus_only=True)
    shared = Budget.objects.create(id="b", max_budget_nano=4 * DOLLAR, budget_duration="30d")
    User.objects.create(id="u", username="u", alias="secret", email="u@example.com", max_budget_nano=DOLLAR)
    Organization.objects.create(id="o", alias="org", budget=shared)
    Customer.objects.create(id="c", budget=shared)
    GatewayBudget.objects.create(
        scope=Scope.PROVIDER, entity_id="openai", window="1d", max_budget_nano=DOLLAR, started_at=LONG_AGO
    )
    spent(DOLLAR, user_id="u", organization_id="o", end_user="c", provider="openai")

    assert page.samples("litellm_remaining_user_budget_metric") == [({"user": "u"}, 0)]
    assert page.samples("litellm_remaining_org_budget_metric") == [({"org_id": "o", "org_alias": "org"}, 3)]
    assert page.samples("litellm_remaining_customer_budget_metric") == [({"end_user": "c"}, 3)]
    assert page.samples("litellm_provider_remaining_budget_metric") == [({"api_provider": "openai"}, 0)]
    assert page.value("litellm_org_budget_remaining_hours_metric") > 0
    assert "secret" not in page.text()
    assert "example.com" not in page.text()
    opted = Page(prometheus_user_budget_label_include_email_alias=True)
    assert opted.samples("litellm_user_max_budget_metric") == [
        ({"user": "u", "user_email": "u@example.com", "user_alias": "secret"}, 1)
    ]
    assert opted.samples("litellm_remaining_customer_budget_metric") == []


def test_our_own_family_has_every_window_of_everybody(page: Page) -> None:
    shared = Budget.objects.create(id="b", max_budget_nano=2 * DOLLAR)
    Tag.objects.create(name="prod", budget=shared)
    group = team(
        soft_budget_nano=DOLLAR,
        budget_limits=[{"budget_duration": "1h", "max_budget": 8}],
        model_max_budget={"gpt-4o": {"budget_limit": 4}},
        member_budget=shared,
    )
    Membership.objects.create(team=group, user=User.objects.create(id="u", username="u"))
    GatewayBudget.objects.create(
        scope=Scope.DEPLOYMENT, entity_id="d", window="", max_budget_nano=DOLLAR, started_at=LONG_AGO
    )
    spent(DOLLAR, team_id="t", user_id="u", tags=("prod",), deployment_id="d", model_group="gpt-4o")

    found = {
        (one["scope"], one["entity"], one.get("model", ""), one.get("window", "")): value
        for one, value in page.samples("tollkeeper_budget_utilization_ratio")
    }
    assert found == {
        ("team", "t", "", "1h"): 1 / 8,
        ("team_model", "t", "gpt-4o", ""): 1 / 4,
        ("member", "t/u", "", ""): 1 / 2,
        ("tag", "prod", "", ""): 1 / 2,
        ("deployment", "d", "", ""): 1,
    }
    soft = page.samples("tollkeeper_budget_soft_limit_usd")
    assert [(one["scope"], one["alias"], value) for one, value in soft] == [("team", "the team", 1)]
    resets = page.samples("tollkeeper_budget_reset_timestamp_seconds")
    assert [one["window"] for one, _ in resets] == ["1h"]
    assert 0 < resets[0][1] - datetime.now(UTC).timestamp() <= 3600


def test_a_budget_of_nothing_is_used_up(page: Page) -> None:
    key(max_budget_nano=0)
    assert page.value("tollkeeper_budget_utilization_ratio", scope="key") == 1


def test_a_period_that_is_over_is_spent_no_more(page: Page) -> None:
    own = key(max_budget_nano=DOLLAR, budget_duration="1d", budget_started_at=LONG_AGO)
    spent(DOLLAR, key_hash=own.token_hash)
    rolled()
    assert page.value(REMAINING) == 0
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    (window,) = page.every.read(tomorrow)
    assert window.spent_nano == 0
    assert window.ends is not None
    assert window.ends > tomorrow


def test_a_new_window_of_somebody_who_spent_before_counts_what_its_period_holds(page: Page) -> None:
    own = key()
    spent(DOLLAR, key_hash=own.token_hash)
    rolled()
    own.max_budget_nano, own.budget_duration, own.budget_started_at = 3 * DOLLAR, "30d", LONG_AGO
    own.save()
    assert not Balance.objects.filter(scope=Scope.KEY, window="30d").exists()
    assert page.value(REMAINING) == 2
    spent(DOLLAR, key_hash=own.token_hash)
    rolled()
    assert Page().value(REMAINING) == 1


@pytest.mark.parametrize("count", [2, 200])
def test_a_scrape_asks_the_same_few_questions_however_many_budgets_there_are(page: Page, count: int) -> None:
    keys = [key(max_budget_nano=DOLLAR, budget_duration="30d") for _ in range(count)]
    for one in keys[:3]:
        spent(1000, key_hash=one.token_hash)
    page.text()
    rolled()
    fresh = Page()
    fresh.text()
    fresh.every._good_until = 0.0
    with CaptureQueriesContext(connection) as queries:
        assert len(fresh.samples(REMAINING)) == count
    # For revisions and the calendar, three for adjustments, for balances, and for what waits.
    assert len(queries) <= 7, [one["sql"] for one in queries]


def test_the_most_utilised_are_shown_where_there_are_too_many_and_the_rest_is_counted() -> None:
    page = Page(prometheus_metrics_max_series_per_metric=2)
    keys = [key(max_budget_nano=DOLLAR) for _ in range(5)]
    for number in (1, 3):
        spent(number * DOLLAR // 4, key_hash=keys[number].token_hash)
    found = {labels["hashed_api_key"] for labels, _ in page.samples(REMAINING)}

    assert found == {keys[1].token_hash, keys[3].token_hash}
    assert page.value("tollkeeper_metrics_dropped_series", metric=REMAINING) == 3
    for one in (keys[0], keys[2], keys[4]):
        one.delete()
    page.text()
    assert not [one for one in page.samples("tollkeeper_metrics_dropped_series") if one[0]["metric"] == REMAINING]


def test_labels_and_metrics_may_be_left_out() -> None:
    left_out = "tollkeeper_budget_limit_usd"
    page = Page(prometheus_exclude_labels=["hashed_api_key"], prometheus_exclude_metrics=[left_out])
    own = key(max_budget_nano=DOLLAR)
    key(max_budget_nano=3 * DOLLAR)
    spent(DOLLAR // 2, key_hash=own.token_hash)
    assert page.samples(REMAINING) == [({"api_key_alias": ""}, 0.5)]
    assert left_out not in page.text()


def test_two_processes_say_the_same() -> None:
    one, other = Page(), Page()
    own = key(max_budget_nano=2 * DOLLAR)
    spent(DOLLAR, key_hash=own.token_hash)
    assert one.samples(REMAINING) == other.samples(REMAINING) != []
