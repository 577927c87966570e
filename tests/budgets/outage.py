"""Ways in which the database under test can be away for the ledger's writer and its new connections."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

import psycopg
from django.db import connection

Outage = Callable[[], AbstractContextManager[None]]


@contextmanager
def _without_table() -> Iterator[None]:
    with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=10)) as other:
        other.execute("ALTER TABLE budgets_ledgerentry RENAME TO away")
        try:
            yield
        finally:
            other.execute("ALTER TABLE away RENAME TO budgets_ledgerentry")


@contextmanager
def _refusing_connections() -> Iterator[None]:
    with _administrator() as other:
        try:
            _alter(other, "ALLOW_CONNECTIONS false")
            yield
        finally:
            _alter(other, "ALLOW_CONNECTIONS true")


@contextmanager
def _read_only() -> Iterator[None]:
    """As a standby that became reachable under the primary's address."""
    with _administrator() as other:
        try:
            _alter(other, "SET default_transaction_read_only = on")
            yield
        finally:
            _alter(other, "RESET default_transaction_read_only")


def hang_up() -> None:
    """PostgreSQL ends every connection to the database."""
    with _administrator() as other:
        _hang_up(other)


OUTAGES: dict[str, Outage] = (
    {"refusing connections": _refusing_connections, "read-only": _read_only}
    if connection.vendor == "postgresql"
    else {"without its table": _without_table}
)


def _administrator() -> "psycopg.Connection[tuple[Any, ...]]":
    settings = connection.get_connection_params()
    where = {name: settings[name] for name in ("host", "port", "user", "password") if settings.get(name)}
    return psycopg.connect(dbname="postgres", autocommit=True, **where)


def _alter(other: "psycopg.Connection[Any]", change: str) -> None:
    name = connection.settings_dict["NAME"]
    other.execute(f'ALTER DATABASE "{name}" {change}')
    _hang_up(other)


def _hang_up(other: "psycopg.Connection[Any]") -> None:
    other.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
        (connection.settings_dict["NAME"],),
    )
