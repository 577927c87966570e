"""Streams of upstreams: what is taken for one, how they end, and that none leaves a connection behind."""

import asyncio
import gzip
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from proxy.core.errors import UpstreamError, UpstreamFailure, UpstreamTimeout
from proxy.upstream import Upstream, UpstreamStream
from tests.fakes.server import FakeServer, Reply
from tests.fakes.wire import Peer, Wire
from tests.proxy.destination import OPERATORS, busy, in_loop, post

SSE = {"Content-Type": "text/event-stream; charset=utf-8"}
EVENTS = [b'data: {"n": 1}\n\n', b'data: {"n": 2}\n\n', b"data: [DONE]\n\n"]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@asynccontextmanager
async def opened(upstream: Upstream, url: str, *, seconds: float = 5.0) -> AsyncIterator[UpstreamStream]:
    """A stream that must leave nothing open."""
    stream = await upstream.stream(OPERATORS, post(url), timeout=seconds)
    try:
        yield stream
    finally:
        await stream.close()
        assert busy(upstream) == 0


async def read(stream: UpstreamStream) -> bytes:
    came: list[bytes] = []
    await collect(stream, came)
    return b"".join(came)


async def collect(stream: UpstreamStream, came: list[bytes]) -> None:
    async for data in stream:
        came.append(data)  # noqa: PERF401 - what came before an error counts


def failure(url: str) -> UpstreamError:
    async def work() -> UpstreamError:
        upstream = Upstream()
        with pytest.raises(UpstreamError) as caught:
            await upstream.stream(OPERATORS, post(url), timeout=5)
        assert busy(upstream) == 0
        await upstream.close()
        return caught.value

    return in_loop(work())


@pytest.mark.parametrize(
    "kind",
    ["text/event-stream", "application/vnd.amazon.eventstream", "application/octet-stream", "", "Text/Event-Stream"],
)
def test_a_stream_comes_as_it_was_sent_and_its_connection_is_kept(server: FakeServer, kind: str) -> None:
    server.script(*[Reply(chunks=EVENTS, headers={"Content-Type": kind, "X-Request-Id": "r1"})] * 2)

    async def work() -> None:
        upstream = Upstream()
        for _ in range(2):
            async with opened(upstream, server.url) as stream:
                assert stream.headers["x-request-id"] == "r1"
                assert await read(stream) == b"".join(EVENTS)
        [session] = upstream._sessions.values()
        assert session.connector is not None
        assert len(next(iter(session.connector._conns.values()))) == 1
        await upstream.close()

    in_loop(work())


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(body="<html>Log in</html>", headers={"Content-Type": "text/html"}), "did not stream but sent text/html"),
        (Reply(body={"id": "x", "choices": []}), "the upstream did not stream but sent application/json"),
        (Reply(body={"error": {"message": "no streams today"}}), "no streams today"),
        (Reply(body=b"{", headers={"Content-Type": "application/json"}), "did not stream but sent application/json"),
        (Reply(body=b"{}", headers={"Content-Type": "x" * 5000}), "did not stream but sent " + "x" * 100),
        (Reply(body=gzip.compress(b"data: 1\n\n"), headers={**SSE, "Content-Encoding": "gzip"}), "is compressed"),
        (Reply(307, headers={"Location": "http://127.0.0.1:1/"}), "answered 307: redirects are not followed"),
        (Reply(500, {"error": {"message": "out of order"}}), "out of order"),
    ],
)  # fmt: skip
def test_what_is_no_stream_is_a_failure(server: FakeServer, reply: Reply, told: str) -> None:
    server.script(reply)

    error = failure(server.url)

    assert (type(error), error.status_code, error.reached) == (UpstreamFailure, 500, True)
    assert told in error.told
    assert len(error.told) < 200


def test_json_of_any_size_in_place_of_a_stream_is_read_to_a_bound() -> None:
    """The server goes on for ever; a client that read it all would never come back."""

    def talk(peer: Peer, number: int) -> None:
        peer.request()
        peer.send(HEAD.replace(b"text/event-stream", b"application/json"))
        while True:
            peer.send(b"400\r\n" + b"x" * 1024 + b"\r\n")

    with Wire(talk) as wire:
        assert "did not stream" in failure(wire.url).told


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(chunks=EVENTS, cut_after=len(EVENTS[0])), UpstreamFailure),
        (Reply(chunks=iter([EVENTS[0], b""]), chunk_delay_seconds=60, headers=SSE), UpstreamTimeout),
    ],
    ids=["cut", "silent"],
)
def test_a_stream_that_breaks_gives_what_came_and_then_an_error(
    server: FakeServer, reply: Reply, error: type[UpstreamError]
) -> None:
    server.script(reply)

    async def work() -> None:
        upstream = Upstream()
        came: list[bytes] = []
        async with opened(upstream, server.url, seconds=0.3) as stream:
            with pytest.raises(error) as caught:
                await collect(stream, came)
        assert came == [EVENTS[0]]
        assert caught.value.reached
        await upstream.close()

    in_loop(work())


def test_a_slow_stream_may_last_longer_than_its_time_out(server: FakeServer) -> None:
    server.script(Reply(chunks=[b"data: 1\n\n"] * 6, chunk_delay_seconds=0.1, headers=SSE))

    async def work() -> bytes:
        upstream = Upstream()
        async with opened(upstream, server.url, seconds=0.3) as stream:
            whole = await read(stream)
        await upstream.close()
        return whole

    assert in_loop(work()) == b"data: 1\n\n" * 6


def test_a_head_that_trickles_in_is_given_up_in_time() -> None:
    stop = threading.Event()

    def talk(peer: Peer, number: int) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nX-A: ")
        while not stop.wait(0.05):
            peer.send(b"x")

    async def work(url: str) -> None:
        upstream = Upstream()
        with pytest.raises(UpstreamTimeout):
            await upstream.stream(OPERATORS, post(url), timeout=0.3)
        assert busy(upstream) == 0
        await upstream.close()

    with Wire(talk) as wire:
        in_loop(work(wire.url))
        stop.set()


def test_abort_ends_a_read_that_waits_without_an_error() -> None:
    left = threading.Event()

    def talk(peer: Peer, number: int) -> None:
        peer.request()
        peer.send(HEAD + b"3\r\nabc\r\n")
        peer.wait_to_leave()
        left.set()

    async def work(url: str) -> None:
        upstream = Upstream()
        async with opened(upstream, url) as stream:
            came = []
            async for data in stream:
                came.append(data)
                asyncio.get_running_loop().call_later(0.05, stream.abort)
            assert came == [b"abc"]
            assert busy(upstream) == 0, "it hangs up by itself"
            assert await asyncio.to_thread(left.wait, 5)
        await upstream.close()

    with Wire(talk) as wire:
        in_loop(work(wire.url))


@pytest.mark.parametrize("read_first", [False, True])
def test_after_abort_nothing_more_comes_and_aborting_again_does_nothing(server: FakeServer, read_first: bool) -> None:
    server.script(Reply(chunks=EVENTS, headers=SSE))

    async def work() -> None:
        upstream = Upstream()
        async with opened(upstream, server.url) as stream:
            whole = await read(stream) if read_first else b""
            stream.abort()
            stream.abort()
            assert await read(stream) == b""
            assert whole == (b"".join(EVENTS) if read_first else b"")
        await upstream.close()

    in_loop(work())


def test_a_stream_left_in_the_middle_is_hung_up_on() -> None:
    hung_up = threading.Event()

    def talk(peer: Peer, number: int) -> None:
        peer.request()
        peer.send(HEAD + b"3\r\nabc\r\n")
        peer.wait_to_leave()
        hung_up.set()

    async def work(url: str) -> None:
        upstream = Upstream()
        async with opened(upstream, url) as stream:
            async for data in stream:
                assert data == b"abc"
                break
        assert await asyncio.to_thread(hung_up.wait, 5)
        await upstream.close()

    with Wire(talk) as wire:
        in_loop(work(wire.url))


def test_a_reader_that_is_cancelled_leaves_nothing_open(server: FakeServer) -> None:
    server.script(Reply(chunks=iter([b"a", b"b"]), chunk_delay_seconds=60, headers=SSE))

    async def work() -> None:
        upstream = Upstream()

        async def relay() -> None:
            async with opened(upstream, server.url) as stream:
                await read(stream)

        task = asyncio.create_task(relay())
        await asyncio.to_thread(server.wait_for, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert busy(upstream) == 0
        await upstream.close()

    in_loop(work())


def test_what_the_client_does_not_take_is_not_piled_up() -> None:
    """Backpressure: a server that writes without end comes to a stop."""
    sent = 0
    stopped = threading.Event()

    def talk(peer: Peer, number: int) -> None:
        nonlocal sent
        peer.request()
        peer.send(HEAD)
        while sent < 2**28 and peer.can_send(seconds=0.5):
            sent += peer.send_some(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        stopped.set()

    async def work(url: str) -> None:
        upstream = Upstream()
        async with opened(upstream, url):
            assert await asyncio.to_thread(stopped.wait, 10)
        await upstream.close()

    with Wire(talk) as wire:
        in_loop(work(wire.url))
    assert sent < 2**25
