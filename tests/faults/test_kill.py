"""kill -9 of the gateway under load: whoever got an answer has an entry in the ledger, with the right amount."""

import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.conftest import started
from tests.fakes.upstream import FakeUpstream
from tests.gateway import Gateway, Store, chat, migrate, model
from tests.services import postgres

CLIENTS = 16
CYCLES = 4
ANSWERS_BEFORE_THE_KILL = 60
ENTRIES = """
    SELECT call_id, basis, error_class, amount_nano, prompt_tokens, completion_tokens FROM budgets_ledgerentry
"""


class Load:
    """Clients that ask until they are told to stop, and remember what was answered in full."""

    def __init__(self, gateway: Gateway) -> None:
        self.answered: list[str] = []
        self._gateway = gateway
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,), daemon=True) for number in range(CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(20)

    def wait_for(self, answers: int) -> None:
        deadline = time.monotonic() + 20
        while len(self.answered) < answers:
            assert time.monotonic() < deadline, f"only {len(self.answered)} answers"
            time.sleep(0.005)

    def _ask(self, number: int) -> None:
        count = 0
        with self._gateway.client() as client:
            while not self._stopping.is_set():
                count += 1
                call_id = f"{self._gateway.url}-{number}-{count}"
                stream = count % 2 == 0
                try:
                    response = client.post(
                        "/v1/chat/completions",
                        json=chat(content=call_id, stream=stream),
                        headers={"x-litellm-call-id": call_id},
                    )
                except httpx.TransportError:
                    return
                if response.status_code == 200 and (not stream or response.text.endswith("data: [DONE]\n\n")):
                    self.answered.append(call_id)


def test_kill_loses_no_answered_requests_entry(tmp_path: Path, store: Store, upstream: FakeUpstream) -> None:
    upstream.keeps_prompts = True
    gateway = Gateway(tmp_path / "data", {"model_list": [model("gpt-4o", upstream.url)]}, store=store)
    answered: list[str] = []
    for cycle in range(CYCLES):
        gateway.start()
        load = Load(gateway)
        load.start()
        load.wait_for(ANSWERS_BEFORE_THE_KILL + 7 * cycle)
        gateway.kill()
        load.stop()
        answered += load.answered
    with gateway:
        # What was in flight at the last kill is settled by whoever is there.
        billed = {bill.prompt: bill for bill in upstream.billed}
        gateway.wait_for_rows("SELECT DISTINCT call_id FROM budgets_ledgerentry", len(billed))

    rows = gateway.rows(ENTRIES)
    by_usage = {row[0]: row for row in rows if row[1] == "usage"}
    assert len({row[0] for row in rows}) == len(rows), "an entry was stored twice"
    assert not set(answered) - by_usage.keys(), "answered requests have no entry"
    assert not billed.keys() - {row[0] for row in rows}, "billed requests have no entry"
    for call_id, _, _, amount, prompt, completion in by_usage.values():
        bill = billed[call_id]
        assert (prompt, completion) == (bill.prompt_tokens, bill.completion_tokens)
        # Dollars per million tokens, as the price table has them for gpt-4o.
        assert amount == 2500 * prompt + 10_000 * completion
    others = {row[:3] for row in rows if row[1] != "usage"}
    assert others <= {(call_id, "estimated", "GatewayKilled") for call_id, *_ in rows}


@pytest.mark.parametrize("stream", [False, True])
def test_database_away_is_bridged_by_the_spool(
    tmp_path: Path, request: pytest.FixtureRequest, upstream: FakeUpstream, stream: bool
) -> None:
    for database in started(postgres(durable=True, prepare=migrate), request):
        with Gateway(
            tmp_path / "data", {"model_list": [model("gpt-4o", upstream.url)]}, store=Store(database.url)
        ) as gateway:
            with gateway.client() as client:
                assert client.post("/v1/chat/completions", json=chat(stream=stream)).status_code == 200
                database.kill()
                for _ in range(10):
                    assert client.post("/v1/chat/completions", json=chat(stream=stream)).status_code == 200
                ready = client.get("/health/readiness")
                assert (ready.status_code, ready.json()["ledger"]) == (200, "spool")
                assert client.get("/health/liveliness").status_code == 200
                unknown = client.get("/v1/models", headers={"Authorization": "Bearer sk-made-just-now-0123"})
                assert (unknown.status_code, unknown.headers["retry-after"]) == (503, "5")
                assert unknown.json()["error"]["type"] == "no_db_connection"

                database.restart()
                gateway.wait_for_rows("SELECT 1 FROM budgets_ledgerentry", 11, timeout=20)
                upstream.wait_until(lambda: client.get("/health/readiness").json()["status"] == "healthy", timeout=20)
            rows = gateway.rows(
                "SELECT count(*), count(DISTINCT call_id), sum(amount_nano) > 0 FROM budgets_ledgerentry"
            )
            assert rows == [(11, 11, True)]


def test_kill_while_the_spool_is_full_loses_nothing(
    tmp_path: Path, request: pytest.FixtureRequest, upstream: FakeUpstream
) -> None:
    for database in started(postgres(durable=True, prepare=migrate), request):
        gateway = Gateway(tmp_path / "data", {"model_list": [model("gpt-4o", upstream.url)]}, store=Store(database.url))
        with gateway:
            database.kill()
            with gateway.client() as client:
                for _ in range(10):
                    assert client.post("/v1/chat/completions", json=chat()).status_code == 200
            gateway.kill()
        database.restart()
        with gateway:
            gateway.wait_for_rows("SELECT 1 FROM budgets_ledgerentry", 10, timeout=20)
        assert gateway.rows("SELECT count(*) FROM budgets_ledgerentry") == [(10,)]
