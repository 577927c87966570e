"""What `tollkeeper demo` says and does."""

from dataclasses import dataclass
from datetime import datetime

from gateway_project.demo_data.make import Made, Refused, make
from gateway_project.demo_data.marks import REMOVE_COMMAND
from gateway_project.demo_data.remove import remove
from gateway_project.launch import LaunchError
from teams.money import to_dollars

SEED, DAYS, REQUESTS = 7, 30, 50_000
# A report looks back a week, and an outage of the demo is five days old; beyond a year nobody looks.
SHORTEST, LONGEST, MOST = 7, 366, 2_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    seed: int = SEED
    days: int = DAYS
    requests: int = REQUESTS
    remove: bool = False


def run(wanted: Wanted, *, now: datetime) -> list[str]:
    """The lines to print. Raises LaunchError."""
    if wanted.remove:
        return _removed(now=now)
    if not SHORTEST <= wanted.days <= LONGEST:
        raise LaunchError(f"--days is a number from {SHORTEST} to {LONGEST}.")
    if not 1 <= wanted.requests <= MOST:
        raise LaunchError(f"--requests is a number from 1 to {MOST}.")
    try:
        made = make(now=now, seed=wanted.seed, days=wanted.days, requests=wanted.requests)
    except Refused as refusal:
        raise LaunchError(str(refusal)) from None
    if made is None:
        return [f"The demo's data are here already. To take them away: {REMOVE_COMMAND}"]
    return _said(made, days=wanted.days)


def _said(made: Made, *, days: int) -> list[str]:
    lines = ["Half a demo was found, and taken away first."] if made.mended else []
    sums = f"{made.entries} ledger entries, ${to_dollars(made.amount_nano):.2f}, {made.traces} traces"
    return [
        *lines,
        f"{made.requests} requests of {days} days are made: {sums}. Nobody was told of anything.",
        f"See them in the admin after `tollkeeper up`. Remove them, and nothing else: {REMOVE_COMMAND}",
    ]


def _removed(*, now: datetime) -> list[str]:
    removed = remove(now=now)
    if removed is None:
        return ["There is no demo data here."]
    gone = f"{removed.entries} ledger entries, {removed.traces} traces, {removed.incidents} incidents"
    return [f"The demo's data are gone: {gone}, and all that they were about. The rest of the ledger adds up."]
