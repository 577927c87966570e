"""Old entries go, and only they: never one that no sum holds yet, and never all at once."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from budgets import entries, retention
from budgets.entries import Entry
from budgets.models import DailySpend, LedgerEntry, LedgerHorizon, UnrolledBatch
from budgets.retention import forget_old_entries
from tests.budgets.builders import STARTED_AT, entry
from tests.budgets.days import day_row, keep_days

pytestmark = pytest.mark.django_db
MONTH = timedelta(days=30)
NOW = STARTED_AT + MONTH


def keep(*made: Entry, rolled_up: bool = True) -> Sequence[UUID]:
    entries.insert([one.encode() for one in made])
    if rolled_up:
        UnrolledBatch.objects.all().delete()
    return [one.id for one in made]


def left() -> set[UUID]:
    return set(LedgerEntry.objects.values_list("pk", flat=True))


def test_what_is_older_goes_and_its_sums_stay() -> None:
    _, exactly = keep(entry(started_at=STARTED_AT - timedelta(microseconds=1)), entry(started_at=STARTED_AT))
    keep_days(day_row())

    assert forget_old_entries(now=NOW, kept=MONTH) == 1
    assert left() == {exactly}
    assert DailySpend.objects.count() == 1
    assert forget_old_entries(now=NOW, kept=MONTH) == 0


def test_the_horizon_is_one_row_and_moves_forward_only() -> None:
    forget_old_entries(now=NOW, kept=MONTH)
    assert LedgerHorizon.objects.get().before == STARTED_AT

    forget_old_entries(now=NOW + timedelta(days=1), kept=MONTH)
    assert LedgerHorizon.objects.get().before == STARTED_AT + timedelta(days=1)

    forget_old_entries(now=NOW, kept=MONTH)
    assert LedgerHorizon.objects.get().before == STARTED_AT + timedelta(days=1)


def test_an_entry_that_waits_for_the_roll_up_stays_however_young_its_batch() -> None:
    old = STARTED_AT - timedelta(days=1)
    waiting, rolled = keep(entry(started_at=old), entry(started_at=old + timedelta(minutes=1)))
    batch = UnrolledBatch.objects.create(entry_ids=[str(waiting)], created_at=NOW)

    assert forget_old_entries(now=NOW, kept=MONTH) == 1
    assert left() == {waiting}
    assert rolled not in left()

    batch.delete()
    assert forget_old_entries(now=NOW, kept=MONTH) == 1
    assert left() == set()


def test_an_entry_stays_that_was_committed_and_not_rolled_up_yet() -> None:
    keep(entry(started_at=STARTED_AT - timedelta(days=1)), rolled_up=False)

    assert forget_old_entries(now=NOW, kept=MONTH) == 0
    assert LedgerEntry.objects.count() == 1


def test_nothing_goes_while_the_roll_up_is_far_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_WAITING", 2)
    keep(entry(started_at=STARTED_AT - timedelta(days=1)))
    for _ in range(3):
        UnrolledBatch.objects.create(entry_ids=[])

    assert forget_old_entries(now=NOW, kept=MONTH) == 0
    UnrolledBatch.objects.all()[0].delete()
    assert forget_old_entries(now=NOW, kept=MONTH) == 1


def test_all_that_is_old_goes_though_it_is_many_batches() -> None:
    keep(*(entry(started_at=STARTED_AT - timedelta(minutes=number + 1)) for number in range(25)))

    assert forget_old_entries(now=NOW, kept=MONTH, batch=10) == 25


def test_a_run_that_has_had_its_time_leaves_the_youngest_for_the_next() -> None:
    ids = keep(*(entry(started_at=STARTED_AT - timedelta(minutes=number + 1)) for number in range(25)))

    assert forget_old_entries(now=NOW, kept=MONTH, batch=10, seconds=0.0001) == 10
    assert left() == set(ids[:15])
    assert forget_old_entries(now=NOW, kept=MONTH, batch=10) == 15


def test_an_empty_ledger_is_no_trouble() -> None:
    assert forget_old_entries(now=NOW, kept=MONTH) == 0
