"""What the calendar brings: a gateway that was off over night tells, at its first tick, what the periods came to.

What lies in the past was put into the ledger as the gateway writes it; what users do today, they do.
"""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.events import AlertType
from tests.fakes.slack import FakeSlack
from tests.fakes.smtp import FakeSmtp
from tests.fakes.upstream import FakeUpstream
from tests.functional.alerting.heard import Ear, MailEar, slack_ear
from tests.functional.alerting.proofs import spares, tells
from tests.functional.alerting.scene import Scene
from tests.functional.management.callers import made, wait_until_known
from tests.functional.test_scheduled_reports import in_days
from tests.gateway import Gateway, chat, model

SPEND, DAILY, FALLBACKS = AlertType.SPEND_REPORTS, AlertType.DAILY_REPORTS, AlertType.FALLBACK_REPORTS
DEPRECATION, BUDGET = AlertType.MODEL_DEPRECATION_WARNINGS, AlertType.BUDGET_ALERTS
THRESHOLDS, ANOMALIES = AlertType.USER_SPEND_THRESHOLDS, AlertType.USER_SPEND_ANOMALIES
REPORTS = (SPEND, DAILY, FALLBACKS, DEPRECATION, THRESHOLDS, ANOMALIES)
# A dollar for an answer of a thousand tokens.
PRICE = {"input_cost_per_token": 0, "output_cost_per_token": 0.001}
TOKENS = 1000

# Run before the gateway is started again: what happened since it was stopped, and that beat has not ticked for hours.
_OVER_NIGHT = """
from datetime import timedelta
from uuid import uuid4
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from teams.models import VirtualKey
from tests.budgets.builders import entry
from tests.budgets.entries import keep
now = timezone.now()
long_ago = now - timedelta(hours=6)
PeriodicTask.objects.filter(name__in=["tick reports", "tell projected budgets"]).update(last_run_at=long_ago)
{past}
"""
_PAST = """
def happened(at, dollars=0, **columns):
    plain = dict(
        started_at=at, ended_at=at + timedelta(seconds=2), deployment_id="d-steady", model_group="steady",
        requested_model="steady", completion_tokens=100, amount_nano=int(dollars * 10**9),
    )
    keep(entry(**dict(plain, **columns)), rolled_up=False)
saver = VirtualKey.objects.get(alias="lasts-not")
mornings = [(now - timedelta(days=days)).replace(hour=9) for days in range(1, 36)]
for morning in mornings:
    happened(morning, 1, user_id="calm", key_hash=saver.token_hash)
for morning in mornings[:14]:
    request = uuid4()
    happened(morning, request_id=request, status="failure", status_code=500)
    happened(morning, 0.5, request_id=request, attempt=1, model_group="stand-in", deployment_id="d-stand-in")
# Whichever half of a day is the last that is over.
for hours in range(1, 37):
    happened(now - timedelta(hours=hours), status="failure", status_code=503)
"""


@pytest.fixture(scope="module")
def ears() -> Iterator[dict[str, Ear]]:
    with FakeSlack() as slack, FakeSmtp() as smtp:
        yield {"slack": slack_ear(slack), "email": MailEar("email", smtp)}


def config(upstream: FakeUpstream, *, deprecates: bool, alert_types: list[str]) -> dict[str, Any]:
    steady = {**model("steady", upstream.url, **PRICE), "model_info": {"id": "d-steady"}}
    models = [steady, model("stand-in", upstream.url, **PRICE)]
    if deprecates:
        models.append({**model("old", upstream.url, **PRICE), "model_info": {"deprecation_date": in_days(-3)}})
        models.append({**model("ageing", upstream.url, **PRICE), "model_info": {"deprecation_date": in_days(10)}})
    models.append({**model("young", upstream.url, **PRICE), "model_info": {"deprecation_date": in_days(400)}})
    limits = {
        "daily_spend_per_user_threshold": 4, "spend_anomaly_min_spend": 5, "user_spend_check_interval": 60,
    }  # fmt: skip
    general = {"alerting": ["slack", "email"], "alert_types": alert_types, "alerting_args": limits}
    return {"model_list": models, "general_settings": {**general, "spend_report_frequency": "1d"}}


def environment(ears: Mapping[str, Any]) -> dict[str, str]:
    return {
        "SLACK_WEBHOOK_URL": f"{ears['slack'].server.url}/services/T/B/secret",
        "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(ears["email"].server.port), "SMTP_TLS": "False",
        "SMTP_SENDER_EMAIL": "gateway@example.com",
    }  # fmt: skip


def spend_today(gateway: Gateway, upstream: FakeUpstream, user: str, *, dollars: int) -> None:
    with gateway.client() as admin:
        made(admin, "/user/new", user_id=user, user_alias=user.title(), auto_create_key=False)
        key = made(admin, "/key/generate", key_alias=f"{user}-key", user_id=user)["key"]
    wait_until_known(gateway, key)
    upstream.completion_tokens = TOKENS
    with gateway.client(key) as client:
        for _ in range(dollars):
            answer = client.post("/v1/chat/completions", json=chat("steady", max_tokens=TOKENS))
            assert answer.status_code == 200, answer.text


def begin_well_before_midnight() -> None:
    """What is spent today must still be of today when it is looked at."""
    now = datetime.now(UTC)
    left = (datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC) - now).total_seconds()
    if left < 240:
        time.sleep(left + 1)


def over_night(gateway: Gateway, past: str) -> None:
    ran = gateway.run("manage", "shell", "-c", _OVER_NIGHT.format(past=past))
    assert ran.returncode == 0, ran.stderr


@tells(*REPORTS, BUDGET)
def test_in_the_morning_each_report_is_told_once_with_its_numbers(
    tmp_path: Path, ears: dict[str, Ear], shared_upstream: FakeUpstream
) -> None:
    begin_well_before_midnight()
    types = [*map(str, (*REPORTS, BUDGET))]
    gateway = Gateway(
        tmp_path, config(shared_upstream, deprecates=True, alert_types=types), environment=environment(ears)
    )
    with gateway:
        with gateway.client() as admin:
            made(admin, "/user/new", user_id="calm", user_email="calm@example.com", auto_create_key=False)
            made(admin, "/key/generate", key_alias="lasts-not", user_id="calm", max_budget=45)
        spend_today(gateway, shared_upstream, "spender", dollars=6)
        spend_today(gateway, shared_upstream, "modest", dollars=2)
    over_night(gateway, _PAST)
    for ear in ears.values():
        ear.clear()
    with gateway:
        morning_after(ears).play()


# A tick comes every half minute, and what was spent just after a full minute is looked at with the next one.
SOON = (-60.0, 95.0)


def morning_after(ears: dict[str, Ear]) -> Scene:
    scene = Scene(ears, None)

    def want(alert_type: AlertType, *parts: str, level: str = "Low", channel: str = "slack") -> None:
        scene.want(alert_type, *parts, level=level, between=SOON, channel=channel)

    yesterday = in_days(-1)
    want(
        SPEND, f"Spend report for {yesterday}", "Spend: $1.50", "against", "*Users*", "calm: $1.00 (66.7 %)",
        "*Keys*", "lasts-not: $1.00", "*Models*", "stand-in: $0.5", "*Providers*",
    )  # fmt: skip
    want(SPEND, "Monthly spend report for ", "*Users*", "calm: $")
    want(DAILY, "Deployment report for ", "Failed requests: ", "Most failed requests", "d-steady")
    want(FALLBACKS, "Fallback report for ", "Fallbacks: 7", "steady -> stand-in: 7 of 7 succeeded")
    want(
        DEPRECATION, "1 already deprecated, 1 soon", "old (openai/old, ", "already deprecated 3d ago",
        "ageing (openai/ageing, ", "in 10d", level="High",
    )  # fmt: skip
    want(
        THRESHOLDS, "User Daily Spend Threshold Crossed: Spender spent $6.00", "Daily Threshold: $4.00", "Id: spender",
        level="High",
    )  # fmt: skip
    want(ANOMALIES, "User Spend Anomaly: Spender spent $6.00", "without any spend in the 7 days before", level="High")
    want(BUDGET, "50% used. lasts-not spent $35 of $45", level="High")
    want(
        BUDGET, "Projected Limit Exceeded. lasts-not spent $35 of $45", "will have used it up by ", "Used up at: ",
        level="Medium",
    )  # fmt: skip
    letter = ("Spend: $35.00", "Budget: $45.00")
    want(BUDGET, "50 % of the budget of key lasts-not is used", *letter, level="", channel="email")
    want(BUDGET, "The budget of key lasts-not will be used up by ", *letter, level="", channel="email")
    return scene


@spares(*REPORTS, BUDGET)
def test_in_the_morning_after_nothing_happened_nobody_is_told(
    tmp_path: Path, ears: dict[str, Ear], shared_upstream: FakeUpstream
) -> None:
    """The models are young, nothing was spent yesterday, and what is spent today is modest and lasts."""
    begin_well_before_midnight()
    types = [*map(str, (*REPORTS, BUDGET))]
    told = config(shared_upstream, deprecates=False, alert_types=types)
    gateway = Gateway(tmp_path, told, environment=environment(ears))
    with gateway:
        spend_today(gateway, shared_upstream, "modest", dollars=2)
    over_night(gateway, "")
    for ear in ears.values():
        ear.clear()
    with gateway:
        scene = Scene(ears, None)
        scene.at(0, lambda: gateway.wait_for_rows(DONE, len(JOBS), timeout=95))
        scene.want_nothing(until=2)
        scene.play()
    outcomes = dict(gateway.rows("SELECT job, outcome FROM alerts_scheduledrun WHERE state = 'done'"))
    assert outcomes == JOBS


JOBS = {
    "spend_report": "nothing was spent",
    "monthly_spend_report": "nothing was spent",
    "deployment_report": "no deployment was asked",
    "fallback_report": "nothing fell back",
    "model_deprecations": "no model in use is deprecated soon",
    "user_spend": "nobody crossed a threshold",
}
DONE = "SELECT DISTINCT job FROM alerts_scheduledrun WHERE state = 'done'"
