"""Channels that answer 500, 429 or nothing, or cut the line: all is told afterwards, nothing before it may be, and
whoever is well hears everything at once.

`FAULT_OUTAGE=60` gives the length in seconds that the figures are quoted for.
"""

import itertools
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.fakes.server import Received, Reply
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.faults.books import wait_until
from tests.faults.receivers import ADDRESS, lead_to, told
from tests.gateway import Gateway, Store, chat, model

OUTAGE_SECONDS = float(os.environ.get("FAULT_OUTAGE", "8"))
BETWEEN_ALERTS = 0.5
LATENCY_SECONDS = 0.01
FREE = {"input_cost_per_token": 0, "output_cost_per_token": 0}
# From the answer that is slow to the message that says so. The machine does other things as well.
AT_ONCE_SECONDS = 8.0
# How long a channel that is well again waits for what it has missed: half a minute's pause at most, and the sweep.
RECOVERY_SECONDS = 45.0
RETRY_AFTERS = ("1", "3", "7", "2")
# Each keeps a thread of the worker for as long as a channel may take.
HANGING = 8

REPLIES: Mapping[str, Iterator[Reply]] = {
    "500": itertools.repeat(Reply(500, "internal_error")),
    "429": (Reply(429, "rate_limited", headers={"Retry-After": after}) for after in itertools.cycle(RETRY_AFTERS)),
    "hangs": itertools.repeat(Reply(hang=True)),
    "drops": itertools.repeat(Reply(drop=True)),
    "cuts": itertools.repeat(Reply(200, "ok", cut_after=1)),
}


class Breaking(FakeSlack):
    """Out of order while it `is_away`, each in its own way."""

    def __init__(self, how: str, number: int = 0) -> None:
        super().__init__()
        self.is_away = False
        self.how = how
        self.name = f"{how}-{number}"

    def choose(self, received: Received) -> Reply:
        if self.is_away:
            self.script(next(REPLIES[self.how]))
        reply = super().choose(received)
        if reply.cut_after is not None or reply.drop or reply.hang:
            # Its caller does not know that it was taken, and nor do we.
            self.messages[:] = [one for one in self.messages if one != received.json()]
        return reply


def test_what_channels_missed_they_hear_afterwards_and_the_others_hear_at_once(tmp_path: Path, store: Store) -> None:
    with ExitStack() as stack:
        broken = [stack.enter_context(Breaking(how)) for how in REPLIES]
        broken += [stack.enter_context(Breaking("hangs", number)) for number in range(1, HANGING)]
        well = stack.enter_context(FakeSlack())
        upstream = stack.enter_context(FakeUpstream(latency_seconds=LATENCY_SECONDS))
        gateway = stack.enter_context(_gateway(tmp_path / "data", store, upstream))
        lead_to(gateway, [_channel(one.name, one) for one in broken] + [_channel("well", well)])

        for one in broken:
            one.is_away = True
        asked_at = _ask_for(gateway, OUTAGE_SECONDS)
        for one in broken:
            one.is_away = False
        ended = time.monotonic()
        tries = {one.name: len(one.received) for one in broken}
        wait_until(
            lambda: all(len(told(one)) == len(asked_at) for one in (*broken, well)),
            "every channel has heard everything",
            seconds=RECOVERY_SECONDS,
        )

        after = {one.name: round(one.received[-1].at - ended, 1) for one in broken}
        delays = sorted(_heard_after(well, asked_at))
        print(
            f"{len(asked_at)} alerts in {OUTAGE_SECONDS:g} s: told to all; tries meanwhile {tries}; heard within "
            f"seconds of recovery {after}; before Retry-After {sum(one.violations for one in broken)}; "
            f"who was well heard within p50 {delays[len(delays) // 2]:.2f}, at most {delays[-1]:.2f} s"
        )
        for one in broken:
            assert one.violations == 0, f"{one.name} was asked too early"
            assert set(told(one).values()) == {1}, one.name
        assert set(told(well).values()) == {1}
        assert delays[-1] <= AT_ONCE_SECONDS
        dead = gateway.rows("SELECT last_error FROM alerts_delivery WHERE state <> 'delivered'")
        assert not dead, dead


@contextmanager
def _gateway(data: Path, store: Store, upstream: FakeUpstream) -> Iterator[Gateway]:
    count = int(OUTAGE_SECONDS / BETWEEN_ALERTS) + 1
    config = {
        "model_list": [model(f"slow-{number}", upstream.url, **FREE) for number in range(count)],
        "general_settings": {"alert_types": ["llm_too_slow"], "alerting_threshold": LATENCY_SECONDS / 4},
    }
    with Gateway(data, config, store=store, environment=ADDRESS) as gateway:
        yield gateway


def _channel(name: str, slack: FakeSlack) -> dict[str, str]:
    return {"name": name, "kind": "slack", "url": f"{slack.url}/services/T/B/x"}


def _ask_for(gateway: Gateway, seconds: float) -> dict[str, float]:
    """An alert every while, from the beginning to the end; when it was raised, by model."""
    began, asked_at = time.monotonic(), {}
    with gateway.client() as client:
        for number in range(int(seconds / BETWEEN_ALERTS)):
            name = f"slow-{number}"
            time.sleep(max(0.0, began + number * BETWEEN_ALERTS - time.monotonic()))
            assert client.post("/v1/chat/completions", json=chat(name)).status_code == 200
            asked_at[name] = time.monotonic()
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    return asked_at


def _heard_after(slack: FakeSlack, asked_at: Mapping[str, float]) -> Iterator[float]:
    for received in slack.received:
        text = received.json()["text"]
        yield received.at - next(at for name, at in asked_at.items() if f"`{name}`" in text)
