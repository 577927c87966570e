"""What is charged for a process that was killed counts where requests are admitted, though nobody asks meanwhile."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import started
from tests.faults.books import counted, read_ledger, wait_until
from tests.faults.cast import AMPLE
from tests.faults.processes import kill_all, kill_who_serves
from tests.faults.provider import TOKENS, Provider, provider
from tests.gateway import Gateway, Store, chat, migrate
from tests.services import postgres, redis

# A process that was killed holds its part of the budget for ten seconds: by then its charge has to be there.
COUNTED_SECONDS = 10.0


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Provider]:
    with provider(tmp_path, chunk_delay_seconds=0.2) as running:
        yield running


@pytest.fixture
def gateway(tmp_path: Path, request: pytest.FixtureRequest, upstream: Provider) -> Iterator[Gateway]:
    for database in started(postgres(prepare=migrate), request):
        for cache in started(redis(), request):
            running = Gateway(
                tmp_path / "data",
                {"model_list": [upstream.deployment()]},
                store=Store(database.url, cache.url),
                arguments=("--num_workers", "2"),
            )
            running.start()
            try:
                yield running
            finally:
                kill_all(running)


def test_the_charge_for_a_killed_stream_reaches_the_budget_without_another_request(gateway: Gateway) -> None:
    with gateway.client() as admin:
        key = admin.post("/key/generate", json={"max_budget": AMPLE}).json()["key"]
    with gateway.client(key) as client, pytest.raises(httpx.TransportError):
        _ask_until_killed(gateway, client)
    killed_at = time.monotonic()

    gateway.wait_for_rows("SELECT 1 FROM budgets_ledgerentry", 1)
    (row,) = read_ledger(gateway)
    assert (row.basis, row.amount_nano > 0) == ("estimated", True)
    wait_until(
        lambda: list(counted(gateway.store.redis_url).values()) == [row.amount_nano],
        "its charge is in the key's counter",
        seconds=COUNTED_SECONDS - (time.monotonic() - killed_at),
    )


def _ask_until_killed(gateway: Gateway, client: httpx.Client) -> None:
    pieces = 0
    with client.stream("POST", "/v1/chat/completions", json=chat(stream=True, max_tokens=2 * TOKENS)) as response:
        for line in response.iter_lines():
            pieces += line.startswith("data: ")
            if pieces == TOKENS // 2:
                kill_who_serves(gateway)
