"""The fakes keep their promises: what is scripted is sent, what came is kept, what was generated is billed."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.fakes.completion import Billed
from tests.fakes.server import FakeServer, Received, Reply
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream, openai_error

ROOT = Path(__file__).parents[2]
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "What is the toll?"}]}
STREAM = CHAT | {"stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as slack:
        yield slack


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=5) as client:
        yield client


def test_request_is_kept_as_it_came(server: FakeServer, client: httpx.Client) -> None:
    client.put(f"{server.url}/a/b?x=1&y=", json={"n": 1}, headers={"X-Kind": "One"})
    [received] = server.wait_for(1)
    assert (received.method, received.path, received.query) == ("PUT", "/a/b", {"x": "1", "y": ""})
    assert received.headers["x-kind"] == "One"
    assert received.json() == {"n": 1}


def test_body_in_chunks_is_put_together(server: FakeServer, client: httpx.Client) -> None:
    client.post(server.url, content=iter([b"one ", b"two"]))
    assert server.wait_for(1)[0].body == b"one two"


def test_script_goes_first_and_in_order(server: FakeServer, client: httpx.Client) -> None:
    server.script(Reply(500, "no"), Reply(429, {"wait": 1}, headers={"Retry-After": "1"}))
    answers = [client.get(server.url) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 429, 200]
    assert answers[0].text == "no"
    assert answers[1].json() == {"wait": 1}
    assert answers[1].headers["retry-after"] == "1"


def test_head_and_body_of_an_answer_leave_together(server: FakeServer, client: httpx.Client) -> None:
    server.script(*[Reply(200, "ok")] * 50)
    started = time.monotonic()
    for _ in range(50):
        client.post(server.url, content=b"x" * 100)
    # Nagle and delayed ACK would cost 40 ms each.
    assert time.monotonic() - started < 50 * 0.03


def test_delay_holds_back_the_answer(server: FakeServer, client: httpx.Client) -> None:
    server.script(Reply(delay_seconds=0.2))
    started = time.monotonic()
    client.get(server.url)
    assert 0.2 <= time.monotonic() - started < 2


def test_cut_resets_within_the_body(server: FakeServer, client: httpx.Client) -> None:
    server.script(Reply(200, b"0123456789", cut_after=4))
    assert _received_before_reset(client, server.url) == b"0123"


def test_cut_resets_within_the_chunks(server: FakeServer, client: httpx.Client) -> None:
    server.script(Reply(chunks=[b"01", b"23", b"45"], chunk_delay_seconds=0.01, cut_after=3))
    assert _received_before_reset(client, server.url) == b"012"


def test_drop_resets_before_any_answer(server: FakeServer, client: httpx.Client) -> None:
    server.script(Reply(drop=True))
    with pytest.raises(httpx.ReadError):
        client.get(server.url)
    assert client.get(server.url).status_code == 200


def test_hang_lasts_until_the_server_closes(client: httpx.Client) -> None:
    with FakeServer() as server:
        server.script(Reply(hang=True))
        with pytest.raises(httpx.ReadTimeout):
            client.get(server.url, timeout=httpx.Timeout(5, read=0.1))
        server.script(Reply(hang=True))
        closing = threading.Thread(target=_close_after, args=(server, 2))
        closing.start()
        with pytest.raises(httpx.ReadError):
            client.get(server.url)
        closing.join()


def test_closed_server_comes_back_at_its_address(server: FakeServer, client: httpx.Client) -> None:
    client.get(server.url)
    server.close()
    with pytest.raises(httpx.ConnectError):
        client.get(server.url)
    server.open()
    assert client.get(server.url).status_code == 200
    server.wait_for(2)


def test_wait_for_tells_what_came(server: FakeServer, client: httpx.Client) -> None:
    client.get(f"{server.url}/only")
    with pytest.raises(AssertionError, match=r"for 2 requests, 1 came: \['GET /only'\]"):
        server.wait_for(2, timeout=0.05)


def test_broken_fake_fails_its_test(client: httpx.Client) -> None:
    class Broken(FakeServer):
        def respond(self, received: Received) -> Reply:
            raise LookupError(received.path)

    with pytest.raises(LookupError, match="/x"), Broken() as server:
        assert client.get(f"{server.url}/x").status_code == 500


def test_chat_is_billed_as_its_usage_says(upstream: FakeUpstream, client: httpx.Client) -> None:
    upstream.cached_tokens, upstream.reasoning_tokens = 2, 5
    answer = client.post(f"{upstream.url}/v1/chat/completions", json=CHAT)
    reply, usage = answer.json(), answer.json()["usage"]
    assert reply["model"] == "gpt-4o-2024-08-06"
    assert usage["prompt_tokens"] == len("What is the toll?") // 4 + 3
    assert usage["prompt_tokens_details"]["cached_tokens"] == 2
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 5
    assert answer.headers["x-ratelimit-remaining-requests"] == "9999"
    assert upstream.billed == [_billed(reply["id"], usage, stream=False)]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions"])
def test_stream_has_openai_order_and_is_billed(upstream: FakeUpstream, client: httpx.Client, path: str) -> None:
    upstream.chunk_count = 3
    *chunks, last, done = _events(client.post(f"{upstream.url}{path}", json=STREAM).text)
    deltas = [json.loads(chunk)["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta["content"] for delta in deltas[1:-1]) == upstream.answer
    assert [json.loads(chunk)["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 4 + ["stop"]
    assert json.loads(last)["choices"] == []
    assert done == "[DONE]"
    assert upstream.billed == [_billed(json.loads(last)["id"], json.loads(last)["usage"], stream=True)]


@pytest.mark.parametrize("asked", [CHAT | {"stream": True}, STREAM])
def test_stream_has_usage_only_when_asked_and_not_omitted(
    upstream: FakeUpstream, client: httpx.Client, asked: dict[str, Any]
) -> None:
    upstream.omit_usage = asked is STREAM
    assert '"usage"' not in client.post(f"{upstream.url}/v1/chat/completions", json=asked).text
    assert upstream.billed[0].finished


def test_stream_cut_by_the_provider_is_billed_in_part(upstream: FakeUpstream, client: httpx.Client) -> None:
    upstream.cut_after_chunks, upstream.completion_tokens = 1, 40
    with pytest.raises(httpx.ReadError):
        client.post(f"{upstream.url}/v1/chat/completions", json=STREAM)
    [billed] = upstream.wait_for_billed(1)
    assert (billed.completion_tokens, billed.finished) == (10, False)


def test_stream_left_by_the_client_is_billed_in_part(upstream: FakeUpstream, client: httpx.Client) -> None:
    upstream.chunk_count, upstream.chunk_delay_seconds = 500, 0.01
    with client.stream("POST", f"{upstream.url}/v1/chat/completions", json=STREAM) as answer:
        next(answer.iter_raw())
    [billed] = upstream.wait_for_billed(1)
    assert not billed.finished


def test_max_tokens_caps_completion(upstream: FakeUpstream, client: httpx.Client) -> None:
    reply = client.post(f"{upstream.url}/v1/chat/completions", json=CHAT | {"max_tokens": 3}).json()
    assert (reply["usage"]["completion_tokens"], reply["choices"][0]["finish_reason"]) == (3, "length")


def test_official_sdk_talks_to_the_upstream(upstream: FakeUpstream) -> None:
    messages: Any = CHAT["messages"]
    with openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="sk-test", max_retries=0) as sdk:
        whole = sdk.chat.completions.create(model="gpt-4o", messages=messages)
        assert whole.choices[0].message.content == upstream.answer
        stream = sdk.chat.completions.create(
            model="gpt-4o", messages=messages, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        assert chunks[-1].usage == whole.usage
        assert "gpt-4o" in {model.id for model in sdk.models.list()}
        upstream.script(openai_error(429, "Slow down.", "requests", code="rate_limit_exceeded", retry_after=7))
        with pytest.raises(openai.RateLimitError) as caught:
            sdk.chat.completions.create(model="gpt-4o", messages=messages)
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/v1/chat/completions", {"model": "gpt-4o"}, 400), ("/v1/chat/completions", [], 400), ("/v1/other", {}, 404)],
)
def test_bad_request_is_refused_in_openai_shape(
    upstream: FakeUpstream, client: httpx.Client, path: str, body: object, status: int
) -> None:
    answer = client.post(f"{upstream.url}{path}", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert upstream.billed == []


def test_only_the_right_key_is_served(upstream: FakeUpstream, client: httpx.Client) -> None:
    upstream.api_key = "sk-right"
    url = f"{upstream.url}/v1/models"
    assert client.get(url, headers={"Authorization": "Bearer sk-wrong"}).json()["error"]["code"] == "invalid_api_key"
    assert client.get(url, headers={"Authorization": "Bearer sk-right"}).status_code == 200


def test_stand_alone_upstream_writes_its_bill_to_a_file(tmp_path: Path, client: httpx.Client) -> None:
    bill = tmp_path / "bill.jsonl"
    command = [sys.executable, "-m", "tests.fakes.upstream", "--port", "0", "--billing-file", str(bill)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        reply = client.post(f"{url}/v1/chat/completions", json=CHAT).json()
        process.kill()
    assert Billed(**json.loads(bill.read_text())) == _billed(reply["id"], reply["usage"], stream=False)


def test_upstream_keeps_what_it_was_asked_when_told_to(upstream: FakeUpstream, client: httpx.Client) -> None:
    upstream.keeps_prompts = True
    messages = [{"role": "user", "content": text} for text in ("first", "request 7")]
    client.post(f"{upstream.url}/v1/chat/completions", json={**CHAT, "messages": messages})
    client.post(f"{upstream.url}/v1/chat/completions", json={**CHAT, "messages": messages, "stream": True})
    assert [bill.prompt for bill in upstream.wait_for_billed(2)] == ["request 7"] * 2


def test_slack_accepts_a_message(slack: FakeSlack, client: httpx.Client) -> None:
    answer = client.post(f"{slack.url}/services/T/B/X", json={"text": "Budget crossed"})
    assert (answer.status_code, answer.text) == (200, "ok")
    slack.wait_for(1)
    assert slack.messages == [{"text": "Budget crossed"}]


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"text", "invalid_payload"),
        (b'["text"]', "invalid_payload"),
        (b'{"channel": "x"}', "no_text"),
        (json.dumps({"blocks": [{"type": "divider"}] * 51}).encode(), "invalid_blocks"),
    ],
)
def test_slack_refuses_what_slack_refuses(slack: FakeSlack, client: httpx.Client, body: bytes, refusal: str) -> None:
    answer = client.post(slack.url, content=body)
    assert (answer.status_code, answer.text) == (400, refusal)
    assert slack.messages == []


def test_slack_counts_who_does_not_wait(slack: FakeSlack, client: httpx.Client) -> None:
    slack.script(Reply(429, "rate_limited", headers={"Retry-After": "60"}))
    assert client.post(f"{slack.url}/one", json={"text": "refused"}).status_code == 429
    client.post(f"{slack.url}/two", json={"text": "another webhook"})
    assert slack.violations == 0
    client.post(f"{slack.url}/one", json={"text": "too early"})
    assert slack.violations == 1
    assert [message["text"] for message in slack.messages] == ["another webhook", "too early"]


def test_slack_does_not_count_who_waits(slack: FakeSlack, client: httpx.Client) -> None:
    slack.script(Reply(503, headers={"Retry-After": "0.1"}))
    client.post(slack.url, json={"text": "refused"})
    slack.pause(0.1)
    client.post(slack.url, json={"text": "in time"})
    assert (slack.violations, slack.messages) == (0, [{"text": "in time"}])


def _received_before_reset(client: httpx.Client, url: str) -> bytes:
    came = b""
    with client.stream("GET", url) as answer:
        try:
            for piece in answer.iter_raw():
                came += piece
        except httpx.ReadError:
            return came
    raise AssertionError(f"the answer ended properly: {came!r}")


def _close_after(server: FakeServer, requests: int) -> None:
    server.wait_for(requests)
    server.close()


def _billed(id_: str, usage: dict[str, Any], *, stream: bool) -> Billed:
    return Billed(
        id=id_,
        model="gpt-4o-2024-08-06",
        prompt_tokens=usage["prompt_tokens"],
        completion_tokens=usage["completion_tokens"],
        stream=stream,
        finished=True,
        cached_tokens=usage["prompt_tokens_details"]["cached_tokens"],
        reasoning_tokens=usage["completion_tokens_details"]["reasoning_tokens"],
    )


def _events(text: str) -> list[str]:
    return [event.removeprefix("data: ") for event in text.split("\n\n") if event]
