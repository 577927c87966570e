"""A setting says how long the ledger is kept; without it, or with a bad one, it is kept for ever."""

from datetime import timedelta
from typing import Any

import pytest

from budgets import entries
from budgets.models import LedgerEntry, UnrolledBatch
from gateway_project.celery import app
from proxy.models import ConfigField
from proxy.spend_retention import SETTING, forget_spend_logs
from proxy.tasks import forget_spend_logs as task
from tests.budgets.builders import STARTED_AT, entry

pytestmark = pytest.mark.django_db
NOW = STARTED_AT + timedelta(days=30)


def keep(*days_old: float) -> None:
    entries.insert([entry(started_at=NOW - timedelta(days=days)).encode() for days in days_old])
    UnrolledBatch.objects.all().delete()


def setting(value: Any) -> None:
    ConfigField.objects.create(section="general_settings", name=SETTING, value=value)


def test_without_the_setting_nothing_goes() -> None:
    keep(10_000)

    assert forget_spend_logs(now=NOW) == 0
    assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize(("value", "gone"), [("30d", 1), ("29d", 2), ("48h", 3), ("1mo", 1)])
def test_the_setting_says_what_is_old(value: str, gone: int) -> None:
    setting(value)
    keep(40, 29.5, 2.5, 0.5)

    assert forget_spend_logs(now=NOW) == gone


def test_a_day_is_kept_whatever_the_setting_says() -> None:
    setting("1s")
    keep(1.5, 0.5)

    assert forget_spend_logs(now=NOW) == 1


@pytest.mark.parametrize("value", ["a while", 30, True, "", "-1d", [], {"days": 30}])
def test_a_setting_that_is_no_duration_deletes_nothing(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    setting(value)
    keep(10_000)

    assert forget_spend_logs(now=NOW) == 0
    assert SETTING in caplog.text


def test_beat_does_it_by_itself() -> None:
    setting("30d")
    keep(10_000)
    assert app.conf.beat_schedule["forget spend logs"]["task"] == task.name

    task()

    assert not LedgerEntry.objects.exists()
