"""A client that leaves: noticed at once, the upstream read on for a bounded while, and what it generated is charged."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.fakes.server import Reply
from tests.fakes.upstream import FakeUpstream
from tests.functional.routing.conftest import entry
from tests.gateway import MASTER_KEY, Gateway, chat

SSE = {"Content-Type": "text/event-stream"}
CHUNK = b'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
ENTRY = (
    "SELECT status, basis, prompt_tokens, completion_tokens, amount_nano FROM budgets_ledgerentry WHERE call_id = '{}'"
)


@pytest.fixture
def gateway(tmp_path: Path, upstream: FakeUpstream) -> Iterator[Gateway]:
    environment = {"TOLLKEEPER_STREAM_DRAIN_SECONDS": "1"}
    config = {"model_list": [entry("gpt-4o", upstream)], "router_settings": {"num_retries": 3}}
    with Gateway(tmp_path / "data", config, environment=environment) as started:
        yield started


@contextmanager
def asked(gateway: Gateway, call_id: str, **fields: Any) -> Iterator[socket.socket]:
    """A request on a bare socket, which leaves when the block does."""
    body = orjson.dumps(chat(**fields))
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {MASTER_KEY}\r\n"
        head += f"Content-Type: application/json\r\nx-litellm-call-id: {call_id}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        yield connection


def test_stream_is_read_on_to_its_usage(gateway: Gateway, upstream: FakeUpstream) -> None:
    upstream.chunk_count, upstream.chunk_delay_seconds = 10, 0.03
    with asked(gateway, "left", stream=True) as connection:
        connection.recv(100)
    ((status, basis, *tokens, amount),) = gateway.wait_for_rows(ENTRY.format("left"), 1)

    billed = upstream.wait_for_billed(1)[0]
    assert billed.finished
    assert (status, basis) == ("success", "usage")
    assert tokens == [billed.prompt_tokens, billed.completion_tokens]
    assert amount > 0


def test_stream_that_goes_on_for_ever_is_let_go(gateway: Gateway, upstream: FakeUpstream) -> None:
    upstream.script(Reply(200, headers=SSE, chunks=[CHUNK] * 10_000, chunk_delay_seconds=0.02))
    with asked(gateway, "endless", stream=True) as connection:
        connection.recv(100)
        left = time.monotonic()
    ((_, basis, _, completion, amount),) = gateway.wait_for_rows(ENTRY.format("endless"), 1)

    assert time.monotonic() - left < 3
    assert basis == "estimated"
    assert completion > 10
    assert amount > 0


@pytest.mark.parametrize("chunks", [[CHUNK, CHUNK], [b"", CHUNK]], ids=["after a token", "before the first"])
def test_stream_that_falls_silent_is_let_go(gateway: Gateway, upstream: FakeUpstream, chunks: list[bytes]) -> None:
    upstream.script(Reply(200, headers=SSE, chunks=chunks, chunk_delay_seconds=20))
    with asked(gateway, "silent", stream=True):
        time.sleep(0.3)
        left = time.monotonic()
    gateway.wait_for_rows(ENTRY.format("silent"), 1)

    assert time.monotonic() - left < 3


def test_nobody_else_is_asked_for_a_client_that_has_left(gateway: Gateway, upstream: FakeUpstream) -> None:
    upstream.script(Reply(500, {"error": {"message": "boom"}}, delay_seconds=0.5))
    with asked(gateway, "gone"):
        upstream.wait_for(1)
    gateway.wait_for_rows(ENTRY.format("gone"), 1)
    time.sleep(1)

    assert len(upstream.received) == 1


def test_whole_answer_is_charged_though_nobody_waits_for_it(gateway: Gateway, upstream: FakeUpstream) -> None:
    upstream.latency_seconds = 0.5
    with asked(gateway, "whole"):
        upstream.wait_for(1)
    ((status, basis, *_),) = gateway.wait_for_rows(ENTRY.format("whole"), 1)

    assert (status, basis) == ("success", "usage")
