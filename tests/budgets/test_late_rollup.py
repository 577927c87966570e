"""The roll-up by whoever serves requests, while no worker does it."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection

from budgets.entries import insert
from budgets.late_rollup import LATE, LateRollUp, roll_up_if_late, roll_up_or_tell
from budgets.models import Balance, Scope, UnrolledBatch
from tests.budgets.builders import entry

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def waiting_since(created_at: datetime) -> None:
    insert([entry(amount_nano=7).encode()])
    newest = UnrolledBatch.objects.latest("pk")
    newest.created_at = created_at
    newest.save(update_fields=["created_at"])


@pytest.mark.django_db
def test_what_has_not_waited_for_long_is_left_to_the_task() -> None:
    waiting_since(NOW - LATE + timedelta(seconds=1))

    assert roll_up_if_late(now=NOW) == 0
    assert UnrolledBatch.objects.count() == 1


@pytest.mark.django_db
def test_once_something_has_waited_for_long_all_of_it_is_rolled_up() -> None:
    waiting_since(NOW - LATE)
    waiting_since(NOW - timedelta(seconds=2))

    assert roll_up_if_late(now=NOW) == 2
    assert Balance.objects.get(scope=Scope.PROXY, window="").spent_nano == 14


@pytest.mark.django_db(transaction=True)
def test_a_process_that_serves_does_it_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("budgets.late_rollup.LOOK_SECONDS", 0.02)
    waiting_since(datetime.now(UTC) - LATE)
    late = LateRollUp()
    late.start()
    deadline = time.monotonic() + 5
    while UnrolledBatch.objects.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    late.stop()

    assert Balance.objects.get(scope=Scope.PROXY, window="").spent_nano == 7


@pytest.mark.django_db(transaction=True)
def test_what_the_database_does_to_the_task_is_told_and_settled_by_the_next_that_goes_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr("alerts.services.emit_database_trouble", lambda trouble, _error: told.append(trouble))
    monkeypatch.setattr("alerts.services.settle_database_trouble", lambda trouble: told.append(f"{trouble} is over"))
    waiting_since(NOW - LATE)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE budgets_dailyspend RENAME TO away")
        for _ in range(2):
            with pytest.raises(DatabaseError):
                roll_up_or_tell(now=NOW)
        cursor.execute("ALTER TABLE away RENAME TO budgets_dailyspend")
    assert told == ["roll-up", "roll-up"]

    assert [roll_up_or_tell(now=NOW), roll_up_or_tell(now=NOW)] == [1, 0]
    assert told[2:] == ["roll-up is over"]
