"""What hours and days count is the ledger's sum: each entry once, in the time in which it began."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError

from budgets import rollup
from budgets.call_times import DAYS_KEPT, HOURS_KEPT, counts_of
from budgets.core.percentiles import bucket_of, percentile
from budgets.entries import insert
from budgets.models import HEALTH_CHECK_KEY, CallDay, CallHour, DailySpend, LedgerEntry, UnrolledBatch
from budgets.rollup import roll_up
from tests.budgets.builders import entry

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)


def called(*, at: datetime = NOW, seconds: float = 1.0, first_token: float | None = None, **columns: Any) -> None:
    columns["first_token_at"] = None if first_token is None else at + timedelta(seconds=first_token)
    insert([entry(started_at=at, ended_at=at + timedelta(seconds=seconds), **columns).encode()])


def rolled() -> None:
    UnrolledBatch.objects.update(created_at=NOW)
    roll_up(now=NOW, settled_after=timedelta())


def test_calls_of_an_hour_are_one_row_however_many_roll_ups_bring_them() -> None:
    called(amount_nano=7, seconds=1.5, first_token=0.25)
    called(at=NOW.replace(minute=0), amount_nano=8, seconds=2.5)
    rolled()
    called(at=NOW.replace(minute=59, second=59, microsecond=999_999), amount_nano=100, seconds=1.5, first_token=0.25)
    called(amount_nano=0, status="failure", status_code=500, error_class="x", seconds=9)
    called(at=NOW.replace(hour=13, minute=0), amount_nano=1000)
    rolled()

    first, second = CallHour.objects.all()
    assert first.begins_at == datetime(2026, 11, 27, 12, tzinfo=UTC)
    assert (first.amount_nano, first.calls, first.failures) == (115, 4, 1)
    assert counts_of(first.seconds) == Counter({bucket_of(1.5): 2, bucket_of(2.5): 1})
    assert counts_of(first.first_token) == Counter({bucket_of(0.25): 2})
    assert (second.begins_at.hour, second.amount_nano, second.calls) == (13, 1000, 1)


def test_percentiles_over_hours_together_are_within_a_percent() -> None:
    for number in range(1, 101):
        called(at=NOW - timedelta(hours=number % 3), seconds=number / 10)
    rolled()
    together = sum((counts_of(row.seconds) for row in CallHour.objects.all()), Counter())

    assert percentile(together, 0.5) == pytest.approx(5.0, rel=0.01)
    assert percentile(together, 0.95) == pytest.approx(9.5, rel=0.01)


def test_health_checks_are_in_no_hour_and_a_correction_changes_the_amount_alone() -> None:
    called(key_hash=HEALTH_CHECK_KEY, amount_nano=5)
    called(amount_nano=7)
    (first,) = LedgerEntry.objects.exclude(key_hash=HEALTH_CHECK_KEY)
    called(amount_nano=-3, corrects=first.pk)
    rolled()

    hour = CallHour.objects.get()
    assert (hour.amount_nano, hour.calls, sum(hour.seconds.values())) == (4, 1, 1)


def test_clocks_that_disagree_do_no_harm() -> None:
    called(seconds=0, first_token=-0.5)
    rolled()

    hour = CallHour.objects.get()
    assert counts_of(hour.seconds) == counts_of(hour.first_token) == Counter({bucket_of(0.001): 1})


def test_the_hours_of_a_day_are_the_day() -> None:
    for number in range(40):
        at = NOW - timedelta(minutes=47 * number)
        status = "failure" if number % 7 == 0 else "success"
        called(at=at, amount_nano=number, status=status, key_hash=f"{number % 3}" * 64)
    rolled()

    for counted in CallDay.objects.all():
        hours = CallHour.objects.filter(begins_at__date=counted.day)
        days = DailySpend.objects.filter(day=counted.day)
        assert counted.amount_nano == sum(row.amount_nano for row in hours) == sum(row.amount_nano for row in days)
        assert counted.calls == sum(row.calls for row in hours) == sum(row.requests for row in days)
        assert counted.failures == sum(row.failures for row in hours) == sum(row.failures for row in days)
        assert counts_of(counted.seconds) == sum((counts_of(row.seconds) for row in hours), Counter())
    assert CallDay.objects.count() == DailySpend.objects.values("day").distinct().count() == 2


def test_what_is_older_than_is_kept_goes_when_a_new_time_comes_and_is_not_made_again() -> None:
    CallHour.objects.create(begins_at=NOW - HOURS_KEPT - timedelta(hours=1))
    CallDay.objects.create(day=(NOW - DAYS_KEPT).date() - timedelta(days=1))
    called(at=NOW - HOURS_KEPT - timedelta(hours=2), amount_nano=5)
    called(at=NOW - DAYS_KEPT - timedelta(days=2), amount_nano=6)
    rolled()
    assert [row.amount_nano for row in CallHour.objects.all()] == [0], "nothing came that is kept"
    assert [row.amount_nano for row in CallDay.objects.all()] == [5]
    called(amount_nano=7)
    rolled()

    assert [row.amount_nano for row in CallHour.objects.all()] == [7]
    assert [row.amount_nano for row in CallDay.objects.all()] == [5, 7]


def test_a_roll_up_that_fails_counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    called(amount_nano=7)

    def away(*_: Any, **__: Any) -> None:
        raise DatabaseError

    with monkeypatch.context() as patched:
        patched.setattr(rollup, "tell_crossings", away)
        with pytest.raises(DatabaseError):
            rolled()
    assert not CallHour.objects.exists()
    assert not CallDay.objects.exists()
    rolled()

    assert CallHour.objects.get().amount_nano == CallDay.objects.get().amount_nano == 7
