"""Web processes and Celery's worker are killed under load, and somebody scrapes all the while: the page stays true.

No counter goes down, no series stands there twice or names a process; in the end nothing is missing and nothing
doubled, and spend and tokens are the ledger's, which is the upstream's bill. `FAULT_CYCLES=100` gives the length that
the figures are quoted for.
"""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.faults.books import ensure_exact, wait_for_all_billed, wait_until
from tests.faults.load import Asked, Caller, Load
from tests.faults.processes import kill_all, kill_web_process
from tests.faults.provider import provider
from tests.faults.test_ledger_kills import CYCLES, SEED
from tests.gateway import MASTER_KEY, Gateway, Store

WEB_PROCESSES = 4
SCRAPE_SECONDS = 0.2
# A dead process's last second is found by another one within half a minute.
FOUND_SECONDS = 60.0
_SUFFIXES = ("_total", "_count", "_sum", "_bucket")
# Of one process alone, and new with each: in a fleet they are not shown.
_OF_PROCESS = ("process_", "python_")
Page = dict[str, float]


@dataclass
class Scraper:
    """A context manager. `fallen` are counters that went down, `doubled` series that a page had twice."""

    gateway: Gateway
    scrapes: int = 0
    fallen: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._highest: Page = {}
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "Scraper":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _work(self) -> None:
        while not self._stopping.wait(SCRAPE_SECONDS):
            try:
                # A connection of its own each time, so that every process is asked.
                text = httpx.get(f"{self.gateway.url}/metrics", timeout=20, verify=False).text
            except httpx.TransportError:
                continue
            self._compare([line for line in text.splitlines() if not line.startswith("#")])

    def _compare(self, lines: list[str]) -> None:
        self.scrapes += 1
        names = Counter(line.rpartition(" ")[0] for line in lines)
        self.doubled += [name for name, count in names.items() if count > 1]
        for line in lines:
            name, _, value = line.rpartition(" ")
            if name.partition("{")[0].endswith(_SUFFIXES) and not name.startswith(_OF_PROCESS):
                if float(value) < self._highest.get(name, 0):
                    self.fallen.append(f"{name}: {self._highest[name]} to {value}")
                self._highest[name] = float(value)


def test_whatever_is_killed_the_page_of_metrics_stays_true(tmp_path: Path, store: Store) -> None:
    print(f"FAULT_SEED={SEED} FAULT_CYCLES={CYCLES}")
    chance = random.Random(SEED)
    arguments = ("--num_workers", str(WEB_PROCESSES)) if store.redis_url else ()
    callers = [
        Caller(f"{kind}-{n}", MASTER_KEY, stream=kind == "stream") for kind in ("whole", "stream") for n in (1, 2)
    ]
    with provider(tmp_path) as upstream:
        config = {"model_list": [upstream.deployment()]}
        gateway = Gateway(tmp_path / "data", config, store=store, arguments=arguments)
        gateway.start()
        try:
            with Scraper(gateway) as scraper, Load(gateway, callers) as load:
                for cycle in range(CYCLES):
                    load.wait_for_answers(10, seconds=60)
                    time.sleep(chance.uniform(0.2, 1.5))
                    if store.redis_url and cycle % 3:
                        kill_web_process(gateway, chance)
                    else:
                        kill_all(gateway)
                        gateway.start()
                load.wait_for_answers(10, seconds=60)
            rows = wait_for_all_billed(gateway, bill := upstream.wait_until_quiet(), seconds=30)
            ensure_exact(rows, bill, load.asked)
            assert (scraper.fallen, scraper.doubled) == ([], [])
            _ensure_sums_are_the_ledgers(gateway)
            answers = _ensure_answers_are_counted_once(gateway, load.asked)
            page = gateway.metrics()
            assert not [name for name in page if "pid=" in name or (store.redis_url and name.startswith(_OF_PROCESS))]
        finally:
            kill_all(gateway)
    print(f"{CYCLES} kills, {scraper.scrapes} scrapes, {answers} answers counted, 0 lost, 0 doubled, no counter fell")


def _ensure_sums_are_the_ledgers(gateway: Gateway) -> None:
    columns = "sum(amount_nano), sum(prompt_tokens), sum(completion_tokens), count(*)"
    ((nano, prompt, completion, calls),) = gateway.rows(f"SELECT {columns} FROM budgets_ledgerentry")
    gateway.wait_for_metric("litellm_deployment_total_requests_total", float(calls))
    for name, wanted in (("spend", nano / 10**9), ("input_tokens", prompt), ("output_tokens", completion)):
        gateway.wait_for_metric(f"litellm_{name}_metric_total", float(wanted))


def _ensure_answers_are_counted_once(gateway: Gateway, asked: list[Asked]) -> int:
    """Each answer that a client has seen to its end, and none that the ledger has no entry of."""
    seen = sum(one.finished for one in asked)
    ((served,),) = gateway.rows("SELECT count(*) FROM budgets_ledgerentry WHERE status = 'success'")
    name = "litellm_proxy_total_requests_metric_total"

    def counted() -> float:
        return sum(gateway.metric(name, status_code=code) for code in ("200", "499"))

    wait_until(lambda: counted() >= seen, f"{seen} answers are counted", seconds=FOUND_SECONDS)
    time.sleep(2)
    assert seen <= counted() <= served
    latencies = gateway.metric("litellm_request_total_latency_metric_count")
    assert latencies == gateway.metric(name, status_code="200")
    return round(counted())
