"""The client of upstreams: what it takes for an answer, and the one error it makes of everything else."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.core.errors import (
    ConnectionFailed,
    ConnectionTimedOut,
    UpstreamAuthentication,
    UpstreamBadRequest,
    UpstreamError,
    UpstreamFailure,
    UpstreamRateLimit,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from proxy.upstream import MOST_ERROR_BYTES, Answer, Upstream, parse_object
from tests.fakes.server import FakeServer, Reply
from tests.fakes.wire import Peer, Wire
from tests.proxy.destination import OPERATORS, Deployed, busy, completed, in_loop, post

JSON = {"id": "chatcmpl-1", "choices": []}
SMALL = 100_000


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


def complete(url: str, *, most: int = SMALL, seconds: float = 5.0) -> Answer:
    """One completion with a client of its own, which must leave nothing open."""

    async def work() -> Answer:
        upstream = Upstream()
        upstream.most_answer_bytes = most
        try:
            return await completed(upstream, url, seconds=seconds)
        finally:
            assert busy(upstream) == 0
            await upstream.close()

    return in_loop(work())


def failure(url: str, *, most: int = SMALL, seconds: float = 5.0) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        complete(url, most=most, seconds=seconds)
    return caught.value


def test_a_whole_answer_comes_with_its_headers(server: FakeServer) -> None:
    server.script(Reply(body=JSON, headers={"X-Request-Id": "r1", "Set-Cookie": "a=1"}), Reply(body=JSON))

    async def work() -> None:
        upstream = Upstream()
        first = await completed(upstream, server.url)
        assert (json.loads(first.content), first.headers["x-request-id"]) == (JSON, "r1")
        await completed(upstream, server.url)
        await upstream.close()

    in_loop(work())
    sent = server.received[1]
    assert (sent.method, sent.path, sent.body) == ("POST", "/v1/chat/completions", b'{"model": "m"}')
    assert sent.headers["accept-encoding"] == "identity"
    assert "cookie" not in sent.headers


@dataclass(frozen=True)
class Fault:
    """What an upstream does, and what is made of it. `told` is part of the sentence."""

    reply: Reply
    error: type[UpstreamError]
    status: int
    told: str
    seconds: float = 5.0


def bomb() -> bytes:
    """A gigabyte of zeros in a megabyte."""
    packer = zlib.compressobj(wbits=31)
    return b"".join([*(packer.compress(bytes(2**20)) for _ in range(1024)), packer.flush()])


LONG = b"x" * (SMALL + 1)
GZIP = {"Content-Encoding": "gzip"}
FAULTS = {
    "dropped": Fault(Reply(drop=True), UpstreamFailure, 500, "Connection broken: Connection reset by peer"),
    "silent": Fault(Reply(hang=True), UpstreamTimeout, 408, "Request timed out.", seconds=0.2),
    "trickling": Fault(
        Reply(chunks=[b"{"] * 50, chunk_delay_seconds=0.1), UpstreamTimeout, 408, "Request timed out.", seconds=0.35
    ),
    "cut": Fault(Reply(body=JSON, cut_after=5), UpstreamFailure, 500, "Connection broken: the answer stops"),
    "cut in chunks": Fault(Reply(chunks=[b"{}", b"{}"], cut_after=3), UpstreamFailure, 500, "Connection broken:"),
    "large": Fault(Reply(body=LONG), UpstreamFailure, 500, "the answer is larger than 100,000 bytes"),
    "large in chunks": Fault(Reply(chunks=[LONG[:60_000]] * 2), UpstreamFailure, 500, "the answer is larger"),
    "announced": Fault(
        Reply(headers={"Content-Length": "99999999999"}, hang=False), UpstreamFailure, 500, "the answer is larger"
    ),
    "bomb": Fault(Reply(body=bomb(), headers=GZIP), UpstreamFailure, 500, "the answer is larger"),
    "no gzip": Fault(Reply(body=JSON, headers=GZIP), UpstreamFailure, 500, "cannot be decoded"),
    "long header": Fault(Reply(headers={"X-Long": "x" * 9000}), UpstreamFailure, 500, "headers are too large"),
    "many headers": Fault(
        Reply(headers={f"X-{number}": "x" for number in range(200)}), UpstreamFailure, 500, "headers are too large"
    ),
    "400": Fault(Reply(400, {"error": {"message": "no such voice"}}), UpstreamBadRequest, 400, "no such voice"),
    "401": Fault(Reply(401, {"error": {"message": "bad key"}}), UpstreamAuthentication, 401, "bad key"),
    "429": Fault(Reply(429, {"error": {"message": "slow"}}), UpstreamRateLimit, 429, "slow"),
    "429 and cut": Fault(Reply(429, "slow down please", cut_after=4), UpstreamRateLimit, 429, "slow"),
    "503": Fault(Reply(503, b"busy"), UpstreamUnavailable, 503, "busy"),
    "204": Fault(Reply(204), UpstreamFailure, 500, "HTTP 204"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_what_an_upstream_does_wrong_is_one_of_our_errors(server: FakeServer, fault: Fault) -> None:
    server.script(fault.reply)

    error = failure(server.url, seconds=fault.seconds)

    assert (type(error), error.status_code, error.reached) == (fault.error, fault.status, True), error.message
    assert fault.told in error.told
    assert server.url not in error.message
    assert len(server.received) == 1


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_redirects_are_told_and_not_followed(server: FakeServer, status: int) -> None:
    with Wire() as trap:
        server.script(Reply(status, headers={"Location": f"{trap.url}/secret"}))

        error = failure(server.url)

        assert type(error) is UpstreamFailure
        assert error.told == f"the upstream answered {status}: redirects are not followed"
        assert (trap.accepted, len(server.received)) == (0, 1)


def test_nobody_listens() -> None:
    with Wire() as wire:
        url = wire.url
    error = failure(url)

    assert (type(error), error.status_code, error.reached) == (ConnectionFailed, 500, False)
    assert error.told == "Connection error."


def test_the_name_does_not_exist() -> None:
    error = failure("http://nobody.invalid:1")

    assert (type(error), error.told) == (ConnectionFailed, "Connection error.")


def test_tls_fails(server: FakeServer) -> None:
    error = failure(server.url.replace("http:", "https:"))

    assert (type(error), error.reached) == (ConnectionFailed, False)
    assert error.told.startswith("TLS error.")


def test_a_connection_that_does_not_come_about_in_time_was_never_at_the_upstream() -> None:
    def silent(peer: Peer, number: int) -> None:
        peer.wait_for_bytes()
        peer.wait_to_leave()

    with Wire(silent) as wire:
        error = failure(wire.url.replace("http:", "https:"), seconds=0.2)

    assert (type(error), error.status_code, error.reached) == (ConnectionTimedOut, 408, False)
    assert "timeout value=0.2" in error.message


def test_an_error_of_any_size_is_read_to_a_bound(server: FakeServer) -> None:
    server.script(Reply(500, b"x" * 1000 + b"y" * 20 * MOST_ERROR_BYTES))

    assert failure(server.url).told.startswith("x" * 1000)


def test_an_answer_that_was_compressed_unasked_is_read(server: FakeServer) -> None:
    server.script(Reply(body=gzip.compress(json.dumps(JSON).encode()), headers=GZIP))

    assert json.loads(complete(server.url).content) == JSON


def test_an_answer_as_large_as_allowed_is_read(server: FakeServer) -> None:
    server.script(Reply(body=LONG[:SMALL]), Reply(chunks=[LONG[:60_000], LONG[60_000:SMALL]]))

    assert len(complete(server.url).content) == len(complete(server.url).content) == SMALL


def test_a_large_request_goes_whole(server: FakeServer) -> None:
    content = b"x" * 5_000_000

    async def work() -> None:
        upstream = Upstream()
        await upstream.complete(OPERATORS, post(server.url, content=content), timeout=5)
        await upstream.close()

    in_loop(work())
    assert server.received[0].body == content
    assert server.received[0].headers["content-length"] == "5000000"


@pytest.mark.parametrize(
    "header",
    [("X-A", "b\r\nX-C: d"), ("X-A", "b\nc"), ("X-A", "b\0"), ("X-A\r\nX-B", "c")],
    ids=repr,
)
def test_a_header_that_would_become_two_is_not_sent(server: FakeServer, header: tuple[str, str]) -> None:
    async def work() -> UpstreamError:
        upstream = Upstream()
        with pytest.raises(UpstreamError) as caught:
            await upstream.complete(OPERATORS, post(server.url, headers=dict([header])), timeout=5)
        assert busy(upstream) == 0
        await upstream.close()
        return caught.value

    error = in_loop(work())
    assert (type(error), error.reached) == (ConnectionFailed, False)
    assert "cannot carry" in error.told
    assert not server.received


@pytest.mark.parametrize(
    "url", ["http://", "http://[::1", "http://a:b@h:99999", "ftp://127.0.0.1", "//h", "x", ""], ids=repr
)
def test_an_address_that_is_none_is_an_error_with_words(url: str) -> None:
    error = failure(url)

    assert (type(error), error.reached) == (ConnectionFailed, False)


def test_an_upstream_that_quotes_the_key_does_not_tell_it(server: FakeServer) -> None:
    server.script(Reply(401, {"error": {"message": "wrong key: hidden-key-0123456789"}}))

    async def work() -> str:
        upstream = Upstream()
        with pytest.raises(UpstreamAuthentication) as caught:
            await upstream.complete(Deployed(secrets=("hidden-key-0123456789",)), post(server.url), timeout=5)
        await upstream.close()
        return caught.value.message

    assert "hidden" not in in_loop(work())


def talk(raw: bytes) -> Callable[[Peer, int], None]:
    def speak(peer: Peer, number: int) -> None:
        peer.request()
        peer.send(raw)

    return speak


@given(
    st.binary(max_size=200)
    | st.binary(max_size=60).map(lambda noise: b"HTTP/1.1 200 OK\r\n" + noise + b"\r\n\r\n{}")
    | st.binary(max_size=60).map(lambda noise: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + noise)
)
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}")
@example(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}")
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}")
@example(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}")
@example(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n{}")
@example(b"HTTP/1.1 100 Continue\r\n\r\n")
@example(b"HTTP/9.9 200 OK\r\n\r\n")
@example(b"HTTP/1.1 999 Odd\r\n\r\n{}")
@settings(deadline=None, max_examples=150)
def test_no_bytes_on_the_wire_raise_anything_but_our_errors(raw: bytes) -> None:
    with Wire(talk(raw)) as wire:
        try:
            complete(wire.url)
        except UpstreamError as error:
            assert error.message.isprintable()  # noqa: PT017 - a good answer is no failure


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"<html>", "the answer is not JSON"),
        (b"", "the answer is not JSON"),
        (b"[]", "the answer is not an object"),
        (b'{"error": {"message": "overloaded"}}', "overloaded"),
    ],
)
def test_an_answer_that_is_no_object_or_tells_an_error_is_a_failure(raw: bytes, told: str) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        parse_object(raw, OPERATORS)
    assert caught.value.told == told


def test_a_cancelled_request_leaves_nothing_open(server: FakeServer) -> None:
    server.script(Reply(hang=True))

    async def work() -> None:
        upstream = Upstream()
        task = asyncio.create_task(completed(upstream, server.url))
        await asyncio.to_thread(server.wait_for, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert busy(upstream) == 0
        await upstream.close()

    in_loop(work())
