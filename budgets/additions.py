"""Rows that add up: what is new is added to what is there, in one statement a row and whoever else adds."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection, models


def digest_id(text: str) -> UUID:
    return UUID(bytes=hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())


def add(
    model: type[models.Model],
    rows: Mapping[UUID, tuple[Sequence[Any], Sequence[int]]],
    *,
    agree: Sequence[str],
    sums: Sequence[str],
    replace: Mapping[str, int] | None = None,
) -> None:
    """Of each row, by its id: what it agrees in, which is only written with a new row, and what is to be added.

    `replace` are columns that hold the same in all of them afterwards.
    """
    table, given = model._meta.db_table, replace or {}
    columns = ("id", *agree, *sums, *given)
    added = [f"{name} = {table}.{name} + excluded.{name}" for name in sums]
    added += [f"{name} = excluded.{name}" for name in given]
    names, places = ", ".join(columns), ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO {table} ({names}) VALUES ({places}) ON CONFLICT (id) DO UPDATE SET {', '.join(added)}"  # noqa: S608
    adapt = model._meta.pk.get_db_prep_value
    with connection.cursor() as cursor:
        # Sorted: whoever changes several rows takes them in the same order.
        cursor.executemany(
            statement,
            [
                (adapt(key, connection), *map(_plain, facts), *amounts, *given.values())
                for key, (facts, amounts) in sorted(rows.items())
            ],
        )


def _plain(value: Any) -> Any:
    """SQLite's driver takes neither dates nor members of an enum without complaint."""
    return value.isoformat() if isinstance(value, date) else str(value)
