"""Clients that ask without end while parts of the gateway die, and remember what each request came to."""

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults.provider import TOKENS
from tests.gateway import Gateway, chat

_AGAIN_SECONDS = 0.2
JOIN_SECONDS = 40.0


@dataclass
class Caller:
    """Whoever asks with one key; `key` may be another one at any time."""

    name: str
    key: str
    tags: tuple[str, ...] = ()
    stream: bool = False
    pause_seconds: float = 0.02


@dataclass
class Asked:
    """One request. `status` 0: the connection broke before there was one. `relayed` tokens of a stream arrived."""

    marker: str
    caller: str
    key: str
    stream: bool
    began: float
    status: int = 0
    text: str = ""
    relayed: int = 0
    usage: tuple[int, int] | None = None
    finished: bool = False
    seconds: float = 0.0


@dataclass
class Load:
    """A context manager: all have stopped when the block is left. A client for each caller, on its own connection."""

    gateway: Gateway
    callers: Sequence[Caller]
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._failures: list[BaseException] = []
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._work, args=(one,), daemon=True) for one in self.callers]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
        assert not any(thread.is_alive() for thread in self._threads), "a client waits for ever"
        assert not self._failures, self._failures

    def wait_for_answers(self, count: int, seconds: float = 20.0) -> None:
        """So many more from now on."""
        wanted, deadline = count + self._answers(), time.monotonic() + seconds
        while self._answers() < wanted:
            assert time.monotonic() < deadline, f"no {count} answers within {seconds} s: {self.statuses()}"
            time.sleep(0.02)

    def statuses(self) -> Counter[int]:
        return Counter(one.status for one in list(self.asked))

    def _answers(self) -> int:
        return sum(one.finished for one in list(self.asked))

    def _work(self, caller: Caller) -> None:
        try:
            while not self._stopping.is_set():
                # Whoever lost its connection comes back on a new one, perhaps to another process.
                with self._client() as client:
                    self._ask_until_it_breaks(client, caller)
                self._stopping.wait(_AGAIN_SECONDS)
        except BaseException as error:  # noqa: BLE001 - raised again when the block is left
            self._failures.append(error)

    def _client(self) -> httpx.Client:
        # Reading the certificates of the world takes longer than many requests.
        return httpx.Client(base_url=self.gateway.url, transport=httpx.HTTPTransport(verify=False), timeout=20)

    def _ask_until_it_breaks(self, client: httpx.Client, caller: Caller) -> None:
        while not self._stopping.is_set():
            one = Asked(
                f"{caller.name}-{next(self._numbers)}", caller.name, caller.key, caller.stream, time.monotonic()
            )
            try:
                _ask(client, one, caller)
            except httpx.TransportError:
                return
            finally:
                one.seconds = time.monotonic() - one.began
                self.asked.append(one)
            self._stopping.wait(caller.pause_seconds)


def _ask(client: httpx.Client, one: Asked, caller: Caller) -> None:
    body = chat(content=one.marker, stream=one.stream, max_tokens=2 * TOKENS, metadata={"tags": list(caller.tags)})
    if one.stream:
        body["stream_options"] = {"include_usage": True}
    headers = {"Authorization": f"Bearer {one.key}", "x-litellm-call-id": one.marker}
    with client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response:
        one.status = response.status_code
        if response.status_code != 200:
            one.text = response.read().decode()
        elif one.stream:
            for line in response.iter_lines():
                _read_event(one, line.removeprefix("data: "))
        else:
            one.usage = _usage(json.loads(response.read()))
            one.finished = True


def _read_event(one: Asked, text: str) -> None:
    if text == "[DONE]":
        one.finished = True
    elif text:
        event = json.loads(text)
        if event.get("usage"):
            one.usage = _usage(event)
        one.relayed += sum(bool(choice["delta"].get("content")) for choice in event.get("choices", ()))
        one.text += json.dumps(event["error"]) if "error" in event else ""


def _usage(answer: dict[str, Any]) -> tuple[int, int]:
    usage = answer["usage"]
    return usage["prompt_tokens"], usage["completion_tokens"]
