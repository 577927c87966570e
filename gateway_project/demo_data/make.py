"""Filling an installation: who is there, then weeks of money in chunks, then what became of it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from django.db import IntegrityError, transaction

from budgets import batches
from budgets.entries import Entry
from budgets.models import LedgerEntry
from budgets.rollup import add_past
from gateway_project.demo_data import limits, marks
from gateway_project.demo_data.marks import Standing
from gateway_project.demo_data.remove import remove
from gateway_project.demo_data.rows import make_checks, make_prices, make_rows
from gateway_project.demo_data.traffic import Request, Traffic
from gateway_project.demo_data.trail import make_reports, make_trail
from gateway_project.demo_data.trouble import make_quiet, make_trouble
from proxy.models import RequestTrace
from proxy.traces import encode
from teams import revisions
from teams.models import Organization

# So much that SQLite's one writer is not held for long.
CHUNK = 2000
PAUSE_SECONDS = 0.02
TRACED = timedelta(days=3)


class Refused(Exception):
    """Nothing was made; the text says why, and what to do."""


@dataclass(slots=True)
class Made:
    requests: int = 0
    entries: int = 0
    amount_nano: int = 0
    traces: int = 0
    mended: bool = field(default=False)


def make(*, now: datetime, seed: int, days: int, requests: int) -> Made | None:
    """None where it is there already; it is marked whole as the last thing.

    Raises Refused, and django.db.Error; after the latter, as after a kill, `make` or `remove` put it right.
    """
    standing = marks.standing()
    if standing is Standing.WHOLE:
        return None
    _ensure_alone()
    made = Made(mended=standing is Standing.UNFINISHED)
    if made.mended:
        remove(now=now)
    since = now - timedelta(days=days)
    try:
        with transaction.atomic():
            make_rows(since=since, facts={"seed": seed, "days": days, "requests": requests, "until": now.isoformat()})
            make_quiet(now=now)
            price_ids = make_prices()
    except IntegrityError:
        raise Refused(
            "The demo's names are taken: somebody else makes it at this moment, or has rows of them."
        ) from None
    traffic = Traffic(seed=seed, now=now, days=days, count=requests, price_ids=price_ids)
    every = traffic.requests()
    while some := list(islice(every, CHUNK)):
        _store(some, made, now=now)
        time.sleep(PAUSE_SECONDS)
    _finish(now=now, since=since, seed=seed)
    return made


def _ensure_alone() -> None:
    """What the demo spends stands in everybody's sums, so it comes to an installation that has none of its own."""
    if LedgerEntry.objects.of_clients().exclude(**marks.of_key()).exists():
        raise Refused(
            "The ledger holds calls of real clients, and the demo's would be in the same sums. Give it a folder of its "
            "own: TOLLKEEPER_DATA=./demo-data tollkeeper demo, then start the gateway with the same folder."
        )
    if taken := marks.in_the_way():
        raise Refused(f"This installation has its own {', '.join(taken)}, which the demo would count against or take.")


def _store(some: Sequence[Request], made: Made, *, now: datetime) -> None:
    entries: list[Entry] = [entry for request in some for entry in request.entries]
    add_past(entries, now=now)
    traces = [request.trace for request in some if request.trace.began_at >= now - TRACED]
    for lines in _portions([encode(trace) for trace in traces]):
        batches.insert(RequestTrace, lines)
    made.requests += len(some)
    made.entries += len(entries)
    made.amount_nano += sum(entry.amount_nano for entry in entries)
    made.traces += len(traces)


def _portions(lines: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for first in range(0, len(lines), 500):
        yield lines[first : first + 500]


def _finish(*, now: datetime, since: datetime, seed: int) -> None:
    limits.set_limits(now=now)
    make_reports(now=now, since=since)
    with transaction.atomic():
        make_trouble(now=now, seed=seed)
        make_trail(now=now, since=since, seed=seed)
        make_checks(now=now)
        root = Organization.objects.select_for_update().get(pk=marks.ROOT)
        facts = {**root.metadata[marks.METADATA], "standing": Standing.WHOLE}
        Organization.objects.filter(pk=root.pk).update(metadata={**root.metadata, marks.METADATA: facts})
        # What was made without a signal, every process has to read.
        revisions.bump(revisions.KEYS)
        revisions.bump(revisions.DEPLOYMENTS)
