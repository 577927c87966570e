"""The database refuses to change history."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from budgets.entries import insert
from budgets.models import LedgerEntry, LedgerHorizon
from teams.keys import DEMO_PREFIX
from tests.budgets.builders import STARTED_AT, entry

pytestmark = pytest.mark.django_db


def test_an_entry_cannot_be_changed() -> None:
    insert([entry().encode()])

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.update(amount_nano=0)


def test_an_entry_cannot_be_deleted_unless_it_lies_before_the_horizon() -> None:
    insert([entry().encode(), entry(started_at=STARTED_AT - timedelta(days=1)).encode()])
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.all().delete()

    LedgerHorizon.objects.create(before=STARTED_AT)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.all().delete()
    LedgerEntry.objects.filter(started_at__lt=STARTED_AT).delete()

    assert LedgerEntry.objects.count() == 1


def test_entries_of_the_demo_alone_can_be_deleted_and_not_even_they_can_be_changed() -> None:
    insert([entry().encode(), entry(key_hash=f"{DEMO_PREFIX}key").encode()])
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.update(amount_nano=0)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.all().delete()

    LedgerEntry.objects.filter(key_hash__startswith=DEMO_PREFIX).delete()

    assert [one.key_hash for one in LedgerEntry.objects.all()] == ["a" * 64]
