"""Many new rows in one commit. They travel as lines of JSON, which cost the request path little to make."""

import functools
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import orjson
from django.db import DataError, ProgrammingError, connection, models, transaction

Later = tuple[tuple[str, int | str], ...]


def insert(
    model: type[models.Model], lines: Sequence[bytes], *, later: Later = (), noted_in: type[models.Model] | None = None
) -> None:
    """Store rows, each a JSON object of the model's columns. A row whose primary key is there is left as it is.

    `later` are columns that a line may be too old to have, and what they hold then. With `noted_in`, a model with a
    JSON column `entry_ids`, the keys of those that are new are kept there as one row, in the same commit.
    Raises django.db.Error; then nothing of the batch is stored.
    """
    if not lines:
        return
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        _execute(_from_json(model, later, noted_in), [(b"[" + b",".join(lines) + b"]").decode()])
        return
    rows = _sqlite_rows(model, lines, dict(later))
    most = _most_rows(model)
    if len(rows) <= most and noted_in is None:
        _insert_values(model, rows)
        return
    with transaction.atomic():
        new = [key for first in range(0, len(rows), most) for key in _insert_values(model, rows[first : first + most])]
        if noted_in is not None and new:
            noted_in._default_manager.create(entry_ids=new)


def _execute(statement: str, values: Sequence[Any]) -> list[Any]:
    # The driver's own cursor: Django's would cost a fifth of the whole commit when requests are rare.
    with connection.wrap_database_errors, closing(connection.connection.cursor()) as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


@functools.cache
def _from_json(model: type[models.Model], later: Later, noted_in: type[models.Model] | None) -> str:
    """The database does the parsing."""
    table, absent = model._meta.db_table, dict(later)
    values = ", ".join(
        f'coalesce("{field.column}", {_literal(absent[field.column])})'
        if field.column in absent
        else f'"{field.column}"'
        for field in model._meta.concrete_fields
    )
    statement = _insert(model, f"SELECT {values} FROM json_populate_recordset(NULL::{table}, %s::json)")  # noqa: S608
    if noted_in is None:
        return statement
    key, notes = model._meta.pk.column, noted_in._meta.db_table
    return (
        f'WITH new AS ({statement} RETURNING "{key}") '  # noqa: S608
        f"INSERT INTO {notes} (entry_ids, created_at) SELECT json_agg({key}), now() FROM new HAVING count(*) > 0"
    )


def _literal(value: int | str) -> str:
    return str(value) if isinstance(value, int) else f"'{value}'"


def _insert(model: type[models.Model], source: str) -> str:
    key = model._meta.pk.column
    return f'INSERT INTO {model._meta.db_table} ({_names(model)}) {source} ON CONFLICT ("{key}") DO NOTHING'


def _names(model: type[models.Model]) -> str:
    return ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields)


def _insert_values(model: type[models.Model], rows: Sequence[Sequence[Any]]) -> list[str]:
    """One step of SQLite for all rows: between two of them, a busy process would keep this thread waiting.

    Returns the keys of those that are new.
    """
    row = f"({', '.join('?' * len(model._meta.concrete_fields))})"
    statement = _insert(model, f"VALUES {', '.join([row] * len(rows))}")
    try:
        found = _execute(f'{statement} RETURNING "{model._meta.pk.column}"', [value for row in rows for value in row])
    except (OverflowError, ProgrammingError):
        raise DataError("a value is of a kind that no column holds") from None
    return [key for (key,) in found]


def _most_rows(model: type[models.Model]) -> int:
    """Few enough for SQLite, and for the prepared statements of all sizes that the driver keeps."""
    limit: int = connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    return max(1, min(200, limit // len(model._meta.concrete_fields)))


def _sqlite_rows(model: type[models.Model], lines: Sequence[bytes], absent: Mapping[str, int | str]) -> list[list[Any]]:
    """Parsed here: SQLite's own functions take five times as long."""
    names, spellings = _sqlite_columns(model)
    rows = []
    try:
        for line in lines:
            given = orjson.loads(line)
            row = list(map(({**absent, **given} if absent else given).get, names))
            for position, spell in spellings:
                if row[position] is not None:
                    row[position] = spell(row[position])
            rows.append(row)
    except (AttributeError, TypeError, orjson.JSONDecodeError):
        raise DataError("a row is no JSON object of the table's columns") from None
    return rows


@functools.cache
def _sqlite_columns(model: type[models.Model]) -> tuple[list[str], list[tuple[int, Callable[[Any], str]]]]:
    """The names, and where something is spelled otherwise than in JSON."""
    fields = model._meta.concrete_fields
    spellings = [(position, _SPELLINGS.get(type(field))) for position, field in enumerate(fields)]
    return [str(field.column) for field in fields], [(position, spell) for position, spell in spellings if spell]


# SQLite has no types of its own for these; Django's spelling of them is what its queries compare with.
_SPELLINGS: dict[type[models.Field], Callable[[Any], str]] = {  # type: ignore[type-arg]
    models.UUIDField: lambda text: text.replace("-", ""),
    models.DateTimeField: lambda text: text.replace("T", " ").replace("+00:00", ""),
    models.JSONField: lambda value: orjson.dumps(value).decode(),
}
