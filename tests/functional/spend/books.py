"""Rows of the gateway's books, put there past the gateway: what the cast of these tests has spent."""

import csv
import io
import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import httpx
import psycopg
from django.db import models
from django.forms import model_to_dict

from budgets.models import HEALTH_CHECK_KEY, DailySpend, LedgerEntry
from budgets.rollup import day_id, days_of
from budgets.totals import AGREE, SUMS
from teams.keys import hash_key
from tests.budgets.builders import entry
from tests.budgets.days import day_row
from tests.functional.management.callers import Callers
from tests.gateway import Gateway

# Far from today, so that the views of the last days have nothing of it.
SATURDAY, SUNDAY, MONDAY = (date(2025, 3, day) for day in (1, 2, 3))
DAYS = {"start_date": "2025-03-01", "end_date": "2025-03-03"}
GONE = "f" * 64
EVIL = '=HYPERLINK("http://evil")'


def fill(gateway: Gateway, callers: Callers) -> None:
    """Saturday: bob 1.00 on gpt-4o in red, ada 0.50 on gpt-4o-mini in red. Sunday: nobody. Monday: eve 2.00 on claude

    in green, a key that is gone 0.25 on gpt-4o for nobody. Lately: bob 4.00 four days ago and 8.00 twenty-eight days
    ago, and 16.00 forty days ago.
    """
    bob = {"key_hash": hash_key(callers.keys["bob"]), "user_id": "bob", "team_id": "red", "organization_id": "north"}
    ada = {**bob, "key_hash": hash_key(callers.keys["ada"]), "user_id": "ada"}
    eve = {"key_hash": hash_key(callers.keys["eve"]), "user_id": "eve", "team_id": "green", "organization_id": "south"}
    mini = {"model_group": "gpt-4o-mini", "model": "gpt-4o-mini"}
    claude = {"model_group": "claude", "model": "claude-sonnet-4", "provider": "anthropic",
              "call_type": "anthropic_messages"}  # fmt: skip
    calls = [
        day_row(SATURDAY, **bob, amount_nano=1_000_000_001, failures=2),
        day_row(SATURDAY, **ada, **mini, amount_nano=500_000_000),
        day_row(MONDAY, **eve, **claude, amount_nano=2_000_000_000),
        day_row(MONDAY, key_hash=GONE, amount_nano=250_000_000),
        *(day_row(_days_ago(days), **bob, amount_nano=nano * 10**9) for days, nano in ((4, 4), (28, 8), (40, 16))),
    ]
    again = [
        day_row(SATURDAY, **bob, facet="tag", facet_value="jobs", amount_nano=1_000_000_001),
        day_row(SATURDAY, **bob, facet="tag", facet_value=EVIL, amount_nano=1_000_000_001),
        day_row(SATURDAY, **bob, facet="customer", facet_value="acme", amount_nano=750_000_000),
        day_row(MONDAY, **eve, **claude, facet="customer", facet_value=EVIL, amount_nano=2_000_000_000),
    ]
    store(gateway, *calls, *again)


def ledger_rows(callers: Callers) -> list[LedgerEntry]:
    """Three of bob's, one of eve's and a health check, in the last minutes of a Monday and the first of Tuesday."""
    bob = {"key_hash": hash_key(callers.keys["bob"]), "user_id": "bob", "team_id": "red", "key_alias": "bob's"}
    eve = {"key_hash": hash_key(callers.keys["eve"]), "user_id": "eve", "team_id": "green", "model_group": "claude",
           "provider": "anthropic", "model": "claude-sonnet-4"}  # fmt: skip
    late = datetime(2025, 5, 5, 23, 59, 59, 999_999, tzinfo=UTC)
    return [
        _entry(late - timedelta(hours=3), **bob, call_id="first", upstream_id="chatcmpl-1", amount_nano=1_000_000,
               prompt_tokens=100, completion_tokens=20, tags=["jobs", EVIL], end_user="acme"),
        _entry(late - timedelta(hours=2), **bob, call_id="second", status="failure", status_code=429,
               error_class="RateLimitError", basis="none"),
        _entry(late, **eve, call_id="third", upstream_id="msg-3", amount_nano=3_000_000, prompt_tokens=7),
        _entry(late + timedelta(microseconds=1), **bob, call_id="fourth", upstream_id="chatcmpl-4",
               amount_nano=5_000_000, prompt_tokens=1),
        _entry(late - timedelta(hours=1), key_hash="litellm-internal-health-check", call_id="probe"),
    ]  # fmt: skip


def days_with(entries: Iterable[LedgerEntry]) -> list[DailySpend]:
    """As a roll-up makes them."""
    rows = [model_to_dict(one) for one in entries if one.key_hash != HEALTH_CHECK_KEY]
    return [
        DailySpend(id=day_id(agree), **dict(zip(AGREE, agree, strict=True)), **dict(zip(SUMS, sums, strict=True)))
        for agree, sums in days_of(rows).items()
    ]


def _entry(at: datetime, **columns: Any) -> LedgerEntry:
    made = entry(started_at=at, ended_at=at + timedelta(milliseconds=1500), **columns)
    return LedgerEntry(**asdict(made))


def store(gateway: Gateway, *rows: models.Model) -> None:
    for model in (DailySpend, LedgerEntry):
        some = [row for row in rows if isinstance(row, model)]
        if not some:
            continue
        fields = model._meta.concrete_fields
        on_server = bool(gateway.store.database_url)
        values = [[_stored(row, field, on_server=on_server) for field in fields] for row in some]
        names = ", ".join(f'"{field.column}"' for field in fields)
        marks = ", ".join(["%s" if on_server else "?"] * len(fields))
        statement = f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({marks})"
        if on_server:
            with psycopg.connect(gateway.store.database_url) as server, server.cursor() as cursor:
                cursor.executemany(statement, values)
                for sums in _sums_of(model, on_server=True):
                    cursor.execute(sums)
        else:
            with closing(sqlite3.connect(gateway.data / "tollkeeper.sqlite3", timeout=30)) as file, file:
                file.executemany(statement, values)
                for sums in _sums_of(model, on_server=False):
                    file.execute(sums)


def _sums_of(model: type[models.Model], *, on_server: bool) -> list[str]:
    if model is LedgerEntry:
        return _balances(on_server=on_server)
    of_months = import_module("budgets.migrations.0006_spend_totals").statements(on_server=on_server)
    of_days = import_module("budgets.migrations.0008_totals_of_days").statements()
    return ["DELETE FROM budgets_spendtotal", *of_months, *of_days]


def _balances(*, on_server: bool) -> list[str]:
    """What a roll-up would have made of the ledger for keys and users; the days are the books' own."""
    ever = "'1970-01-01 00:00:00+00'" if on_server else "'1970-01-01 00:00:00'"
    return [
        'INSERT INTO budgets_balance (scope, entity_id, "window", period_start, spent_nano, adjusted_nano, '
        "last_at, told) "
        f"SELECT '{scope}', CAST(o.id AS text), '', {ever}, sum(l.amount_nano), 0, max(l.started_at), '[]' "
        f"FROM budgets_ledgerentry l JOIN {table} o ON o.{column} = l.{named} GROUP BY o.id"
        for scope, table, column, named in (
            ("key", "teams_virtualkey", "token_hash", "key_hash"),
            ("user", "teams_user", "id", "user_id"),
        )
    ]


def _stored(row: models.Model, field: "models.Field[Any, Any]", *, on_server: bool) -> Any:
    value = getattr(row, field.attname)
    if isinstance(field, models.JSONField):
        return json.dumps(value)
    if on_server:
        return value
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value


def _days_ago(days: int) -> date:
    return datetime.now(UTC).date() - timedelta(days=days)


def lines(client: httpx.Client, path: str, **query: Any) -> list[list[str]]:
    """Of the CSV file that a route answers with, its titles first."""
    answer = client.get(path, params={**query, "format": "csv"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="')
    return list(csv.reader(io.StringIO(answer.text)))
