"""What users and upstreams do that may be told of."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.fakes.upstream import FakeUpstream, openai_error
from tests.gateway import MASTER_KEY, Gateway, chat

# Of the gateway that loses patience: when an answer is late, and how long failures count.
THRESHOLD = 1
WINDOW = 4
# What the upstream is told to answer is for the next request, whosever that is; acts of a scene may overlap.
_ONE_AT_A_TIME = threading.Lock()


def ask(gateway: Gateway, name: str, *, key: str = MASTER_KEY, **fields: Any) -> httpx.Response:
    with gateway.client(key) as client:
        return client.post("/v1/chat/completions", json=chat(name, **fields))


def served(gateway: Gateway, name: str, *, times: int = 1, **fields: Any) -> None:
    """Requests that must be answered."""
    for _ in range(times):
        answer = ask(gateway, name, **fields)
        assert answer.status_code == 200, answer.text


def fail(
    gateway: Gateway,
    upstream: FakeUpstream,
    name: str,
    *,
    status: int = 500,
    times: int = 1,
    words: str = "it broke",
    **fields: Any,
) -> None:
    """Requests that the upstream fails, each with this status."""
    for _ in range(times):
        with _ONE_AT_A_TIME:
            upstream.script(openai_error(status, words, "server_error"))
            answer = ask(gateway, name, **fields)
        assert answer.status_code >= 400


@contextmanager
def asked(gateway: Gateway, name: str, **fields: Any) -> Iterator[None]:
    """A request that goes on beside the block, and is answered before it is left."""
    failures: list[str] = []

    def ask_beside() -> None:
        if (answer := ask(gateway, name, **fields)).status_code != 200:
            failures.append(answer.text)

    thread = threading.Thread(target=ask_beside)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert not failures
