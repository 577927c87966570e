"""How long the scheduled reports take over many ledger entries: `python -m benchmarks.scheduled_reports 1000000`.

Rows go straight into the ledger of a test database (SQLite, or PostgreSQL with TEST_STORE=postgres); nothing is served.
"""

import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from alerts.services import Span  # noqa: E402
from budgets import entries  # noqa: E402
from budgets.spend_report import spend_report  # noqa: E402
from proxy.deployment_report import deployment_report  # noqa: E402
from proxy.fallback_report import fallback_report  # noqa: E402
from teams.periods import Calendar  # noqa: E402
from tests.budgets.builders import entry  # noqa: E402

BEGAN = datetime(2026, 11, 16, tzinfo=UTC)
PARIS = Calendar(zone=ZoneInfo("Europe/Paris"))
BATCH = 5000


def fill(count: int) -> None:
    """A day's entries of 50 deployments, 200 teams, 1000 keys; every fiftieth request falls back."""
    step = timedelta(days=1) / count
    for first in range(0, count, BATCH):
        lines = [_entry(number, BEGAN + number * step).encode() for number in range(first, min(first + BATCH, count))]
        entries.insert(lines)


def _entry(number: int, at: datetime) -> Any:
    facts = {
        # A fallback belongs to the request before it.
        "request_id": UUID(int=number - (number % 50 == 1)),
        "started_at": at,
        "ended_at": at + timedelta(milliseconds=200 + number % 3000),
        "first_token_at": at + timedelta(milliseconds=50 + number % 400),
        "deployment_id": f"d{number % 50}",
        "team_id": f"t{number % 200}",
        "user_id": f"u{number % 500}",
        "key_hash": f"{number % 1000:064x}",
        "tags": [f"tag-{number % 20}"],
        "amount_nano": 1_000_000 + number % 777,
        "prompt_tokens": 100,
        "completion_tokens": 1 + number % 500,
        "status": "failure" if number % 30 == 0 else "success",
    }
    if number % 50 == 1:
        facts |= {"attempt": 1, "model_group": "gpt-4o-mini"}
    return entry(**facts)


def timed(name: str, make: Callable[[], object]) -> None:
    began = time.perf_counter()
    make()
    print(f"{name}: {time.perf_counter() - began:.2f} s, at most {_megabytes():,.0f} MB")


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(count: int) -> None:
    call_command("migrate", verbosity=0)
    fill(count)
    print(f"{connection.vendor}, {count:,} entries of one day, {_megabytes():,.0f} MB so far")
    day = Span("2026-11-16/1d", PARIS.begins(BEGAN.date()), PARIS.begins((BEGAN + timedelta(days=1)).date()))
    before = Span("2026-11-15/1d", day.starts_at - timedelta(days=1), day.starts_at)
    title = "Spend report for {said}"
    timed(
        "spend report of a day in Paris, all of it from the ledger",
        lambda: spend_report(job="b", title=title, span=day, before=before, calendar=PARIS),
    )
    timed("deployment report", lambda: deployment_report(job="b", span=day, calendar=PARIS))
    timed("fallback report", lambda: fallback_report(job="b", span=day, calendar=PARIS))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
