"""Eight processes raise the same trouble at the same moment, and send side by side: everybody is told once.

`FAULT_CYCLES=100` gives the length that the figures are quoted for.
"""

import os
import time
from collections import Counter
from pathlib import Path

from tests.faults.crew import Crew, crew
from tests.faults.receivers import ADDRESS, Receivers, lead_to, receivers, wait_until_told
from tests.gateway import Gateway, Store

PROCESSES = 8
ROUNDS = max(2, int(os.environ.get("FAULT_CYCLES", "3")) // 4)
SHARED = 5
TIMES = 20
# From the order until all have heard it.
AHEAD_SECONDS = 0.3
PATIENCE_SECONDS = 60.0
CONFIG = {"model_list": [], "general_settings": {"alert_types": ["llm_exceptions"]}}


def test_whoever_raises_it_everybody_is_told_once_and_once_that_it_is_over(tmp_path: Path, store: Store) -> None:
    with receivers() as told, Gateway(tmp_path / "data", CONFIG, store=store, environment=ADDRESS) as gateway:
        lead_to(gateway, told.channels())
        with crew(gateway, "tests.faults.raiser", count=PROCESSES) as raisers:
            for number in range(ROUNDS):
                _raise_and_settle(gateway, raisers, [f"shared-{number}-{one}" for one in range(SHARED)])
            # Each something of its own, which nobody else raises.
            for number, hand in enumerate(raisers.hands):
                hand.order(do="raise", names=[f"own-{number}"], times=TIMES, at=time.time() + AHEAD_SECONDS)
                hand.order(do="settle", names=[f"own-{number}"], at=0)
            for hand in (*raisers.hands, *raisers.hands):
                hand.wait_for("done")
            raisers.end()
        wait_until_told(gateway, seconds=PATIENCE_SECONDS)
        incidents = gateway.rows("SELECT id, count, status FROM alerts_incident ORDER BY opened_at")
        wanted = ROUNDS * SHARED + PROCESSES
        print(_figures(told, len(incidents), gateway.store))
        assert Counter((count, status) for _, count, status in incidents) == {
            (PROCESSES * TIMES, "resolved"): ROUNDS * SHARED,
            (TIMES, "resolved"): PROCESSES,
        }
        _ensure_once(told.told_slack(), wanted)
        _ensure_once(told.posted(), wanted)
        assert Counter(told.pager.pages.values()) == {1: wanted}
        assert Counter(told.pager.states.values()) == {"resolved": wanted}
        assert len(told.pager.events) == 2 * wanted
        assert "Traceback" not in gateway.log()


def _raise_and_settle(gateway: Gateway, raisers: Crew, names: list[str]) -> None:
    """All at once; then it goes on for a while, all of them send what waits, and it is over for all at once."""
    raisers.do(do="raise", names=names, times=1, at=time.time() + AHEAD_SECONDS)
    raisers.do(do="send")
    raisers.do(do="raise", names=names, times=TIMES - 1, at=time.time() + AHEAD_SECONDS)
    counted = f"SELECT 1 FROM alerts_incident WHERE count = {PROCESSES * TIMES} AND status = 'open'"
    gateway.wait_for_rows(counted, len(names), timeout=PATIENCE_SECONDS)
    raisers.do(do="settle", names=names, at=time.time() + AHEAD_SECONDS)
    raisers.do(do="send")


def _ensure_once(found: Counter[tuple[str, str]], incidents: int) -> None:
    more = {telling: times for telling, times in found.items() if times != 1}
    assert not more, f"told more than once: {more}"
    assert Counter(kind for _, kind in found) == {"firing": incidents, "resolved": incidents}


def _figures(told: Receivers, incidents: int, store: Store) -> str:
    slack, hook = told.told_slack(), told.posted()
    return (
        f"{'PostgreSQL' if store.database_url else 'SQLite'}: {PROCESSES} processes, {incidents} incidents: "
        f"Slack {sum(slack.values())} messages, at most {max(slack.values())} of each; "
        f"webhook {sum(hook.values())}, at most {max(hook.values())}; "
        f"PagerDuty {sum(told.pager.pages.values())} pages, {len(told.pager.events)} events"
    )
