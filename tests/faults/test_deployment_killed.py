"""One of three upstreams is killed while clients ask: none of them notices, and it serves again when it is back.

`FAULT_SECONDS=60` gives the length that the figure is quoted for.
"""

import os
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from tests.faults.provider import started_provider
from tests.gateway import Gateway, Store, chat, model

SECONDS = float(os.environ.get("FAULT_SECONDS", "6"))
CLIENTS = 8
LATENCY = "--latency-seconds=0.02"


class Clients:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._stopping = threading.Event()
        self.failures: list[str] = []
        self.served_by: list[tuple[float, str]] = []
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(CLIENTS)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with self._gateway.client() as client:
            while not self._stopping.is_set():
                response = client.post("/v1/chat/completions", json=chat())
                if response.status_code != 200:
                    self.failures.append(f"{response.status_code} {response.text[:300]}")
                else:
                    self.served_by.append((time.monotonic(), response.headers["x-litellm-model-id"]))

    def wait_until_served_by(self, deployment: str, *, after: float, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not any(name == deployment and at > after for at, name in self.served_by[-500:]):
            assert time.monotonic() < deadline, f"{deployment} takes no traffic within {seconds} s"
            time.sleep(0.05)


def test_killed_deployment_is_noticed_by_nobody(tmp_path: Path, store: Store) -> None:
    with ExitStack() as stack:
        started = [stack.enter_context(started_provider(LATENCY)) for _ in range(3)]
        entries = [
            {**model("gpt-4o", url, timeout=5), "model_info": {"id": f"d{index}"}}
            for index, (_, url) in enumerate(started)
        ]
        config = {"model_list": entries, "router_settings": {"num_retries": 2, "cooldown_time": 1}}
        gateway = stack.enter_context(Gateway(tmp_path / "data", config, store=store))
        with Clients(gateway) as clients:
            time.sleep(SECONDS / 3)
            victim, url = started[0]
            victim.kill()
            victim.wait()
            killed = time.monotonic()
            time.sleep(SECONDS / 3)
            stack.enter_context(started_provider(LATENCY, f"--port={url.rpartition(':')[2]}"))
            back = time.monotonic()
            time.sleep(SECONDS / 3)
            clients.wait_until_served_by("d0", after=back, seconds=15)
        ((count,),) = gateway.rows("SELECT count(*) FROM budgets_ledgerentry WHERE status = 'success'")

    assert clients.failures == []
    served = len(clients.served_by)
    assert not [at for at, name in clients.served_by if name == "d0" and killed + 0.5 < at < back]
    assert count == served
    print(f"{served} requests over {SECONDS:g} s, 0 failed")
