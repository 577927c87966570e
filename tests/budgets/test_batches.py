"""Many rows are stored at once: all of them or, when one is refused, none; on either database."""

import orjson
import pytest
from django.db import DatabaseError, connection

from budgets import batches
from budgets.models import LedgerEntry
from tests.budgets.builders import entry, refused_entry

MANY = 450


@pytest.mark.django_db
def test_a_batch_of_several_statements_comes_back_whole() -> None:
    batches.insert(LedgerEntry, [entry(amount_nano=number).encode() for number in range(MANY)])

    assert sorted(LedgerEntry.objects.values_list("amount_nano", flat=True)) == list(range(MANY))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("position", [0, MANY - 1])
def test_a_refused_row_leaves_nothing_of_its_batch(position: int) -> None:
    lines = [entry().encode() for _ in range(MANY)]
    lines[position] = refused_entry().encode()
    with pytest.raises(DatabaseError):
        batches.insert(LedgerEntry, lines)

    assert not LedgerEntry.objects.exists()
    batches.insert(LedgerEntry, [entry().encode()])
    assert LedgerEntry.objects.count() == 1


@pytest.mark.django_db
def test_no_rows_are_no_failure() -> None:
    batches.insert(LedgerEntry, [])

    assert not LedgerEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("line", [b"{", b"[]", b"7", b'"text"', b"null", b'{"id": 7}', b"{}"])
def test_what_is_no_row_is_the_databases_refusal(line: bytes) -> None:
    with pytest.raises(DatabaseError):
        batches.insert(LedgerEntry, [line])


@pytest.mark.django_db(transaction=True)
def test_a_number_that_no_column_holds_is_refused() -> None:
    row = {**orjson.loads(entry().encode()), "amount_nano": 2**64 - 1}
    with pytest.raises(DatabaseError):
        batches.insert(LedgerEntry, [orjson.dumps(row)])


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL knows types")
def test_times_and_ids_are_spelled_as_django_asks_for_them() -> None:
    made = entry()
    batches.insert(LedgerEntry, [made.encode()])
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, started_at || '', tags FROM budgets_ledgerentry")
        assert cursor.fetchone() == (made.id.hex, "2026-11-23 09:25:18.275001", "[]")
