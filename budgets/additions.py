"""Rows that add up: what is new is added to what is there, in one statement a row and whoever else adds."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
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
    adapt = model._meta.pk.get_db_prep_value
    values = [
        ((adapt(key, connection), *map(_plain, facts)), amounts) for key, (facts, amounts) in sorted(rows.items())
    ]
    _add(model, values, unique=("id",), columns=("id", *agree), sums=sums, replace=replace or {})


def add_by_key(
    model: type[models.Model], rows: Mapping[tuple[Any, ...], Sequence[int]], *, key: Sequence[str], sums: Sequence[str]
) -> None:
    """The same for rows that are told apart by these columns alone."""
    values = [(tuple(map(_plain, facts)), amounts) for facts, amounts in sorted(rows.items())]
    _add(model, values, unique=key, columns=key, sums=sums, replace={})


def _add(
    model: type[models.Model],
    rows: Iterable[tuple[tuple[Any, ...], Sequence[int]]],
    *,
    unique: Sequence[str],
    columns: Sequence[str],
    sums: Sequence[str],
    replace: Mapping[str, int],
) -> None:
    """The rows are sorted: whoever changes several takes them in the same order."""
    table, written = model._meta.db_table, (*columns, *sums, *replace)
    added = [f"{name} = {table}.{name} + excluded.{name}" for name in sums]
    added += [f"{name} = excluded.{name}" for name in replace]
    names, places = ", ".join(written), ", ".join(["%s"] * len(written))
    statement = (
        f"INSERT INTO {table} ({names}) VALUES ({places}) "  # noqa: S608
        f"ON CONFLICT ({', '.join(unique)}) DO UPDATE SET {', '.join(added)}"
    )
    with connection.cursor() as cursor:
        cursor.executemany(statement, [(*facts, *amounts, *replace.values()) for facts, amounts in rows])


def _plain(value: Any) -> Any:
    """SQLite's driver takes neither dates nor members of an enum without complaint."""
    return value.isoformat() if isinstance(value, date) else str(value)
