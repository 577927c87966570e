"""kill -9 again and again, of any process: what was billed is in the ledger once, and all sums are its sums.

`FAULT_CYCLES=100` gives the length that the figures are quoted for, `FAULT_SEED` the same kills as in another run.
"""

import os
import random
import time
from dataclasses import replace
from pathlib import Path

from tests.faults.books import (
    Entity,
    Row,
    counted,
    counted_beyond,
    ensure_exact,
    ensure_header_tells_the_ledgers_sum,
    ensure_no_drift,
    read_ledger,
    spent_by,
    sums,
    wait_for_all_billed,
    wait_until,
)
from tests.faults.cast import Cast, tight_nano
from tests.faults.load import Asked, Load
from tests.faults.processes import admitting, kill, kill_all, start_again, victims
from tests.faults.provider import DEAREST, provider
from tests.gateway import Gateway, Store

CYCLES = int(os.environ.get("FAULT_CYCLES", "3"))
SEED = int(os.environ.get("FAULT_SEED", random.SystemRandom().randrange(10**6)))
QUIET_SECONDS = 10.0
ANSWERS_BETWEEN_KILLS = 10


def test_whatever_is_killed_the_ledger_has_what_was_billed_once(tmp_path: Path, store: Store) -> None:
    print(f"FAULT_SEED={SEED} FAULT_CYCLES={CYCLES}")
    with provider(tmp_path) as upstream:
        workers = ("--num_workers", "2") if store.redis_url else ()
        config = {"model_list": [upstream.deployment()]}
        gateway = Gateway(tmp_path / "data", config, store=store, arguments=workers)
        gateway.start()
        try:
            cast = Cast.make(gateway, tight=CYCLES + 1)
            asked = _ask_while_killing(gateway, cast, random.Random(SEED))
            bill = upstream.wait_until_quiet()
            rows = wait_for_all_billed(gateway, bill, seconds=QUIET_SECONDS)
            ensure_exact(rows, bill, asked)
            cast.ensure_only_tight_are_refused(asked)
            _ensure_admission_agrees(gateway, cast)
            ensure_no_drift(gateway)
            _ensure_no_budget_is_overspent(gateway, cast)
            print(_figures(rows, asked))
        finally:
            kill_all(gateway)


def _ask_while_killing(gateway: Gateway, cast: Cast, chance: random.Random) -> list[Asked]:
    """After the last kill nobody asks any more: it has to be made good without a request's help."""
    with Load(gateway, cast.callers) as load:
        for cycle, victim in enumerate(victims(gateway.store, chance, CYCLES)):
            cast.use_tight(cycle)
            load.wait_for_answers(ANSWERS_BETWEEN_KILLS, seconds=60)
            time.sleep(chance.uniform(0.5, 2.0))
            if cycle == CYCLES and gateway.store.redis_url:
                # One has to be left: when nobody was heard for seconds, Redis begins anew and is told what was spent.
                wait_until(lambda: admitting(gateway.store.redis_url) >= 2, "both admit", seconds=60)
            kill(gateway, victim, chance)
            if cycle < CYCLES:
                start_again(gateway)
    start_again(gateway)
    return load.asked


def _ensure_no_budget_is_overspent(gateway: Gateway, cast: Cast) -> None:
    rows = read_ledger(gateway)
    over = {key[-4:]: spent for key in cast.tight if (spent := spent_by(rows, key)) > tight_nano()}
    assert not over, f"of {tight_nano()} nano-dollars each: {over}"


def _ensure_admission_agrees(gateway: Gateway, cast: Cast) -> None:
    """Never less than the ledger. More only where a process died between telling admission and telling the ledger."""
    if not gateway.store.redis_url:
        for _ in range(2):
            ensure_header_tells_the_ledgers_sum(gateway, cast.ample)
        return
    deadline = time.monotonic() + QUIET_SECONDS
    while off := _counters_off(gateway):
        assert time.monotonic() < deadline, f"counted beyond the ledger, and at most: {off}"
        time.sleep(0.2)
    assert ("team", "red") in counted(gateway.store.redis_url)


def _counters_off(gateway: Gateway) -> dict[Entity, tuple[int, int]]:
    """By how much, and by how much they may be."""
    unsure = [replace(row, amount_nano=DEAREST) for row in read_ledger(gateway) if not row.is_exact]
    most = sums(gateway, unsure)
    told = {entity: (beyond, most.get(entity, 0)) for entity, beyond in counted_beyond(gateway).items()}
    return {entity: pair for entity, pair in told.items() if not 0 <= pair[0] <= pair[1]}


def _figures(rows: list[Row], asked: list[Asked]) -> str:
    exact = sum(row.is_exact for row in rows)
    answered, refused = sum(one.finished for one in asked), sum(one.status == 422 for one in asked)
    return (
        f"{CYCLES + 1} kills, {answered} answers, {refused} refused: {exact} exact entries, "
        f"{len(rows) - exact} estimated, 0 missing"
    )
