"""kill -9 again and again, of whoever raises and of whoever sends: every alert is told, and hardly any twice.

What a client was answered for is told, wherever it was when the kill came: in a process's memory, in the database, or
on its way. `FAULT_CYCLES=100` gives the length that the figures are quoted for, `FAULT_SEED` the same kills as in
another run.
"""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.fakes.server import Received, Reply
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.faults.processes import kill, kill_all, start_again, victims
from tests.faults.receivers import ADDRESS, Receivers, lead_to, receivers, wait_until_told
from tests.gateway import Gateway, Store, chat, model

CYCLES = int(os.environ.get("FAULT_CYCLES", "3"))
SEED = int(os.environ.get("FAULT_SEED", random.SystemRandom().randrange(10**6)))
# Of each kind, between two kills.
ASKED = 3
LATENCY_SECONDS = 0.02
FREE = {"input_cost_per_token": 0, "output_cost_per_token": 0}
# Of a gateway that has to start again, on a machine that does other things as well.
ANSWER_SECONDS = 180.0
# What was on its way at the last kill is sent again when its lease has run out.
PATIENCE_SECONDS = 180.0


class Upstream(FakeUpstream):
    """Slow, and out of order for the models whose name says so."""

    def respond(self, received: Received) -> Reply:
        if received.json()["model"].startswith("breaks"):
            return openai_error(500, "it broke", "server_error")
        return super().respond(received)


@dataclass
class Client:
    """Asks for a slow answer, for one of an upstream that is out of order, and for a new key, until it is answered."""

    gateway: Gateway
    answered: list[str] = field(default_factory=list)
    unanswered: int = 0

    def ask_all(self, cycle: int) -> None:
        for number in range(cycle * ASKED, (cycle + 1) * ASKED):
            for name in (f"slow-{number}", f"breaks-{number}"):
                self._ask(name, "/v1/chat/completions", chat(name))
            self._ask(f"key-{number}", "/key/generate", {"key_alias": f"key-{number}"})

    def _ask(self, name: str, path: str, body: dict[str, Any]) -> None:
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            try:
                with self.gateway.client() as client:
                    answer = client.post(path, json=body)
            except httpx.TransportError:
                # Of what became of it nobody was told.
                self.unanswered += 1
                time.sleep(0.05)
                continue
            # 400: the key is there, and only its answer was lost.
            assert answer.status_code in (200, 400, 500), answer.text
            self.answered.append(name)
            return
        raise AssertionError(f"{name} was not answered within {ANSWER_SECONDS} s")


def test_whatever_is_killed_every_alert_is_told(tmp_path: Path, store: Store) -> None:
    print(f"FAULT_SEED={SEED} FAULT_CYCLES={CYCLES}")
    with (
        receivers() as told,
        Upstream(latency_seconds=LATENCY_SECONDS) as upstream,
        _running(tmp_path / "data", store, upstream) as gateway,
    ):
        lead_to(gateway, told.channels())
        client = _ask_while_killing(gateway, random.Random(SEED))
        wait_until_told(gateway, seconds=PATIENCE_SECONDS)
        _ensure_all_are_told(told, client)


@contextmanager
def _running(data: Path, store: Store, upstream: FakeUpstream) -> Iterator[Gateway]:
    names = [f"{kind}-{number}" for number in range((CYCLES + 1) * ASKED) for kind in ("slow", "breaks")]
    config = {
        "model_list": [model(name, upstream.url, **FREE) for name in names],
        "general_settings": {
            "alert_types": ["llm_too_slow", "llm_exceptions", "new_virtual_key_created"],
            "alerting_threshold": LATENCY_SECONDS / 4,
        },
        "router_settings": {"num_retries": 0},
    }
    workers = ("--num_workers", "2") if store.redis_url else ()
    gateway = Gateway(data, config, store=store, environment=ADDRESS, arguments=workers)
    gateway.start()
    try:
        yield gateway
    finally:
        kill_all(gateway)


def _ask_while_killing(gateway: Gateway, chance: random.Random) -> Client:
    client = Client(gateway)
    for cycle, victim in enumerate(victims(gateway.store, chance, CYCLES)):
        failures: list[BaseException] = []
        asking = threading.Thread(target=_ask, args=(client, cycle, failures), daemon=True)
        asking.start()
        time.sleep(chance.uniform(0.1, 1.5))
        kill(gateway, victim, chance)
        start_again(gateway)
        asking.join(2 * ANSWER_SECONDS)
        assert not failures, failures
    return client


def _ask(client: Client, cycle: int, failures: list[BaseException]) -> None:
    try:
        client.ask_all(cycle)
    except BaseException as error:  # noqa: BLE001 - raised where the thread is waited for
        failures.append(error)


def _ensure_all_are_told(told: Receivers, client: Client) -> None:
    names = {body["incident_id"]: _name(body) for body in told.hook.by_id.values()}
    slack, posted, read = told.told_slack(), told.posted(), told.read()
    doubled = sum(slack.values()) - len(slack)
    heard: dict[str, set[str | None]] = {
        "Slack": {names.get(incident) for incident, _ in slack},
        "webhook": {names.get(incident) for incident, _ in read},
        "PagerDuty": {names.get(key) for key in told.pager.pages} | {_summary(one) for one in told.pager.changes},
    }
    lost = {name: sorted(set(client.answered) - known) for name, known in heard.items()}
    twice = sorted(name for name, count in told.pager.pages.items() if count > 1)
    print(
        f"{CYCLES + 1} kills, {len(client.answered)} answered and {client.unanswered} not: "
        f"{ {name: len(one) for name, one in lost.items()} } lost; doubled: Slack {doubled}, "
        f"webhook {sum(posted.values()) - len(posted)} and by its ids {sum(read.values()) - len(read)}, "
        f"pages {len(twice)}"
    )
    assert not any(lost.values()), f"lost: {lost}"
    assert doubled <= CYCLES + 1, f"of {CYCLES + 1} kills: {slack.most_common(doubled)}"
    assert sum(posted.values()) - len(posted) <= CYCLES + 1
    assert max(read.values()) == 1
    assert not twice
    assert len(set(names.values())) == len(names), "one thing is two incidents"


def _name(body: dict[str, Any]) -> str:
    return str(body["labels"].get("model") or body["title"].rpartition(" ")[2])


def _summary(change: dict[str, Any]) -> str:
    return str(change["payload"]["summary"].rpartition(" ")[2])
