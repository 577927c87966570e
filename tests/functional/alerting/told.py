"""What a channel was told and when, in Alertmanager's manner: push at one moment, want between two others."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.gateway import Gateway, chat

THRESHOLD = 1
WINDOW = 4
# A machine that does other things as well may be late, and never early.
LATE = 4.0


def fail(gateway: Gateway, upstream: FakeUpstream, name: str, *, status: int = 500, times: int = 1) -> None:
    upstream.script(*[openai_error(status, "it broke", "server_error")] * times)
    with gateway.client() as client:
        for _ in range(times):
            assert client.post("/v1/chat/completions", json=chat(name)).status_code >= 400


@contextmanager
def asked(gateway: Gateway, name: str, **fields: Any) -> Iterator[None]:
    """A request that goes on beside the block, and is answered before it is left."""
    failures: list[str] = []

    def ask() -> None:
        with gateway.client() as client:
            answer = client.post("/v1/chat/completions", json=chat(name, **fields))
        if answer.status_code != 200:
            failures.append(answer.text)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert not failures


def wait_for(slack: FakeSlack, *parts: str, since: float, earliest: float = 0.0, latest: float) -> str:
    """The first message with all these parts, which must come so many seconds after `since`."""
    begun = slack.wait_until(lambda: bool(told(slack, *parts)), timeout=since + latest + LATE - time.monotonic())
    assert begun, f"nobody was told of {parts}: {texts(slack)}"
    at, text = told(slack, *parts)[0]
    assert at - since >= earliest, f"told too early, after {at - since:.2f} s: {text}"
    return text


def told(slack: FakeSlack, *parts: str) -> list[tuple[float, str]]:
    return [
        (one.at, text) for one in slack.received if all(part in (text := one.json().get("text", "")) for part in parts)
    ]


def texts(slack: FakeSlack) -> list[str]:
    return [one.json().get("text", "") for one in slack.received]
