"""How deployments did in a period, out of the ledger's entries."""

import csv
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from alerts.events import DeploymentReport
from alerts.services import Report, Span
from proxy.deployment_report import TOP, deployment_health, deployment_report
from proxy.models import Deployment
from teams.periods import UTC_MIDNIGHT, Calendar
from tests.budgets.builders import entry
from tests.budgets.entries import keep

pytestmark = pytest.mark.django_db

BEGAN = datetime(2026, 11, 23, tzinfo=UTC)
SPAN = Span("2026-11-23/12h", BEGAN, BEGAN + timedelta(hours=12))


def answered(
    seconds: float, *, tokens: int = 10, first: float | None = None, at: datetime = BEGAN, **facts: Any
) -> Any:
    return entry(
        started_at=at,
        ended_at=at + timedelta(seconds=seconds),
        first_token_at=None if first is None else at + timedelta(seconds=first),
        completion_tokens=tokens,
        **facts,
    )


def failed(status_code: int = 500, **facts: Any) -> Any:
    return answered(0.1, tokens=0, status="failure", status_code=status_code, **facts)


def report(calendar: Calendar = UTC_MIDNIGHT) -> Report:
    return deployment_report(job="deployment_report", span=SPAN, calendar=calendar)


def sections() -> dict[str, tuple[str, ...]]:
    (event,) = report().events
    assert isinstance(event, DeploymentReport)
    return dict(event.sections())


def test_requests_failures_and_percentiles_of_each_deployment() -> None:
    keep(
        *(answered(n / 10, tokens=10, first=n / 100) for n in range(1, 101)),
        failed(),
        failed(429),
        answered(1, deployment_id="deployment-2", tokens=0),
    )

    first, second = deployment_health(SPAN)

    assert (first.deployment_id, first.requests, first.failures) == ("deployment-1", 102, 2)
    assert first.per_token_p50 == pytest.approx(0.50, rel=0.011)
    assert first.per_token_p95 == pytest.approx(0.95, rel=0.011)
    assert first.first_token_p95 == pytest.approx(0.95, rel=0.011)
    assert (second.requests, second.failures) == (1, 0)
    assert (second.per_token_p50, second.first_token_p95) == (None, None)


def test_what_clients_did_wrong_health_checks_and_corrections_are_not_the_deployments_failures() -> None:
    keep(
        answered(1),
        *(failed(status) for status in (400, 413, 422, 499)),
        failed(key_hash="litellm-internal-health-check"),
        entry(corrects=uuid4(), status="failure", started_at=BEGAN),
    )

    (health,) = deployment_health(SPAN)

    assert (health.requests, health.failures) == (5, 1)


def test_only_the_period_counts() -> None:
    instant = timedelta(microseconds=1)
    keep(*(answered(1, at=at) for at in (BEGAN - instant, BEGAN, SPAN.ends_at - instant, SPAN.ends_at)))

    (health,) = deployment_health(SPAN)

    assert health.requests == 2


def test_a_report_says_who_failed_most_who_was_slowest_and_how_everybody_did() -> None:
    Deployment.objects.create(pk="deployment-1", model_name="chat", litellm_params={"model": "openai/gpt-4o"})
    keep(
        *(answered(1, tokens=10, first=0.25) for _ in range(3)),
        failed(),
        *(answered(4, tokens=10, deployment_id="d2", model="mini") for _ in range(2)),
    )

    chat, mini = "chat (openai/gpt-4o-2024-08-06, deployment-1)", "gpt-4o (openai/mini, d2)"
    slow = "0.4 s/token, 95 % within 0.4"
    fast = "0.1 s/token, 95 % within 0.1; first token within 0.25 s"
    assert sections() == {
        "Most failed requests": (f"{chat}: 1 of 4 failed (25.00%)",),
        "Slowest, by output token": (f"{mini}: {slow}", f"{chat}: {fast}"),
        "Deployments": (f"{chat}: 1 of 4 failed (25.00%); {fast}", f"{mini}: 0 of 2 failed (0.00%); {slow}"),
    }
    (event,) = report(Calendar(zone=ZoneInfo("Europe/Paris"))).events
    assert event.title() == "Deployment report for 2026-11-23T01:00+01:00 to 2026-11-23T13:00+01:00"
    assert event.details() == {"Requests": "6", "Failed requests": "1 (16.67%)", "Deployments": "2"}
    assert (event.alert_type, event.level) == ("daily_reports", "Low")


def test_five_of_each_are_told_and_all_stand_in_the_file() -> None:
    keep(
        *(failed(deployment_id=f"d{n}") for n in range(7)), *(answered(n + 1, deployment_id=f"d{n}") for n in range(7))
    )

    found = sections()

    assert len(found["Most failed requests"]) == len(found["Slowest, by output token"]) == TOP
    assert "d6" in found["Slowest, by output token"][0]
    rows = list(csv.DictReader(report().csv.splitlines()))
    assert [row["deployment_id"] for row in rows] == [f"d{n}" for n in range(7)]
    assert float(rows[6]["seconds_per_output_token_p95"]) == pytest.approx(0.7, rel=0.011)
    assert rows[0]["error_rate"] == "0.5"


def test_without_traffic_there_is_nothing_to_tell() -> None:
    Deployment.objects.create(pk="idle", model_name="chat", litellm_params={"model": "openai/gpt-4o"})

    assert (report().events, report().silence) == ((), "no deployment was asked")
