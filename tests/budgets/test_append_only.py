"""The database refuses to change history."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from budgets.entries import insert
from budgets.models import LedgerEntry, LedgerHorizon
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
