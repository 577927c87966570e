"""Days, balances and the sums of charts, compared with the ledger and mended from it, while requests are served."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from budgets import verify as module
from budgets.entries import insert
from budgets.models import Balance, CallDay, CallHour, DailySpend, LedgerHorizon, Scope, UnrolledBatch
from budgets.rollup import roll_up
from budgets.verify import verify
from tests.budgets.builders import entry

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def spent(amount_nano: int, *, at: datetime = NOW, **columns: Any) -> None:
    insert([entry(amount_nano=amount_nano, started_at=at, ended_at=at + timedelta(seconds=1), **columns).encode()])


def rolled() -> None:
    UnrolledBatch.objects.update(created_at=NOW)
    roll_up(now=NOW, settled_after=timedelta())


def balance(scope: Scope, entity_id: str = "") -> int:
    return Balance.objects.get(scope=scope, entity_id=entity_id).spent_nano


def test_what_was_changed_behind_its_back_is_found() -> None:
    spent(10)
    spent(5, team_id="t")
    rolled()
    assert verify(now=NOW).findings == ()
    Balance.objects.filter(scope=Scope.TEAM).update(spent_nano=6)
    report = verify(now=NOW)
    assert report.drift_nano == 1
    assert "team t" in report.findings[0]
    DailySpend.objects.filter(team_id="t").update(amount_nano=4)
    assert any("2026-11-24" in finding for finding in verify(now=NOW).findings)


def test_days_and_balances_are_mended_from_the_ledger() -> None:
    spent(10)
    spent(5, team_id="t", tags=["x"])
    rolled()
    DailySpend.objects.update(amount_nano=1)
    Balance.objects.update(spent_nano=1)

    assert verify(now=NOW, repair=True).drift_nano > 0
    assert verify(now=NOW).drift_nano == 0
    assert (balance(Scope.TEAM, "t"), balance(Scope.PROXY)) == (5, 15)


def test_hours_and_days_of_the_charts_are_mended_too() -> None:
    spent(10)
    spent(5, at=NOW - timedelta(hours=1), status="failure", status_code=500, error_class="x")
    spent(3, at=NOW - timedelta(days=2))
    spent(1, at=NOW - timedelta(days=60))
    rolled()
    right = [list(model.objects.values()) for model in (CallHour, CallDay)]
    CallHour.objects.filter(begins_at=NOW).update(amount_nano=0, seconds={})
    CallHour.objects.filter(begins_at=NOW - timedelta(hours=1)).delete()
    CallHour.objects.create(begins_at=NOW - timedelta(hours=5), calls=7)
    CallDay.objects.filter(day=date(2026, 11, 22)).update(failures=9)

    report = verify(now=NOW, repair=True)

    assert report.drift_nano == 0, "what is charged was right"
    assert len(report.findings) == 4, report.findings
    assert verify(now=NOW).findings == ()
    assert [list(model.objects.values()) for model in (CallHour, CallDay)] == right


def test_charts_of_days_whose_ledger_was_deleted_are_taken_as_they_are() -> None:
    spent(10)
    rolled()
    CallDay.objects.create(day=date(2026, 11, 20), calls=4)
    LedgerHorizon.objects.create(before=NOW - timedelta(days=2))

    assert verify(now=NOW, repair=True).findings == ()
    assert CallDay.objects.count() == 2


def test_what_comes_meanwhile_is_neither_missed_nor_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    spent(10, team_id="t")
    rolled()
    DailySpend.objects.update(amount_nano=1)
    kept = module._days_since

    def days_since(first: date) -> list[date]:
        spent(4, team_id="t")
        return kept(first)

    monkeypatch.setattr(module, "_days_since", days_since)
    assert verify(now=NOW, repair=True).drift_nano == 9
    monkeypatch.undo()
    rolled()

    assert sum(DailySpend.objects.values_list("amount_nano", flat=True)) == 14
    assert balance(Scope.TEAM, "t") == CallHour.objects.get().amount_nano == 14
    assert verify(now=NOW).findings == ()
