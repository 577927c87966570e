"""Many streams at once that take their time: what the gateway adds to the first token, and what memory it needs.

.venv/bin/python -m benchmarks.live_streams                            # 300 streams of 30 chunks a second
.venv/bin/python -m benchmarks.live_streams --streams 1000 --rate 5    # 1,000 streams at once

The same streams are asked for through the gateway and straight from the upstream, in turn, in the same run; each
starts at a moment of its own, so that they do not come in waves. The gateway has a core of its own and everything on.
"""

import argparse
import asyncio
import functools
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import ours
from benchmarks.gateway import IN_CHAT, Absent, Gateway
from benchmarks.load import MODEL, SLOW_MODEL, Request, Rig, RigError, claim_cores
from benchmarks.process import NotReady, clean_environment, free_port, pinned_to, running

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
FIRST_MARK = b'"content":"token'
LAST_MARK = b"data: [DONE]"


@dataclass(frozen=True)
class Plan:
    """`rate` chunks a second in each of `streams` that are open at once, `chunks` of them each."""

    streams: int
    rate: float
    chunks: int
    rounds: int

    @property
    def stream_seconds(self) -> float:
        return self.chunks / self.rate


def _event(delta: str) -> bytes:
    text = (
        b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini",'
        + delta.encode()
        + b"}\n\n"
    )
    return b"%x\r\n%s\r\n" % (len(text), text)


@functools.cache
def _chunk(number: int) -> bytes:
    return _event(f'"choices":[{{"index":0,"delta":{{"content":"token{number} "}},"finish_reason":null}}]')


_WHOLE = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"' + IN_CHAT.encode() + b'"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":10,"completion_tokens":30,"total_tokens":40}}'
)
_END = (
    _event('"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]')
    + _event('"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":30,"total_tokens":40}')
    + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
)


class LiveUpstream(asyncio.Protocol):
    """Answers each request on a connection with a stream: its first token at once, then one in each interval."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if found and len(rest) >= _content_length(head):
            self._buffer = b""
            if b'"stream":true' not in rest:
                size = b"Content-Length: %d\r\n\r\n" % len(_WHOLE)
                self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + size + _WHOLE)
                return
            self._transport.write(SSE + _chunk(0))
            asyncio.get_running_loop().call_later(1 / self._plan.rate, self._next, 1)

    def _next(self, sent: int) -> None:
        if self._transport.is_closing():
            return
        if sent >= self._plan.chunks:
            self._transport.write(_END)
            return
        self._transport.write(_chunk(sent))
        asyncio.get_running_loop().call_later(1 / self._plan.rate, self._next, sent + 1)


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


@dataclass
class Measured:
    first_token_ms: list[float] = field(default_factory=list)
    finished: int = 0
    broken: list[str] = field(default_factory=list)


class Client(asyncio.Protocol):
    """One request; `done` is set when its stream has ended."""

    def __init__(self, request: bytes, measured: Measured) -> None:
        self._request = request
        self._measured = measured
        self._seen = b""
        self._first = False
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._asked_at = time.perf_counter()
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._seen = (self._seen + data)[-4096:]
        if not self._first and FIRST_MARK in self._seen:
            self._first = True
            self._measured.first_token_ms.append((time.perf_counter() - self._asked_at) * 1000)
        if LAST_MARK in self._seen and not self.done.done():
            self._measured.finished += 1
            self.done.set_result(None)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._measured.broken.append(self._seen[:300].decode(errors="replace"))
            self.done.set_result(None)


async def _ask_many(request: Request, plan: Plan) -> Measured:
    """Streams begin evenly over twice the length of one, so that `plan.streams` are open in the middle of it."""
    body = request.body.read_bytes()
    head = [f"POST {request.path} HTTP/1.1", "Host: x", "Content-Type: application/json", *request.headers]
    raw = "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body
    measured, chance = Measured(), random.Random(1)  # noqa: S311
    begins = sorted(chance.uniform(0, 2 * plan.stream_seconds) for _ in range(2 * plan.streams))
    started = time.perf_counter()
    loop, clients = asyncio.get_running_loop(), []
    for begin in begins:
        await asyncio.sleep(max(0.0, begin - (time.perf_counter() - started)))
        _, client = await loop.create_connection(lambda: Client(raw, measured), "127.0.0.1", request.port)
        clients.append(client.done)
    await asyncio.wait(clients, timeout=plan.stream_seconds + 30)
    return measured


def _measure(rig: Rig, gateway: Gateway, plan: Plan) -> None:
    through: list[Measured] = []
    direct: list[Measured] = []
    peaks: list[int] = []
    straight = Request(port=rig.upstream, body=gateway.ask(True, False).body)
    with pinned_to(rig.cores.others):
        for number in range(plan.rounds):
            direct.append(uvloop.run(_ask_many(straight, plan)))
            through.append(uvloop.run(_watched(gateway, plan, peaks)))
            print(f"... round {number + 1} of {plan.rounds}", file=sys.stderr)
    broken = [text for one in (*through, *direct) for text in one.broken]
    print(f"{plan.streams} streams at once, {plan.rate:g} chunks/s each, {plan.chunks} chunks; {gateway.about}")
    for name, found in (("through the gateway", through), ("straight", direct)):
        times = sorted(ms for one in found for ms in one.first_token_ms)
        print(
            f"  {name:20} first token p50 {statistics.median(times):7.2f} ms  p95 {_at(times, 0.95):7.2f} ms"
            f"  p99 {_at(times, 0.99):7.2f} ms  finished {sum(one.finished for one in found)}"
        )
    added = [
        statistics.median(one.first_token_ms) - statistics.median(other.first_token_ms)
        for one, other in zip(through, direct, strict=True)
    ]
    print(f"  added to the first token, p50 by round: {', '.join(f'{ms:.2f}' for ms in added)} ms")
    print(f"  memory of the gateway: {max(peaks) / 1e6:.0f} MB at the most; broken streams: {len(broken)} {broken[:1]}")


async def _watched(gateway: Gateway, plan: Plan, peaks: list[int]) -> Measured:
    async def watch() -> None:
        while True:
            peaks.append(gateway.program.memory_bytes())
            await asyncio.sleep(0.5)

    watcher = asyncio.create_task(watch())
    try:
        return await _ask_many(gateway.ask(True, False), plan)
    finally:
        watcher.cancel()


async def _serve(port: int, plan: Plan) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: LiveUpstream(plan), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def _at(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live_streams", description=__doc__)
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--rate", type=float, default=30.0, help="chunks a second in each (30)")
    parser.add_argument("--chunks", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    plan = Plan(given.streams, given.rate, given.chunks, given.rounds)
    if given.serve:
        uvloop.run(_serve(given.serve, plan))
    try:
        with tempfile.TemporaryDirectory() as name:
            _run(Path(name), plan)
    except (RigError, NotReady, Absent) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(folder: Path, plan: Plan) -> None:
    port, where = free_port(), claim_cores()
    for name in ("chat", "stream", "chat-slow", "stream-slow"):
        model = SLOW_MODEL if name.endswith("slow") else MODEL
        stream = '"stream":true,' if name.startswith("stream") else ""
        text = f'{{"model":"{model}",{stream}"messages":[{{"role":"user","content":"{"Tell me more. " * 60}"}}]}}'
        (folder / f"{name}.json").write_text(text)
    rig = Rig(cores=where, folder=folder, load=folder, upstream=port, slow_upstream=port)
    options = ["--streams", plan.streams, "--rate", plan.rate, "--chunks", plan.chunks]
    command: list[str | Path] = [sys.executable, "-m", "benchmarks.live_streams", "--serve", str(port)]
    with (
        running(
            [*command, *map(str, options)],
            core=where.others,
            log=folder / "upstream.log",
            environment=clean_environment(folder),
            folder=Path(__file__).parent.parent,
        ),
        ours.with_services(rig) as gateway,
    ):
        _measure(rig, gateway, plan)


if __name__ == "__main__":
    sys.exit(main())
