"""Who counts as unhealthy, and what the settings of health checks mean."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.health import Checked, HealthSettings, unhealthy

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PLAIN = HealthSettings(routing=True)


def checked(*, healthy: bool = False, status: int = 500, seconds_ago: float = 1) -> Checked:
    return Checked(healthy, status, NOW - timedelta(seconds=seconds_ago))


def found(latest: dict[str, Checked], settings: HealthSettings = PLAIN, *groups: set[str]) -> frozenset[str]:
    return unhealthy(groups or ({"a", "b"},), latest, settings, now=NOW)


def test_a_deployment_that_fails_its_check_is_passed_over() -> None:
    assert found({"a": checked(), "b": checked(healthy=True, status=200)}) == {"a"}


def test_what_was_never_checked_is_not_passed_over() -> None:
    assert found({"a": checked()}) == {"a"}
    assert found({}) == frozenset()


def test_of_a_group_where_all_fail_none_is_passed_over() -> None:
    assert found({"a": checked(), "b": checked()}) == frozenset()
    assert found({"a": checked()}, PLAIN, {"a"}) == frozenset()


def test_another_groups_health_does_not_count() -> None:
    latest = {"a": checked(), "b": checked(), "c": checked(healthy=True)}

    assert found(latest, PLAIN, {"a", "b"}, {"c"}) == frozenset()
    assert found({**latest, "d": checked()}, PLAIN, {"a", "b"}, {"c", "d"}) == {"d"}


@pytest.mark.parametrize(("seconds_ago", "counts"), [(599, True), (600, True), (601, False)])
def test_an_old_result_does_not_count(seconds_ago: float, counts: bool) -> None:
    assert (found({"a": checked(seconds_ago=seconds_ago)}) == {"a"}) is counts


@pytest.mark.parametrize(
    ("status", "ignored"), [(408, True), (429, True), (0, False), (400, False), (401, False), (500, False)]
)
def test_what_passes_by_itself_is_ignored_where_that_is_set(status: int, ignored: bool) -> None:
    ignoring = HealthSettings(routing=True, ignore_transient=True)

    assert found({"a": checked(status=status)}) == {"a"}
    assert (found({"a": checked(status=status)}, ignoring) == frozenset()) is ignored


@given(
    sizes=st.lists(st.integers(1, 5), max_size=4),
    failing=st.sets(st.tuples(st.integers(0, 3), st.integers(0, 4))),
)
def test_no_group_is_ever_left_without_anybody(sizes: list[int], failing: set[tuple[int, int]]) -> None:
    groups = [{f"{group}-{number}" for number in range(size)} for group, size in enumerate(sizes)]
    latest = {f"{group}-{number}": checked() for group, number in failing}
    passed_over = unhealthy(groups, latest, PLAIN, now=NOW)

    assert all(group - passed_over for group in groups)
    assert passed_over <= latest.keys()


def test_defaults_are_litellms() -> None:
    settings = HealthSettings.read({})

    assert (settings.background, settings.routing, settings.details) == (False, False, True)
    assert (settings.interval, settings.stale_after, settings.concurrency) == (300, 600, 8)
    assert settings.covers("anything")


def test_what_is_set_is_read() -> None:
    settings = HealthSettings.read(
        {
            "background_health_checks": True,
            "health_check_interval": 30,
            "health_check_concurrency": 3,
            "health_check_details": False,
            "enable_health_check_routing": True,
            "health_check_ignore_transient_errors": True,
            "background_health_check_model_groups": ["gpt-4o"],
            "allow_public_health_readiness_details": True,
        }
    )

    assert settings.background
    assert settings.routing
    assert settings.ignore_transient
    assert settings.public_readiness_details
    assert not settings.details
    assert (settings.interval, settings.stale_after, settings.concurrency) == (30, 60, 3)
    assert settings.covers("gpt-4o")
    assert not settings.covers("gpt-4o-mini")
    assert HealthSettings.read({"health_check_staleness_threshold": 45.5}).stale_after == 45.5


@pytest.mark.parametrize(
    "name",
    [
        "background_health_checks", "health_check_interval", "health_check_concurrency", "health_check_details",
        "health_check_staleness_threshold", "background_health_check_model_groups",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "value",
    [None, True, "", "yes", "5", -1, 0, 10**400, 1e300, float("inf"), float("nan"), [], [1, None], {}, {"a": 1}],
    ids=repr,
)
def test_whatever_an_admin_stored_gives_usable_settings(name: str, value: Any) -> None:
    settings = HealthSettings.read({name: value})

    assert NOW - timedelta(seconds=settings.interval) < NOW
    assert NOW - timedelta(seconds=settings.stale_after) < NOW
    assert 1 <= settings.concurrency <= 100
    assert settings.groups != frozenset()
