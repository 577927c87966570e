"""Rounds of background checks: done once however many begin them, stored, and heeded by the router."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from budgets.models import LedgerEntry
from proxy import health_checks
from proxy.core.health import HealthSettings
from proxy.health_checks import HealthWatch, as_asked, check, claim, forget_old, latest
from proxy.models import ConfigField, HealthCheck, HealthRun
from proxy.registry import load_routing_table
from proxy.state import RouterState
from proxy.tasks import check_deployments, forget_health_checks
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.proxy.deployments import NOW, built, stored

pytestmark = pytest.mark.django_db(transaction=True)
EVERY_MINUTE = HealthSettings(background=True, interval=60)


@pytest.fixture(autouse=True)
def _watch_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.health_checks.READ_SECONDS", 0.0)


def configure(**general: Any) -> None:
    for name, value in general.items():
        ConfigField.objects.update_or_create(section="general_settings", name=name, defaults={"value": value})


def checked(deployment_id: str, *, healthy: bool = True, seconds_ago: float = 0, status: int = 500) -> HealthCheck:
    return HealthCheck.objects.create(
        deployment_id=deployment_id, model_name="gpt-4o", healthy=healthy, status=200 if healthy else status,
        response_ms=1, checked_by="test", checked_at=NOW - timedelta(seconds=seconds_ago),
    )  # fmt: skip


def test_a_round_is_done_once_however_many_begin_it(upstream: FakeUpstream) -> None:
    for number in range(3):
        stored(upstream.url, pk=f"d{number}")
    configure(background_health_checks=True)
    together = threading.Barrier(4)

    def begin(_: int) -> int:
        together.wait()
        return health_checks.in_thread(health_checks.check_deployments)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(begin, range(4)))

    assert sorted(done) == [0, 0, 0, 3]
    assert len(upstream.received) == 3
    assert HealthCheck.objects.filter(healthy=True, checked_by="background").count() == 3
    assert LedgerEntry.objects.filter(key_hash="litellm-internal-health-check").count() == 3
    assert sum(entry.amount_nano for entry in LedgerEntry.objects.all()) > 0


def test_the_next_round_is_due_when_the_interval_has_passed() -> None:
    assert claim(EVERY_MINUTE, at=NOW)
    HealthRun.objects.update(leased_until=NOW)

    assert not claim(EVERY_MINUTE, at=NOW + timedelta(seconds=59))
    assert claim(EVERY_MINUTE, at=NOW + timedelta(seconds=60))


def test_a_round_that_goes_on_is_not_begun_again_and_one_whose_process_died_is() -> None:
    assert claim(EVERY_MINUTE, at=NOW)
    lasts = health_checks.LEASE_SECONDS
    HealthRun.objects.update(leased_until=NOW + timedelta(seconds=60 + lasts))

    assert not claim(EVERY_MINUTE, at=NOW + timedelta(seconds=59 + lasts))
    assert claim(EVERY_MINUTE, at=NOW + timedelta(seconds=60 + lasts))


def test_a_round_gives_its_lease_back_when_it_is_done(upstream: FakeUpstream) -> None:
    stored(upstream.url)
    configure(background_health_checks=True)
    check_deployments()

    assert HealthRun.objects.get().leased_until <= timezone.now()


def test_without_background_checks_nothing_is_asked(upstream: FakeUpstream) -> None:
    stored(upstream.url)
    check_deployments()
    configure(background_health_checks=False)
    check_deployments()

    assert not upstream.received
    assert not HealthRun.objects.exists()


def test_the_background_leaves_out_what_it_is_told_to(upstream: FakeUpstream) -> None:
    stored(upstream.url, pk="yes")
    stored(upstream.url, pk="switched-off", info={"disable_background_health_check": True})
    stored(upstream.url, pk="another-group", name="gpt-4o-mini")
    drained = stored(upstream.url, pk="drained")
    drained.blocked = True
    drained.save()
    configure(background_health_checks=True, background_health_check_model_groups=["gpt-4o"])
    check_deployments()

    assert set(HealthCheck.objects.values_list("deployment_id", flat=True)) == {"yes"}


def test_a_round_of_many_is_done_to_its_end(upstream: FakeUpstream) -> None:
    for number in range(7):
        stored(upstream.url, pk=f"d{number}")
    configure(background_health_checks=True, health_check_concurrency=1)
    check_deployments()

    assert HealthCheck.objects.count() == LedgerEntry.objects.count() == 7


def test_a_failure_is_stored_with_its_reason(upstream: FakeUpstream) -> None:
    upstream.script(openai_error(401, "Incorrect API key", "invalid_request_error"))
    check([built(upstream.url, pk="d1")], concurrency=1, checked_by="me", at=NOW)

    row = HealthCheck.objects.get()
    assert (row.deployment_id, row.model_name, row.healthy, row.status) == ("d1", "gpt-4o", False, 401)
    assert "Incorrect API key" in row.error
    assert row.checked_by == "me"


def test_what_was_not_asked_leaves_no_result_and_costs_nothing(upstream: FakeUpstream) -> None:
    check([built(upstream.url, model="openai/dall-e-3")], concurrency=1, checked_by="me", at=NOW)

    assert not HealthCheck.objects.exists()
    assert not LedgerEntry.objects.exists()


def test_another_model_may_stand_in_for_a_pattern(upstream: FakeUpstream) -> None:
    stored(upstream.url, pk="p", name="openai/*", model="openai/*", info={"health_check_model": "openai/gpt-4o-mini"})
    (deployment,) = load_routing_table(now=NOW).all_deployments()
    ((asked, found),) = check([deployment], concurrency=1, checked_by="me", at=NOW)

    assert found.healthy, found.error
    assert upstream.received[0].json()["model"] == "gpt-4o-mini"
    assert (asked.id, asked.model_group) == ("p", "openai/*")
    assert LedgerEntry.objects.get().model == "gpt-4o-mini"


def test_a_model_that_cannot_stand_in_is_told_as_what_is_wrong(upstream: FakeUpstream) -> None:
    stored(upstream.url, pk="p", name="openai/*", model="openai/*", info={"health_check_model": "nobody/x"})
    (deployment,) = load_routing_table(now=NOW).all_deployments()
    ((_, found),) = check([deployment], concurrency=1, checked_by="me", at=NOW)

    assert not found.healthy
    assert "health_check_model" in found.error
    assert not HealthCheck.objects.get().healthy
    assert not LedgerEntry.objects.exists()


def test_what_has_no_row_is_asked_as_it_is(upstream: FakeUpstream) -> None:
    deployment = built(upstream.url, info={"health_check_model": "openai/gpt-4o-mini"})

    assert as_asked([deployment], at=NOW) == [deployment]


def test_the_last_check_of_each_is_found_with_one_query(django_assert_num_queries: Any) -> None:
    for number in range(40):
        checked(f"d{number % 4}", healthy=number >= 36, seconds_ago=40 - number)

    with django_assert_num_queries(1):
        found = latest()
    assert {name: row.healthy for name, row in found.items()} == dict.fromkeys(["d0", "d1", "d2", "d3"], True)
    assert latest(["d1", "nobody"]).keys() == {"d1"}
    assert latest(since=NOW - timedelta(seconds=2)).keys() == {"d2", "d3"}
    assert latest([]) == {}


def test_old_checks_are_forgotten_and_the_last_hundred_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(103):
        checked("busy", seconds_ago=number)
    checked("quiet", seconds_ago=29 * 86_400)
    checked("gone", seconds_ago=31 * 86_400)
    newest = set(HealthCheck.objects.filter(deployment_id="busy").values_list("pk", flat=True)[:100])

    assert forget_old(at=NOW) == 4
    assert set(HealthCheck.objects.filter(deployment_id="busy").values_list("pk", flat=True)) == newest
    assert HealthCheck.objects.filter(deployment_id="quiet").exists()
    assert not HealthCheck.objects.filter(deployment_id="gone").exists()
    assert forget_old(at=NOW) == 0


def test_so_many_are_forgotten_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.health_checks._MOST_DELETED", 5)
    for number in range(112):
        checked("busy", seconds_ago=number)

    assert [forget_old(at=NOW) for _ in range(4)] == [5, 5, 2, 0]
    checked("gone", seconds_ago=31 * 86_400)
    forget_health_checks()
    assert HealthCheck.objects.count() == 100


def watched(watch: HealthWatch, state: RouterState) -> frozenset[str]:
    watch.refresh(load_routing_table(now=NOW), state, now=NOW)
    return state.unhealthy


def test_the_router_passes_over_what_fails_its_checks_while_that_is_switched_on(upstream: FakeUpstream) -> None:
    for name in ("a", "b"):
        stored(upstream.url, pk=name)
    checked("a", healthy=True, seconds_ago=20)
    checked("a", healthy=False, seconds_ago=10)
    checked("b", healthy=True, seconds_ago=10)
    watch, state = HealthWatch(), RouterState()

    assert watched(watch, state) == frozenset()
    configure(enable_health_check_routing=True)
    assert watched(watch, state) == {"a"}
    checked("b", healthy=False)
    assert watched(watch, state) == frozenset(), "never the whole group"
    checked("a", healthy=True)
    assert watched(watch, state) == {"b"}
    configure(enable_health_check_routing=False)
    assert watched(watch, state) == frozenset()


def test_a_drained_deployment_is_no_help_to_its_group(upstream: FakeUpstream) -> None:
    drained = stored(upstream.url, pk="a")
    stored(upstream.url, pk="b")
    drained.blocked = True
    drained.save()
    checked("a")
    checked("b", healthy=False)
    configure(enable_health_check_routing=True)

    assert watched(HealthWatch(), RouterState()) == frozenset()


def test_stale_and_passing_failures_are_not_heeded(upstream: FakeUpstream) -> None:
    for name in ("a", "b", "c"):
        stored(upstream.url, pk=name)
    checked("a", healthy=False, seconds_ago=100)
    checked("b", healthy=False, status=429)
    configure(enable_health_check_routing=True)
    watch, state = HealthWatch(), RouterState()

    assert watched(watch, state) == {"a", "b"}
    configure(health_check_staleness_threshold=99)
    assert watched(watch, state) == {"b"}
    configure(health_check_ignore_transient_errors=True)
    assert watched(watch, state) == frozenset()


def test_the_rows_are_read_now_and_then_and_not_at_every_turn(
    upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr("proxy.health_checks.READ_SECONDS", 60.0)
    stored(upstream.url, pk="a")
    configure(enable_health_check_routing=True)
    table, watch, state = load_routing_table(now=NOW), HealthWatch(), RouterState()

    with django_assert_num_queries(1):
        for _ in range(5):
            watch.refresh(table, state, now=NOW)


def test_a_worker_without_a_web_process_does_the_round(upstream: FakeUpstream) -> None:
    """A Celery worker has neither a runtime nor an event loop, and may do the next round in the same thread."""
    stored(upstream.url, pk="d1")
    configure(background_health_checks=True, health_check_interval=0.001)

    def work() -> None:
        try:
            check_deployments()
            check_deployments()
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    worker.join(20)

    assert len(upstream.received) == HealthCheck.objects.count() == 2
