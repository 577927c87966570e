"""Entries of a payer are those that a filter finds, looked for by the keys that called."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from budgets import payer_entries
from budgets.entries import insert
from budgets.models import LedgerEntry
from budgets.payer_entries import PAYERS, of_payer
from budgets.rollup import roll_up
from tests.budgets.builders import entry

NOW = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
NAMES = ("ann", "ben", "O'Brien %_")
called = st.fixed_dictionaries(
    {
        "key_hash": st.sampled_from(("k1", "k2", "k3", "k4")),
        "user_id": st.sampled_from(("", *NAMES)),
        "team_id": st.sampled_from(("", *NAMES)),
        "end_user": st.sampled_from(("", *NAMES)),
        "hours_ago": st.integers(0, 100),
        "status": st.sampled_from(("success", "failure")),
    }
)
bound = st.none() | st.integers(0, 100).map(lambda hours: NOW - timedelta(hours=hours))


def store(calls: list[dict[str, object]]) -> None:
    for columns in calls:
        at = NOW - timedelta(hours=int(str(columns["hours_ago"])))
        named = {name: value for name, value in columns.items() if name != "hours_ago"}
        insert([entry(started_at=at, ended_at=at, **named).encode()])


class AnyCalls(TestCase):
    @settings(max_examples=40, deadline=None)
    @given(st.lists(called, max_size=8), st.lists(called, max_size=4), bound, bound)
    def test_they_are_what_a_filter_finds(
        self,
        rolled: list[dict[str, object]],
        waiting: list[dict[str, object]],
        since: datetime | None,
        until: datetime | None,
    ) -> None:
        store(rolled)
        roll_up(now=datetime.now(UTC) + timedelta(minutes=1))
        store(waiting)
        within = LedgerEntry.objects.all()
        within = within.filter(started_at__gte=since) if since else within
        within = within.filter(started_at__lt=until) if until else within
        for column in sorted(PAYERS):
            for name in NAMES:
                found = of_payer(within, column, name, since=since, until=until)
                assert set(found) == set(within.filter(**{column: name})), (column, name)


@pytest.mark.django_db
def test_they_are_looked_for_by_keys_unless_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    store([{"key_hash": key, "user_id": "ann", "hours_ago": 1} for key in ("k1", "k2")])
    roll_up(now=datetime.now(UTC) + timedelta(minutes=1))
    store([{"key_hash": "k3", "user_id": "ann", "hours_ago": 1}, {"key_hash": "k4", "user_id": "ben", "hours_ago": 1}])

    rows = of_payer(LedgerEntry.objects.all(), "user_id", "ann")
    assert {f"'{key}'" in str(rows.query) or key in str(rows.query) for key in ("k1", "k2", "k3")} == {True}
    assert "k4" not in str(rows.query)
    assert rows.count() == 3
    plan = rows.filter(started_at__gte=NOW - timedelta(days=1)).explain()
    assert connection.vendor == "postgresql" or "ledger_key" in plan

    monkeypatch.setattr(payer_entries, "MOST_KEYS", 2)
    rows = of_payer(LedgerEntry.objects.all(), "user_id", "ann")
    assert "k1" not in str(rows.query)
    assert rows.count() == 3
