"""What a scrape of /metrics costs: how long it takes, and how long requests wait meanwhile for the event loop.

.venv/bin/python -m benchmarks.scrape                              # some 10,000 series, PostgreSQL and Redis
.venv/bin/python -m benchmarks.scrape --store sqlite
.venv/bin/python -m benchmarks.scrape --budgets 100000             # and what is shown is capped

Keys with a budget and a rate limit are copied past the gateway; those that are used make one request each. While the
page is read again and again, the lightest route is asked all the time: what that takes at worst, beyond what it takes
without scrapes, the loop was blocked. Targets: p99 of the scrape below 100 ms, the loop never blocked above 20 ms.
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.many_keys import copy_key, open_store
from tests.fakes.upstream import FakeUpstream
from tests.gateway import Gateway, chat, model

PAUSE_SECONDS = 0.2
SEED = {"key_alias": "seed", "max_budget": 100, "budget_duration": "30d", "rpm_limit": 1000}
SETTLED_SECONDS = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budgets", type=int, default=600, help="keys with a budget and a limit")
    parser.add_argument("--used", type=int, default=40, help="keys that made a request")
    parser.add_argument("--scrapes", type=int, default=100)
    parser.add_argument("--store", choices=["postgres", "sqlite"], default="postgres")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tollkeeper-bench-")))
        upstream = stack.enter_context(FakeUpstream())
        config = {"model_list": [model("gpt-4o", upstream.url)]}
        gateway = Gateway(folder, config, store=stack.enter_context(open_store(options.store)))
        with gateway, gateway.client() as admin:
            admin.post("/key/generate", json=SEED).raise_for_status()
            _use(gateway, options.used)
            copy_key(gateway, options.budgets)
        with gateway:
            print(f"{options.budgets:,} budgets on {options.store}, {options.used} keys in use")
            _measure(gateway, options.scrapes)


def _use(gateway: Gateway, count: int) -> None:
    with gateway.client() as admin:
        for _ in range(count):
            key = admin.post("/key/generate", json={"max_budget": 100, "budget_duration": "30d"}).json()["key"]
            with gateway.client(key) as client:
                client.post("/v1/chat/completions", json=chat()).raise_for_status()
        began = time.monotonic()
        # Until the last of them is rolled up.
        while _samples(admin, "litellm_spend_metric_total") < count:
            if time.monotonic() - began > SETTLED_SECONDS:
                raise AssertionError("what was spent does not reach the page")
            time.sleep(1)


def _samples(client: httpx.Client, *names: str) -> int:
    page = client.get("/metrics", params={"name[]": list(names)}, timeout=120).text
    return sum(1 for line in page.splitlines() if line and not line.startswith("#"))


def _measure(gateway: Gateway, count: int) -> None:
    with gateway.client() as client:
        client.timeout = httpx.Timeout(120)
        print(f"{_samples(client):,} series on the page")
        usual = Prober(gateway)
        with usual:
            time.sleep(count * PAUSE_SECONDS / 4)
        meanwhile, took = Prober(gateway), list[float]()
        cpu = _cpu_seconds(gateway)
        for _ in range(count):
            client.get("/metrics").raise_for_status()
        cpu = _cpu_seconds(gateway) - cpu
        with meanwhile:
            for _ in range(count):
                began = time.perf_counter()
                client.get("/metrics").raise_for_status()
                took.append(time.perf_counter() - began)
                time.sleep(PAUSE_SECONDS)
    print(f"a scrape:           {_told(took)}, {cpu / count * 1000:.1f} ms of CPU")
    print(f"the lightest route: {_told(usual.took)}, without scrapes")
    print(f"the lightest route: {_told(meanwhile.took)}, with scrapes one after the other")


def _cpu_seconds(gateway: Gateway) -> float:
    """Of the whole process, what it does beside scrapes included."""
    assert gateway.process is not None
    after_name = Path(f"/proc/{gateway.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def _told(seconds: Sequence[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return f"p50 {cuts[49] * 1000:7.1f} ms, p99 {cuts[98] * 1000:7.1f} ms, longest {max(seconds) * 1000:7.1f} ms"


@dataclass
class Prober:
    """Asks the lightest route about every three milliseconds; a context manager."""

    gateway: Gateway
    took: list[float] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        with self.gateway.client() as client:
            while not self._ended.wait(0.003):
                began = time.perf_counter()
                client.get("/health/liveliness").raise_for_status()
                self.took.append(time.perf_counter() - began)


if __name__ == "__main__":
    main()
