"""A LiteLLM database, opened to be read only, all of it as it was at one moment."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import orjson
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from gateway_project.launch import LaunchError
from gateway_project.litellm_import.address import Address, read_address

CONNECT_SECONDS = 10
_FETCHED = 1000
_KEYS = "LiteLLM_VerificationToken"
_JSON = frozenset({"json", "jsonb"})
# Read as text: PostgreSQL knows dates that Python does not.
_TIMES = frozenset({"timestamp", "timestamptz", "date"})
# From the catalog and not from information_schema, which hides what this user may not read: a column that is hidden
# would look like one that an older LiteLLM lacks.
_COLUMNS = """
    SELECT c.relname, a.attname, t.typname
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname LIKE 'LiteLLM\\_%%'
      AND a.attnum > 0 AND NOT a.attisdropped
"""


class Unreadable:
    """In place of a JSON value that cannot be one here."""


UNREADABLE = Unreadable()


class Source:
    def __init__(self, connection: "psycopg.Connection[Any]", *, schema: str) -> None:
        self._connection = connection
        self._schema = schema
        self._types = self._tables()
        self._names = (f"litellm_import_{number}" for number in itertools.count())
        if _KEYS not in self._types:
            raise LaunchError(f"This is no LiteLLM database: there is no table {_KEYS} in its schema {schema!r}.")

    def has(self, table: str) -> bool:
        return table in self._types

    def missing(self, table: str, columns: Sequence[str]) -> list[str]:
        return [column for column in columns if column not in self._types[table]]

    def rows(self, table: str, columns: Sequence[str], *, order: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Those of the columns that there are, a row at a time; nothing of a table that there is not.

        Ordered by bytes, as Python orders texts. JSON comes as values, times come as text. Raises LaunchError.
        """
        types = self._types.get(table)
        if types is None:
            return
        if absent := [column for column in order if column not in types]:
            raise LaunchError(f"This is no LiteLLM database: {table} has no column {absent[0]}.")
        present = [column for column in columns if column in types]
        query = self._query(table, types, present, order)
        json_columns = [column for column in present if types[column] in _JSON]
        try:
            with self._connection.cursor(name=next(self._names), row_factory=dict_row) as cursor:
                cursor.itersize = _FETCHED
                for row in cursor.execute(query):
                    for column in json_columns:
                        row[column] = _json(row[column])
                    yield row
        except (psycopg.Error, UnicodeError) as error:
            raise LaunchError(f"{table} cannot be read: {first_line(error)}.") from None

    def _query(
        self, table: str, types: Mapping[str, str], columns: Sequence[str], order: Sequence[str]
    ) -> sql.Composed:
        chosen = [
            sql.SQL("{0}::text AS {0}" if types[column] in _JSON | _TIMES else "{0}").format(sql.Identifier(column))
            for column in columns
        ]
        by = [
            sql.SQL('{} COLLATE "C"' if types[column] in ("text", "varchar") else "{}").format(sql.Identifier(column))
            for column in order
        ]
        return sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
            sql.SQL(", ").join(chosen), sql.Identifier(self._schema, table), sql.SQL(", ").join(by)
        )

    def _tables(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for table, column, kind in self._connection.execute(_COLUMNS, [self._schema]):
            found.setdefault(table, {})[column] = kind
        return found


@contextmanager
def open_source(url: str) -> Iterator[Source]:
    """Raises LaunchError with one sentence, which never holds the password."""
    address = read_address(url)
    # Closed and not committed: a server that goes away in the end has given everything.
    with closing(_connect(address)) as connection:
        # Of the transaction, not of the session: behind a pooler the session goes on to others.
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        try:
            connection.execute("SET LOCAL datestyle = 'ISO'")
            connection.execute("SET LOCAL timezone = 'UTC'")
            source = Source(connection, schema=address.schema)
        except psycopg.Error as error:
            raise LaunchError(f"The database at {address.shown} cannot be read: {first_line(error)}.") from None
        yield source


def _connect(address: Address) -> "psycopg.Connection[Any]":
    parameters: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "tollkeeper import-litellm",
        **address.parameters,
        "client_encoding": "UTF8",
    }
    try:
        # Nothing is prepared: a pooler would hand the statement to another server connection.
        return psycopg.connect(**parameters, prepare_threshold=None)
    except (psycopg.Error, UnicodeError, ValueError) as error:
        why = address.without_password(first_line(error))
        raise LaunchError(f"The database at {address.shown} cannot be opened: {why}.") from None


def first_line(error: BaseException) -> str:
    """Without the details below it, in which a server repeats values."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _json(text: str | None) -> Any:
    if text is None:
        return None
    try:
        value = orjson.loads(text)
    except ValueError:
        return UNREADABLE
    return without_nul(value) if "\\u0000" in text else value


def without_nul(value: Any) -> Any:
    """A copy, at any depth, that PostgreSQL can keep."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, dict):
        return {without_nul(name): without_nul(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_nul(inner) for inner in value]
    return value
