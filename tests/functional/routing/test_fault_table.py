"""Every way in which an upstream can fail: what the client gets, what the books hold, who is asked instead."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.server import Reply
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.routing.conftest import Start, entry
from tests.gateway import Gateway, chat

SSE, HTML = {"Content-Type": "text/event-stream"}, {"Content-Type": "text/html"}
CHUNK = b'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'


@dataclass(frozen=True)
class Fault:
    """`reached`: the upstream had the request, so that exactly one row of the ledger says so."""

    name: str
    status: int
    message: str
    reply: Reply | None = None
    api_base: str = ""
    elsewhere: bool = True
    reached: bool = True

    def __str__(self) -> str:
        return self.name


def _status(status: int, told: int, prefix: str, *, elsewhere: bool, **extra: Any) -> Fault:
    reply = openai_error(status, f"upstream said {status}", "some_type", **extra)
    name = f"{status}{' with Retry-After' if extra else ''}"
    return Fault(name, told, prefix, reply, elsewhere=elsewhere)


def _stream(*chunks: bytes, **options: Any) -> Reply:
    return Reply(200, headers=SSE, chunks=list(chunks), **options)


def _error(message: str) -> bytes:
    return f'data: {{"error": {{"message": "{message}"}}}}\n\n'.encode()


WHOLE = [
    Fault("refused connection", 500, "OpenAIException - Connection error.", api_base="refused", reached=False),
    Fault("DNS failure", 500, "Connection error.", api_base="http://nowhere.invalid/v1", reached=False),
    Fault("TLS failure", 500, "OpenAIException - ", api_base="https", reached=False),
    Fault("no answer", 408, "litellm.Timeout: APITimeoutError", Reply(hang=True)),
    Fault("reset before the answer", 500, "OpenAIException - ", Reply(drop=True)),
    Fault("cut in the middle", 500, "OpenAIException - ", Reply(200, {"id": "x", "choices": []}, cut_after=5)),
    Fault("wrong content type", 500, "the answer is not JSON", Reply(200, "<html>hello</html>")),
    Fault("JSON that is no object", 500, "the answer is not an object", Reply(200, [1, 2])),
    Fault("redirect", 500, "OpenAIException - ", Reply(302, headers={"Location": "http://127.0.0.1:1/"})),
    _status(400, 400, "litellm.BadRequestError: OpenAIException - upstream said 400", elsewhere=False),
    _status(401, 401, "litellm.AuthenticationError: AuthenticationError: ", elsewhere=True),
    _status(403, 403, "litellm.APIError: APIError: ", elsewhere=True),
    _status(404, 404, "litellm.NotFoundError: NotFoundError: ", elsewhere=False),
    _status(408, 408, "litellm.Timeout: ", elsewhere=True),
    _status(409, 409, "OpenAIException - upstream said 409", elsewhere=True),
    _status(413, 413, "OpenAIException - upstream said 413", elsewhere=False),
    _status(422, 422, "litellm.", elsewhere=False),
    _status(429, 429, "litellm.RateLimitError: RateLimitError: ", elsewhere=True),
    _status(429, 429, "litellm.RateLimitError: RateLimitError: ", elsewhere=True, retry_after=7),
    _status(500, 500, "litellm.InternalServerError: InternalServerError: ", elsewhere=True),
    _status(502, 500, "litellm.InternalServerError: InternalServerError: ", elsewhere=True),
    _status(503, 503, "litellm.ServiceUnavailableError: ServiceUnavailableError: ", elsewhere=True),
    _status(529, 500, "litellm.InternalServerError: InternalServerError: ", elsewhere=True),
]
STREAMED = [
    Fault("silence", 408, "litellm.Timeout", Reply(hang=True)),
    Fault("silence after the head", 408, "litellm.Timeout", _stream(b"", CHUNK, chunk_delay_seconds=30)),
    Fault("error as the first event", 500, "upstream event", _stream(_error("upstream event"))),
    Fault("stream of nothing", 500, "the stream has no event", Reply(200, b"", headers=SSE)),
    Fault("end of a stream alone", 500, "the stream has no event", _stream(b"data: [DONE]\n\n")),
    Fault("no stream at all", 500, "the upstream did not stream", Reply(200, {"choices": []})),
    Fault("a page instead", 500, "OpenAIException - ", Reply(200, "<html></html>", headers=HTML)),
    replace(_status(500, 500, "litellm.InternalServerError", elsewhere=True), name="500 to a stream"),
    replace(_status(429, 429, "litellm.RateLimitError", elsewhere=True), name="429 to a stream"),
]
AFTER_THE_FIRST = [
    Fault("cut", 0, "Connection broken", _stream(CHUNK, CHUNK, cut_after=len(CHUNK))),
    Fault("silence in the middle", 0, "Request timed out", _stream(CHUNK, CHUNK, chunk_delay_seconds=30)),
    Fault("error event", 0, "too much", _stream(CHUNK, _error("too much"))),
    Fault("endless event", 0, "an event is too long", _stream(CHUNK, b"data: " + b"x" * 2_000_000)),
]
FAULTS = [(fault, False) for fault in WHOLE] + [(fault, True) for fault in STREAMED]


@dataclass(frozen=True)
class Scene:
    """One gateway for all: every fault has groups of its own, so that no cooldown reaches the next test."""

    gateway: Gateway
    one: FakeUpstream
    two: FakeUpstream

    def prepare(self, fault: Fault) -> None:
        for upstream in (self.one, self.two):
            upstream.clear()
        if fault.reply:
            # A kept connection that is reset before any answer is tried once more, on a new one.
            self.one.script(*[fault.reply] * (2 if fault.reply.drop else 1))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed_port: int = server.getsockname()[1]
    with FakeUpstream() as one, FakeUpstream() as two:
        bases = {"refused": f"http://127.0.0.1:{closed_port}/v1", "https": f"https://127.0.0.1:{one.port}/v1"}
        entries = []
        for fault in (*WHOLE, *STREAMED, *AFTER_THE_FIRST):
            base = bases.get(fault.api_base, fault.api_base) or f"{one.url}/v1"
            limits: dict[str, Any] = {"api_base": base, "timeout": 0.5, "stream_timeout": 0.5}
            entries += [
                entry(f"alone {fault}", one, deployment=f"alone {fault}", **limits),
                entry(f"both {fault}", one, deployment=f"one {fault}", order=1, **limits),
                entry(f"both {fault}", two, deployment=f"two {fault}", order=2),
            ]
        data: Path = tmp_path_factory.mktemp("faults")
        with Gateway(data, {"model_list": entries, "router_settings": {"num_retries": 2}}) as gateway:
            yield Scene(gateway, one, two)


def ask(gateway: Gateway, model: str, call_id: str, *, stream: bool, **fields: Any) -> httpx.Response:
    with gateway.client(headers={"x-litellm-call-id": call_id}) as client:
        return client.post("/v1/chat/completions", json=chat(model, stream=stream, **fields))


def entries(gateway: Gateway, call_id: str) -> list[tuple[Any, ...]]:
    columns = "deployment_id, status, status_code"
    return gateway.rows(f"SELECT {columns} FROM budgets_ledgerentry WHERE call_id = '{call_id}' ORDER BY attempt")


@pytest.mark.parametrize(("fault", "stream"), FAULTS, ids=str)
def test_fault_before_the_first_byte(scene: Scene, fault: Fault, stream: bool) -> None:
    scene.prepare(fault)
    call_id = f"alone-{FAULTS.index((fault, stream))}"
    response = ask(scene.gateway, f"alone {fault}", call_id, stream=stream, num_retries=0)

    assert response.status_code == fault.status, response.text
    told = response.json()["error"]
    assert fault.message in told["message"]
    assert told["code"] == str(fault.status)
    assert "sk-upstream" not in response.text
    assert entries(scene.gateway, call_id) == [(f"alone {fault}", "failure", fault.status)]
    assert len(scene.one.received) in ((1, 2) if fault.reply and fault.reply.drop else (int(fault.reached),))
    if "Retry-After" in fault.name:
        assert response.headers["retry-after"] == "7"


@pytest.mark.parametrize(("fault", "stream"), FAULTS, ids=str)
def test_somebody_else_is_asked_where_that_can_help(scene: Scene, fault: Fault, stream: bool) -> None:
    scene.prepare(fault)
    call_id = f"both-{FAULTS.index((fault, stream))}"
    response = ask(scene.gateway, f"both {fault}", call_id, stream=stream)
    rows = entries(scene.gateway, call_id)

    if fault.elsewhere:
        assert response.status_code == 200, response.text
        assert rows == [(f"one {fault}", "failure", fault.status), (f"two {fault}", "success", 200)]
    else:
        assert response.status_code == fault.status
        assert rows == [(f"one {fault}", "failure", fault.status)]
        assert not scene.two.received


@pytest.mark.parametrize("fault", AFTER_THE_FIRST, ids=str)
def test_fault_after_the_first_byte_is_told_in_the_stream_and_charged(scene: Scene, fault: Fault) -> None:
    scene.prepare(fault)
    call_id = f"broken-{AFTER_THE_FIRST.index(fault)}"
    response = ask(scene.gateway, f"both {fault}", call_id, stream=True)

    assert response.status_code == 200
    assert '"content":"Hi"' in response.text
    last = response.text.strip().splitlines()[-1]
    assert fault.message in last
    assert "[DONE]" not in response.text
    ((deployment, status, _),) = entries(scene.gateway, call_id)
    assert (deployment, status) == (f"one {fault}", "failure")
    ((amount,),) = scene.gateway.rows(f"SELECT amount_nano FROM budgets_ledgerentry WHERE call_id = '{call_id}'")
    assert amount > 0
    assert not scene.two.received
    ((total,),) = scene.gateway.rows("SELECT sum(amount_nano) FROM budgets_ledgerentry")
    scene.gateway.wait_for_metric("litellm_spend_metric_total", float(total) / 1e9)


def test_malformed_events_do_no_harm(start: Start, upstreams: list[FakeUpstream]) -> None:
    odd = [b": a comment\n\n", b"data: {not json}\n\n", b"event: x\r\n\r\n", b"data:\n\n", CHUNK, b"data: [DONE]\n\n"]
    gateway = start([entry("gpt-4o", upstreams[0])])
    upstreams[0].script(Reply(200, headers=SSE, chunks=odd))
    response = ask(gateway, "gpt-4o", "odd", stream=True)

    assert response.status_code == 200
    assert '"content":"Hi"' in response.text
    assert response.text.endswith("data: [DONE]\n\n")
    assert entries(gateway, "odd")[0][1] == "success"


def test_answer_beyond_the_cap_is_a_failure(start: Start, upstreams: list[FakeUpstream]) -> None:
    gateway = start([entry("gpt-4o", upstreams[0])], {"num_retries": 0}, general_settings={"max_response_size_mb": 1})
    upstreams[0].script(Reply(200, {"choices": [], "padding": "x" * 2_000_000}))
    response = ask(gateway, "gpt-4o", "huge", stream=False)

    assert response.status_code == 500
    assert entries(gateway, "huge")[0][1:] == ("failure", 500)
