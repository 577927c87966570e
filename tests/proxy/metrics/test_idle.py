"""Which series are idle, and what a setting of that may be."""

from typing import Any

import pytest

from proxy.metrics.settings import MetricSettings

REQUESTS, SPEND = "litellm_proxy_total_requests_metric", "litellm_spend_metric"
NAMES = ("team", "end_user")
HOUR: dict[str, Any] = {"prometheus_metrics_ttl_seconds": 3600}


def is_over(
    litellm: dict[str, Any], *, idle: float, metric: str = REQUESTS, end_user: str = "None", now: float = 36_000
) -> bool:
    idleness = MetricSettings.read(litellm).idleness
    return idleness.is_over(metric, NAMES, ("red", end_user), touched_at=now - idle, now=now)


def test_nothing_is_left_out_unless_asked_for() -> None:
    assert not MetricSettings.read({}).idleness
    assert not is_over({}, idle=1e9)


def test_a_series_is_left_out_at_the_first_look_after_its_time() -> None:
    assert not is_over(HOUR, idle=3600)
    assert is_over(HOUR, idle=3601)
    # Looks are at whole minutes.
    assert not is_over(HOUR, idle=3601, now=36_059)
    assert is_over(HOUR, idle=3660, now=36_059)
    assert is_over(HOUR | {"prometheus_metrics_cleanup_interval_seconds": 0.5}, idle=3601, now=36_059)


def test_what_the_ledger_adds_up_to_stays() -> None:
    assert not is_over(HOUR, idle=1e9, metric=SPEND)
    assert not is_over(HOUR, idle=1e9, metric="tollkeeper_tasks")


def test_series_of_customers_have_a_time_of_their_own() -> None:
    minute = {"prometheus_end_user_metrics_ttl_seconds": 60}
    assert is_over(minute, idle=61, end_user="acme")
    assert not is_over(minute, idle=1e9)
    # Who is only one of the others is no customer.
    assert not is_over(minute, idle=1e9, end_user="other")
    assert not is_over(HOUR | minute, idle=3599)
    assert is_over(HOUR, idle=3601, end_user="acme")


@pytest.mark.parametrize(
    "name",
    [
        "prometheus_metrics_ttl_seconds",
        "prometheus_metrics_cleanup_interval_seconds",
        "prometheus_end_user_metrics_ttl_seconds",
        "prometheus_end_user_metrics_cleanup_interval_seconds",
    ],
)
@pytest.mark.parametrize("value", [0, -1, True, "3600", float("inf"), float("nan"), [60]])
def test_a_time_that_cannot_be_is_said(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a number of seconds above 0"):
        MetricSettings.read({name: value})
