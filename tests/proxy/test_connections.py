"""Kept connections: when a request on one is sent again, and when it is not; and whose connection is whose."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from alerts.addresses import read_networks
from proxy import connections
from proxy.core.errors import AddressNotAllowed, UpstreamError, UpstreamFailure
from proxy.upstream import Upstream
from tests.fakes.wire import Peer, Wire, answer
from tests.proxy.destination import OPERATORS, SOMEBODYS, busy, completed, in_loop, post

LOOPBACK = read_networks(["127.0.0.0/8"])
Run = Callable[[Coroutine[Any, Any, Any]], Any]
needs_tcp_info = pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux tells what a peer acknowledged")


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    return in_loop if request.param == "asyncio" else uvloop.run


class Idler:
    """A talk: answers one request, and when told does `then` to the connection. Others answer whatever comes."""

    def __init__(self, then: Callable[[Peer], None], *, others: Callable[[Peer], None] | None = None) -> None:
        self._then = then
        self._others = others
        self._go = threading.Event()
        self._done = threading.Event()

    def __call__(self, peer: Peer, number: int) -> None:
        if number:
            (self._others or self._answer_all)(peer)
            return
        peer.request()
        peer.send(answer(b"first"))
        assert self._go.wait(5)
        self._then(peer)
        self._done.set()

    def go(self, *, wait: bool) -> None:
        """Blocks the event loop on purpose: what happens meanwhile, it learns only after its next request."""
        self._go.set()
        assert not wait or self._done.wait(5)

    @staticmethod
    def _answer_all(peer: Peer) -> None:
        while True:
            peer.request()
            peer.send(answer(b"later"))


async def second_answer(wire: Wire, idler: Idler, *, wait: bool) -> bytes:
    upstream = Upstream()
    try:
        assert (await completed(upstream, wire.url)).content == b"first"
        idler.go(wait=wait)
        return (await completed(upstream, wire.url)).content
    finally:
        assert busy(upstream) == 0
        await upstream.close()


def unread(peer: Peer) -> None:
    peer.wait_for_bytes()
    peer.close()


def read_and_reset(peer: Peer) -> None:
    peer.request()
    peer.reset()


@pytest.mark.parametrize(
    ("then", "wait"),
    [(Peer.close, True), (Peer.reset, True), (unread, False)],
    ids=["closed while idle", "reset while idle", "closed when the request came, unread"],
)
def test_a_request_on_a_connection_that_was_closed_is_sent_again(
    run: Run, then: Callable[[Peer], None], wait: bool
) -> None:
    idler = Idler(then)
    with Wire(idler) as wire:
        assert run(second_answer(wire, idler, wait=wait)) == b"later"
        assert (wire.accepted, len(wire.requests)) == (2, 2)


def test_it_is_sent_again_once_and_on_a_new_connection(run: Run) -> None:
    """A second kept connection would be as stale as the first: none is tried, and the failure of the new one counts."""
    first, second = threading.Barrier(3), threading.Event()

    def talk(peer: Peer, number: int) -> None:
        if number < 2:
            peer.request()
            first.wait(5)
            peer.send(answer(b"kept"))
            assert second.wait(5)
            peer.close()
            first.wait(5)
        else:
            peer.request()
            peer.close()

    async def work(url: str) -> UpstreamError:
        upstream = Upstream()
        both = [asyncio.create_task(completed(upstream, url)) for _ in range(2)]
        await asyncio.to_thread(first.wait, 5)
        await asyncio.gather(*both)
        second.set()
        first.wait(5)
        with pytest.raises(UpstreamError) as caught:
            await completed(upstream, url)
        await upstream.close()
        return caught.value

    with Wire(talk) as wire:
        error = run(work(wire.url))
        assert type(error) is UpstreamFailure
        assert (wire.accepted, len(wire.requests)) == (3, 3)


def read_and_close(peer: Peer) -> None:
    peer.request()
    peer.close()


def begin_an_answer_and_reset(peer: Peer) -> None:
    peer.request()
    peer.send(b"H")
    peer.reset()


def begin_an_answer_unread(peer: Peer) -> None:
    peer.wait_for_bytes()
    peer.send(b"HTTP/1.1 2")
    peer.close()


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(read_and_close, marks=needs_tcp_info, id="it had read the request"),
        pytest.param(begin_an_answer_and_reset, id="a byte of the answer came"),
        pytest.param(begin_an_answer_unread, id="a byte of the answer came, and nothing was read"),
    ],
)
def test_what_the_upstream_may_have_acted_upon_is_not_sent_again(run: Run, then: Callable[[Peer], None]) -> None:
    idler = Idler(then)
    with Wire(idler) as wire:
        with pytest.raises(UpstreamFailure, match="Connection broken") as caught:
            run(second_answer(wire, idler, wait=False))
        assert caught.value.reached
        assert wire.accepted == 1


def test_a_reset_by_who_had_read_cannot_be_told_from_one_by_who_had_not(run: Run) -> None:
    """The known limit: a server that aborts without a word, within a second of a request on a kept connection."""
    idler = Idler(read_and_reset)
    with Wire(idler) as wire:
        assert run(second_answer(wire, idler, wait=False)) == b"later"
        assert len(wire.requests) == 3


def test_what_took_time_was_not_stale(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STALE_SECONDS", 0.0)
    idler = Idler(read_and_reset)
    with Wire(idler) as wire:
        with pytest.raises(UpstreamFailure):
            run(second_answer(wire, idler, wait=False))
        assert wire.accepted == 1


@pytest.mark.parametrize("deed", [Peer.close, Peer.reset, unread, read_and_close, read_and_reset])
def test_a_new_connection_that_is_closed_is_no_stale_one(run: Run, deed: Callable[[Peer], None]) -> None:
    async def work(url: str) -> None:
        upstream = Upstream()
        with pytest.raises(UpstreamFailure):
            await completed(upstream, url)
        await upstream.close()

    with Wire(lambda peer, number: deed(peer)) as wire:
        run(work(wire.url))
        assert wire.accepted == 1


def speak_unasked(peer: Peer) -> None:
    peer.send(answer(b"unasked"))
    peer.wait_to_leave()


def test_an_answer_that_nobody_asked_for_is_nobodys() -> None:
    """It would be taken for the answer to the next request, which is another tenant's."""
    idler = Idler(speak_unasked)

    async def work(url: str) -> bytes:
        upstream = Upstream()
        await completed(upstream, url)
        idler.go(wait=False)
        [session] = upstream._sessions.values()
        assert session.connector is not None
        [(kept, _)] = next(iter(session.connector._conns.values()))
        while not kept.should_close:  # noqa: ASYNC110 - nothing tells of bytes that nobody waits for
            await asyncio.sleep(0.005)
        content = (await completed(upstream, url)).content
        await upstream.close()
        return content

    with Wire(idler) as wire:
        assert in_loop(work(wire.url)) == b"later"


def test_two_answers_to_one_request_do_not_serve_two() -> None:
    def talk(peer: Peer, number: int) -> None:
        while True:
            peer.request()
            peer.send(answer(b"own %d" % number) + answer(b"other"))

    async def work(url: str) -> list[bytes]:
        upstream = Upstream()
        found = [(await completed(upstream, url)).content for _ in range(3)]
        await upstream.close()
        return found

    with Wire(talk) as wire:
        assert in_loop(work(wire.url)) == [b"own 0", b"own 1", b"own 2"]


def answer_all(peer: Peer, number: int) -> None:
    while True:
        peer.request()
        peer.send(answer(b"{}"))


def test_a_guarded_deployment_does_not_take_a_connection_that_the_operators_opened() -> None:
    async def work(url: str) -> None:
        upstream = Upstream()
        await completed(upstream, url, by=OPERATORS)
        with pytest.raises(AddressNotAllowed):
            await completed(upstream, url, by=SOMEBODYS)
        await completed(upstream, url, by=OPERATORS)
        await upstream.close()

    with Wire(answer_all) as wire:
        in_loop(work(wire.url))
        assert (wire.accepted, len(wire.requests)) == (1, 2)


def test_networks_that_are_taken_away_close_the_connections_kept_under_them() -> None:
    async def work(url: str) -> None:
        upstream = Upstream(LOOPBACK)
        await completed(upstream, url, by=SOMEBODYS)
        upstream.networks = list(LOOPBACK)
        await completed(upstream, url, by=SOMEBODYS)
        upstream.networks = ()
        with pytest.raises(AddressNotAllowed):
            await completed(upstream, url, by=SOMEBODYS)
        upstream.networks = LOOPBACK
        await completed(upstream, url, by=SOMEBODYS)
        assert busy(upstream) == 0
        await upstream.close()

    with Wire(answer_all) as wire:
        in_loop(work(wire.url))
        assert (wire.accepted, len(wire.requests)) == (2, 3)


def test_many_requests_share_their_connections() -> None:
    async def work(url: str) -> None:
        upstream = Upstream()
        for _ in range(20):
            await upstream.complete(OPERATORS, post(url), timeout=5)
        await upstream.close()

    with Wire(answer_all) as wire:
        in_loop(work(wire.url))
        assert (wire.accepted, len(wire.requests)) == (1, 20)
