"""Budgets of providers and deployments: read from the ledger, crossed, and free again when their period is over."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from budgets.core.pricing import NANO
from budgets.entries import insert
from budgets.models import GatewayBudget, Scope
from proxy.core.settings import RouterSettings
from proxy.deployments import Deployment, concretize
from proxy.registry import Group, RoutingTable
from proxy.spending import REFRESH_SECONDS, UpstreamSpending
from proxy.state import RouterState
from teams.periods import Calendar
from tests.budgets.builders import entry
from tests.proxy.rows import built

pytestmark = pytest.mark.django_db

# A Tuesday.
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ONE_A_DAY = {"budget_limit": 1, "time_period": "1d"}


def spent(amount_nano: int, *, at: datetime = NOW, **columns: Any) -> None:
    insert([entry(amount_nano=amount_nano, started_at=at, ended_at=at, **columns).encode()])


def deployment(name: str, *, model: str = "openai/gpt-4o", **params: Any) -> Deployment:
    return built({"model": model, **params}, id=name)


def table(*deployments: Deployment, team: tuple[Deployment, ...] = (), **providers: Any) -> RoutingTable:
    return RoutingTable(
        groups={"gpt-4o": Group.of(deployments)},
        settings={},
        router=RouterSettings(provider_budget_config=providers),
        team_groups={("red", "gpt-4o"): Group.of(team)} if team else {},
    )


@dataclass
class Watch:
    """A process's view of what was spent, with a clock of its own."""

    table: RoutingTable
    seconds: float = 1.0
    state: RouterState = field(default_factory=RouterState)
    spending: UpstreamSpending = field(init=False)

    def __post_init__(self) -> None:
        self.spending = UpstreamSpending(lambda: self.seconds)

    def look(self, now: datetime = NOW, *, after: float = REFRESH_SECONDS) -> tuple[set[str], set[str]]:
        """The providers and deployments that are over their budget."""
        self.seconds += after
        self.spending.refresh(self.table, self.state, now=now)
        return set(self.state.crossed_providers), set(self.state.crossed_deployments)


NOBODY: tuple[set[str], set[str]] = (set(), set())


@contextmanager
def queries() -> Iterator[list[str]]:
    with CaptureQueriesContext(connection) as captured:
        found: list[str] = []
        yield found
        found += [query["sql"] for query in captured.captured_queries if "budgets_balance" in query["sql"]]


def test_budgets_of_the_admins_table_hold_beside_those_of_the_config() -> None:
    for scope, entity_id, window, limit in (
        (Scope.PROVIDER, "openai", "1d", 5),
        (Scope.PROVIDER, "openai", "", 9),
        (Scope.DEPLOYMENT, "one", "", 3),
        (Scope.MODEL, "gpt-4o", "", 1),
    ):
        GatewayBudget.objects.create(
            scope=scope, entity_id=entity_id, window=window, max_budget_nano=limit * NANO, started_at=NOW - DAY
        )
    watch = Watch(table(deployment("one"), deployment("two"), openai={"budget_limit": 20}))

    spent(2 * NANO, deployment_id="one", at=NOW - timedelta(hours=18))
    assert watch.look() == NOBODY
    spent(NANO, deployment_id="one", at=NOW)
    assert watch.look() == (set(), {"one"})
    spent(4 * NANO, deployment_id="two", at=NOW)
    assert watch.look() == ({"openai"}, {"one"})
    assert watch.look(NOW + DAY) == (set(), {"one"})
    spent(2 * NANO, deployment_id="two", at=NOW + DAY)
    assert watch.look(NOW + DAY) == ({"openai"}, {"one"})
    assert watch.spending.crossings(["one"]) == [
        "Exceeded budget for provider openai: 9 >= 9",
        "Exceeded budget for deployment model_name: gpt-4o, litellm_params.model: openai/gpt-4o, model_id: one: 3 >= 3",
    ]


def test_a_provider_is_over_its_budget_when_the_budget_is_spent_and_not_before() -> None:
    watch = Watch(table(deployment("a"), openai=ONE_A_DAY))
    spent(NANO - 1)
    assert watch.look() == NOBODY
    spent(1)
    assert watch.look() == ({"openai"}, set())


def test_what_others_spend_counts_for_others() -> None:
    watch = Watch(table(deployment("a", max_budget=1), deployment("b"), openai=ONE_A_DAY, groq=ONE_A_DAY))
    spent(NANO, provider="groq", deployment_id="b")
    spent(NANO, provider="mistral", deployment_id="c")

    assert watch.look() == ({"groq"}, set())


def test_a_deployment_is_over_its_budget_be_it_a_teams_own_or_everybodys() -> None:
    own = deployment("a", max_budget=1, budget_duration="1d")
    watch = Watch(table(own, deployment("b", max_budget=1), team=(deployment("c", max_budget=0.5),)))
    spent(NANO, deployment_id="a")
    spent(NANO - 1, deployment_id="b")
    spent(NANO // 2, deployment_id="c")

    assert watch.look() == (set(), {"a", "c"})
    assert watch.state.over_budget(own)


def test_a_budget_of_nothing_is_spent_from_the_beginning() -> None:
    assert Watch(table(deployment("a", max_budget=0))).look() == (set(), {"a"})


@pytest.mark.parametrize(
    ("duration", "within", "before"),
    [
        ("1d", datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)),
        ("1h", datetime(2026, 11, 24, 12, tzinfo=UTC), datetime(2026, 11, 24, 11, 59, 59, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)),
        ("1mo", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_only_the_running_period_counts(duration: str, within: datetime, before: datetime) -> None:
    watch = Watch(table(deployment("a", max_budget=1, budget_duration=duration)))
    spent(NANO, at=before, deployment_id="a")
    assert watch.look() == NOBODY
    spent(NANO, at=within, deployment_id="a")
    assert watch.look() == (set(), {"a"})


def test_without_a_period_everything_counts() -> None:
    watch = Watch(table(deployment("a", max_budget=1)))
    spent(NANO, at=NOW - 900 * DAY, deployment_id="a")

    assert watch.look() == (set(), {"a"})


def test_at_the_end_of_the_period_the_budget_is_whole_again() -> None:
    watch = Watch(table(deployment("a", max_budget=1, budget_duration="1d"), openai=ONE_A_DAY))
    spent(NANO, deployment_id="a")
    assert watch.look() == ({"openai"}, {"a"})
    midnight = datetime(2026, 11, 25, tzinfo=UTC)
    assert watch.look(midnight - timedelta(microseconds=1)) == ({"openai"}, {"a"})
    assert watch.look(midnight) == NOBODY
    spent(NANO, at=midnight, deployment_id="a")
    assert watch.look(midnight) == ({"openai"}, {"a"})


def test_what_this_process_spends_counts_before_it_is_read_again() -> None:
    own = deployment("a", max_budget=1)
    watch = Watch(table(own, openai={"budget_limit": 3, "time_period": "1d"}))
    spent(NANO // 2, deployment_id="a")
    assert watch.look() == NOBODY
    with queries() as asked:
        watch.spending.add(own, NANO // 2)
        assert watch.look(after=1) == (set(), {"a"})
        watch.spending.add(own, 2 * NANO)
        assert watch.look(after=1) == ({"openai"}, {"a"})
    assert asked == []


def test_what_was_added_is_not_counted_twice_once_the_ledger_has_it() -> None:
    own = deployment("a", max_budget=1)
    watch = Watch(table(own))
    watch.look()
    for _ in range(3):
        watch.spending.add(own, NANO // 4)
        spent(NANO // 4, deployment_id="a")
        assert watch.look() == NOBODY
        assert watch.look(after=1) == NOBODY
    watch.spending.add(own, NANO // 4)
    assert watch.look(after=1) == (set(), {"a"})


def test_what_has_no_budget_is_not_added_up() -> None:
    plain = deployment("b", model="groq/llama-3.1-8b-instant")
    watch = Watch(table(deployment("a", max_budget=1), plain))
    watch.look()
    watch.spending.add(plain, 10 * NANO)

    assert watch.look(after=1) == NOBODY


def test_models_of_a_pattern_spend_their_deployments_budget() -> None:
    pattern = deployment("p", model="openai/*", max_budget=1)
    watch = Watch(table(pattern))
    watch.look()
    watch.spending.add(concretize(pattern, model="openai/gpt-4o", captured="gpt-4o", now=NOW), NANO)

    assert watch.look(after=1) == (set(), {"p"})


def test_the_balances_are_asked_now_and_then_and_once_for_all_budgets() -> None:
    watch = Watch(table(deployment("a", max_budget=1), deployment("b", max_budget=1), openai=ONE_A_DAY))
    with queries() as first:
        watch.look()
    with queries() as soon:
        watch.look(after=REFRESH_SECONDS - 1)
    with queries() as later:
        watch.look(after=1)

    assert (len(first), len(soon), len(later)) == (1, 0, 1)


def test_without_budgets_the_ledger_is_never_asked() -> None:
    watch = Watch(table(deployment("a")))
    with queries() as asked:
        watch.look()
        watch.spending.add(deployment("a"), NANO)
        assert watch.look() == NOBODY

    assert asked == []


def test_other_budgets_are_met_at_once() -> None:
    watch = Watch(table(deployment("a", max_budget=5)))
    spent(NANO, deployment_id="a")
    assert watch.look() == NOBODY
    watch.table = table(deployment("a", max_budget=1))
    assert watch.look(after=0) == (set(), {"a"})
    watch.table = table(deployment("a"))
    assert watch.look(after=0) == NOBODY
    assert watch.spending.crossings(["a"]) == []


def test_while_the_database_is_away_the_last_word_and_the_own_additions_hold() -> None:
    own = deployment("a", max_budget=1)
    watch = Watch(table(own))
    spent(NANO // 2, deployment_id="a")
    assert watch.look() == NOBODY
    watch.spending.add(own, NANO // 2)

    def away(*_: Any) -> None:
        raise DatabaseError("away")

    with connection.execute_wrapper(away), pytest.raises(DatabaseError):
        watch.look()
    watch.spending.judge(watch.state)
    assert watch.state.crossed_deployments == {"a"}


def test_a_crossing_is_told_in_dollars_and_with_whose_it_is() -> None:
    watch = Watch(
        table(deployment("a", max_budget=1), deployment("b", max_budget=0.5), openai={**ONE_A_DAY, "budget_limit": 2})
    )
    spent(3 * NANO // 2, deployment_id="a")
    spent(NANO // 2, deployment_id="b")
    watch.look()

    provider = "Exceeded budget for provider openai: 2 >= 2"
    assert watch.spending.crossings(["a"]) == [
        provider,
        "Exceeded budget for deployment model_name: gpt-4o, litellm_params.model: openai/gpt-4o, model_id: a: 1.5 >= 1",
    ]
    assert len(watch.spending.crossings(["a", "b"])) == 3
    assert watch.spending.crossings([]) == [provider]


def test_what_is_within_its_budget_is_no_crossing() -> None:
    watch = Watch(table(deployment("a", max_budget=1), openai=ONE_A_DAY))
    watch.look()

    assert watch.spending.crossings(["a"]) == []


@pytest.mark.parametrize(
    "given", [{"budget_limit": 1, "time_period": "1d"}, {"max_budget": "1.0", "budget_duration": "daily"}]
)
def test_both_of_litellms_spellings_are_known(given: dict[str, Any]) -> None:
    spent(NANO, at=NOW - DAY)
    watch = Watch(table(deployment("a"), openai=given))
    assert watch.look() == NOBODY
    spent(NANO)
    assert watch.look() == ({"openai"}, set())


def test_a_day_of_the_budget_is_one_of_the_calendar() -> None:
    """Noon in UTC is 17:45 in Kathmandu, where the day began at 18:15 UTC of the day before."""
    nepal = Calendar(ZoneInfo("Asia/Kathmandu"))
    watch = Watch(replace(table(deployment("a"), openai=ONE_A_DAY), calendar=nepal))
    spent(NANO, at=NOW - timedelta(hours=17))

    assert watch.look() == ({"openai"}, set())
    assert watch.look(NOW + timedelta(hours=6)) == ({"openai"}, set())
    assert watch.look(NOW + timedelta(hours=6, minutes=15)) == NOBODY
