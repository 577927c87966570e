"""What goes into the ledger comes out of it, on either database."""

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from django.db import DatabaseError, connection

from budgets import entries
from budgets.models import LedgerEntry, PriceSnapshot
from tests.budgets.builders import STARTED_AT, entry, refused_entry

pytestmark = pytest.mark.django_db


def stored(**columns: Any) -> LedgerEntry:
    made = entry(**columns)
    entries.insert([made.encode()])
    return LedgerEntry.objects.get(pk=made.id)


def test_every_column_comes_back_as_it_went_in() -> None:
    price = PriceSnapshot.objects.create(digest="d", provider="openai", model="m", source="deployment", rates={})
    made = entry(
        attempt=3,
        status="failure",
        status_code=503,
        error_class="ServiceUnavailableError",
        upstream_id="chatcmpl-1",
        first_token_at=STARTED_AT + timedelta(microseconds=1),
        key_alias="alias",
        user_id="user",
        team_id="team",
        end_user="customer",
        tags=["prod", "User-Agent: curl/8"],
        stream=True,
        basis="estimated",
        prompt_tokens=1,
        completion_tokens=2,
        cached_tokens=3,
        cache_creation_tokens=4,
        reasoning_tokens=5,
        units=6,
        unit="millisecond",
        amount_nano=9_007_199_254_740_993,
        price_id=price.pk,
    )
    entries.insert([made.encode()])

    row = LedgerEntry.objects.get()

    assert {field.name: getattr(row, field.name) for field in dataclasses.fields(made)} == dataclasses.asdict(made)


def test_the_entry_has_exactly_the_columns_of_the_table() -> None:
    columns = {field.column for field in LedgerEntry._meta.concrete_fields}

    assert {field.name for field in dataclasses.fields(entry())} == columns


def test_values_come_back_with_their_python_types() -> None:
    row = stored(tags=["a"], prompt_tokens=7)

    assert type(row.id) is uuid.UUID
    assert type(row.stream) is bool
    assert type(row.tags) is list
    assert type(row.prompt_tokens) is int
    assert type(row.amount_nano) is int


@pytest.mark.parametrize("microsecond", [0, 1, 100_000, 999_999])
def test_times_keep_their_microseconds_and_their_zone(microsecond: int) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, microsecond, tzinfo=UTC)

    assert stored(started_at=at).started_at == at
    assert LedgerEntry.objects.get(started_at=at).started_at.utcoffset() == timedelta(0)


def test_rows_can_be_found_and_sorted_by_time_as_the_orm_does() -> None:
    for second in (3, 1, 2):
        stored(started_at=STARTED_AT + timedelta(seconds=second))

    later = LedgerEntry.objects.filter(started_at__gt=STARTED_AT + timedelta(seconds=1))

    assert [row.started_at.second for row in later] == [21, 20]


def test_rows_can_be_found_by_their_request_id() -> None:
    row = stored()

    assert LedgerEntry.objects.get(request_id=row.request_id).pk == row.pk


def test_an_answer_without_a_first_token_has_none() -> None:
    assert stored().first_token_at is None


def test_an_entry_without_a_known_price_has_none() -> None:
    assert stored().price_id is None


@pytest.mark.parametrize(
    "tags",
    [[], ["a"], ["a", "a"], ['quote " and \\ backslash'], ["生产", "😀"], ["a,b", "null", "true", "1"], ["{}", "[]"]],
)
def test_tags_come_back_as_a_list_of_the_same_texts(tags: list[str]) -> None:
    assert stored(tags=tags).tags == tags


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "it's",
        '"',
        "\\",
        "\\u0041",
        "new\nline",
        "%s %(a)s {}",
        "生产",
        "😀",
        "null",
        "12",
        "true",
        "1e5",
        "'--",
    ],
)
def test_texts_come_back_letter_by_letter(text: str) -> None:
    row = stored(call_id=text, end_user=text, key_alias=text)

    assert (row.call_id, row.end_user, row.key_alias) == (text, text, text)


@pytest.mark.parametrize("amount", [0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63)])
def test_amounts_keep_every_digit(amount: int) -> None:
    assert stored(amount_nano=amount).amount_nano == amount


def test_an_entry_that_is_there_already_is_left_as_it_is() -> None:
    first = entry(amount_nano=5)
    again = dataclasses.replace(first, amount_nano=6)
    other = entry()

    entries.insert([first.encode()])
    entries.insert([again.encode(), other.encode(), first.encode()])

    assert LedgerEntry.objects.get(pk=first.id).amount_nano == 5
    assert LedgerEntry.objects.count() == 2


def test_the_same_entry_twice_in_one_batch_is_stored_once() -> None:
    line = entry().encode()

    entries.insert([line, line])

    assert LedgerEntry.objects.count() == 1


def test_two_attempts_of_a_request_are_two_rows_and_a_second_first_one_is_refused() -> None:
    request_id = uuid.uuid4()
    entries.insert([entry(request_id=request_id, attempt=0).encode(), entry(request_id=request_id, attempt=1).encode()])

    assert LedgerEntry.objects.filter(request_id=request_id).count() == 2
    with pytest.raises(DatabaseError):
        entries.insert([entry(request_id=request_id, attempt=1).encode()])


@pytest.mark.django_db(transaction=True)
def test_one_bad_entry_leaves_nothing_of_its_batch() -> None:
    with pytest.raises(DatabaseError):
        entries.insert([entry().encode(), refused_entry().encode(), entry().encode()])

    assert not LedgerEntry.objects.exists()


def test_a_batch_of_a_thousand_is_stored() -> None:
    entries.insert([entry(amount_nano=number).encode() for number in range(1000)])

    assert sorted(LedgerEntry.objects.values_list("amount_nano", flat=True)) == list(range(1000))


def test_a_line_that_is_older_than_units_is_stored_without_any() -> None:
    """The spool of a version before this one may be waiting when this one starts."""
    old = orjson.loads(entry().encode())
    del old["units"], old["unit"]

    entries.insert([orjson.dumps(old)])

    row = LedgerEntry.objects.get()
    assert (row.units, row.unit) == (0, "")


def test_a_process_that_knows_nothing_of_units_may_still_write() -> None:
    made = entry()
    columns = [field for field in LedgerEntry._meta.concrete_fields if field.column not in {"units", "unit"}]
    values = [field.get_db_prep_save(getattr(made, field.attname), connection) for field in columns]
    names, marks = ", ".join(f'"{field.column}"' for field in columns), ", ".join(["%s"] * len(columns))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO budgets_ledgerentry ({names}) VALUES ({marks})", values)

    row = LedgerEntry.objects.get()
    assert (row.units, row.unit) == (0, "")


@pytest.mark.parametrize(
    ("units", "unit"), [(0, ""), (3, "image"), (2**40, "millisecond"), (4096, "character"), (1, "query")]
)
def test_units_come_back_and_can_be_found(units: int, unit: str) -> None:
    row = stored(units=units, unit=unit)

    assert (row.units, row.unit) == (units, unit)
    assert LedgerEntry.objects.filter(unit=unit, units=units).count() == 1


def test_an_encoded_entry_is_one_line() -> None:
    assert b"\n" not in entry(call_id="two\nlines", tags=["a\r\nb"]).encode()


def test_the_database_counts_amounts_as_integers() -> None:
    stored(amount_nano=2**53 + 1)
    stored(amount_nano=2)
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(amount_nano) FROM budgets_ledgerentry")
        assert cursor.fetchone()[0] == 2**53 + 3
