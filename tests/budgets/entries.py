"""Ledger entries in the database, rolled up into days or not."""

from budgets import entries
from budgets.entries import Entry
from budgets.models import LedgerEntry, UnrolledBatch
from budgets.rollup import days_of, store_days
from budgets.rollup import read_entries as read


def keep(*made: Entry, rolled_up: bool = True) -> None:
    """Into the ledger and, as the roll-up does, into the days."""
    entries.insert([one.encode() for one in made])
    if rolled_up:
        UnrolledBatch.objects.all().delete()
        store_days(days_of(read([one.id for one in made])))


def forget_ledger() -> None:
    """As after a year of retention: only the days are left."""
    assert not UnrolledBatch.objects.exists()
    LedgerEntry.objects.all().delete()
