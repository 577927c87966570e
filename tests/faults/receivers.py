"""Who is told: a fake of each kind of channel, and what each of them has heard, by incident."""

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from tests.fakes.pagerduty import FakePagerDuty
from tests.fakes.server import FakeServer, Received, Reply
from tests.fakes.slack import FakeSlack
from tests.gateway import Gateway

KEY = "0123456789abcdef0123456789abcdef"
# So that a message says which incident it is of.
ADDRESS = {"PROXY_BASE_URL": "https://gateway.test"}
_INCIDENT = re.compile(r"alerts/incident/([0-9a-f-]{36})/")
_PREFIXES = {"[Resolved]": "resolved", "[Still firing]": "repeat"}

Telling = tuple[str, str]
"""An incident and what was said of it."""


class SlowSlack(FakeSlack):
    """Takes a moment, in which its caller may be killed."""

    def respond(self, received: Received) -> Reply:
        reply = super().respond(received)
        return Reply(reply.status, reply.body, headers=reply.headers, delay_seconds=0.1)


class Hook(FakeServer):
    """A webhook whose reader knows each message by its id."""

    def __init__(self) -> None:
        super().__init__()
        self.by_id: dict[str, dict[str, Any]] = {}

    def respond(self, received: Received) -> Reply:
        self.by_id[received.headers["webhook-id"]] = received.json()
        return Reply(204)


@dataclass(frozen=True)
class Receivers:
    slack: FakeSlack
    pager: FakePagerDuty
    hook: Hook

    def channels(self) -> list[dict[str, str]]:
        return [
            {"name": "slack", "kind": "slack", "url": f"{self.slack.url}/services/T/B/x"},
            {"name": "pager", "kind": "pagerduty", "url": f"{self.pager.url}/v2/enqueue", "secret": KEY},
            {"name": "hook", "kind": "webhook", "url": f"{self.hook.url}/hook"},
        ]

    def told_slack(self) -> Counter[Telling]:
        return told(self.slack)

    def posted(self) -> Counter[Telling]:
        """With what was posted again."""
        return Counter(_of(one.json()) for one in list(self.hook.received))

    def read(self) -> Counter[Telling]:
        """What the reader of the webhook makes of it, who looks at the ids."""
        return Counter(map(_of, list(self.hook.by_id.values())))


def _of(body: Mapping[str, Any]) -> Telling:
    return body["incident_id"], body["kind"]


def told(slack: FakeSlack) -> Counter[Telling]:
    return Counter(map(_telling, list(slack.messages)))


def _telling(message: dict[str, Any]) -> Telling:
    text = json.dumps(message)
    found = _INCIDENT.search(text)
    assert found is not None, text
    return found[1], next((kind for prefix, kind in _PREFIXES.items() if prefix in text), "firing")


@contextmanager
def receivers() -> Iterator[Receivers]:
    with ExitStack() as stack:
        yield Receivers(
            stack.enter_context(SlowSlack()), stack.enter_context(FakePagerDuty()), stack.enter_context(Hook())
        )


def lead_to(gateway: Gateway, channels: Sequence[Mapping[str, str]]) -> None:
    """Everything is told to each of these, however much it is."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.desk"],
        input=json.dumps(list(channels)),
        env=environment(gateway),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def environment(gateway: Gateway) -> dict[str, str]:
    """Of a further process of the same installation."""
    return {**gateway.full_environment(), "DJANGO_SETTINGS_MODULE": "gateway_project.settings"}


def wait_until_told(gateway: Gateway, *, seconds: float) -> None:
    """What began to fire, or was news, does not wait any more; and none of the rest that was there before."""
    asked = "SELECT id, kind, state, attempt, last_error FROM alerts_delivery WHERE state IN ('pending', 'sending')"
    left = {row[0] for row in gateway.rows(asked)}
    deadline = time.monotonic() + seconds
    while waiting := [row for row in gateway.rows(asked) if row[0] in left or row[1] != "resolved"]:
        assert time.monotonic() < deadline, f"still to be told after {seconds} s: {waiting}"
        time.sleep(0.1)
