"""The fakes of Anthropic and Gemini refuse what these refuse, and bill what they sent."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.gemini import FakeGemini

TURN = {"role": "user", "content": "hi"}
MESSAGES = {"model": "claude-x", "max_tokens": 50, "messages": [TURN]}
USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "now", "input": {}}]}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
CALL = {"role": "model", "parts": [{"functionCall": {"name": "now", "args": {}}}]}


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=5) as client:
        yield client


def ask(client: httpx.Client, fake: FakeAnthropic | FakeGemini, body: Any, *, stream: bool = False) -> httpx.Response:
    if isinstance(fake, FakeAnthropic):
        headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
        return client.post(f"{fake.url}/v1/messages", json=body | {"stream": stream}, headers=headers)
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return client.post(f"{fake.url}/v1beta/models/gemini-x:{verb}", json=body, headers={"x-goog-api-key": "k"})


def result(id_: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id_, "content": "noon"}]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"messages": []}, "at least one message"),
        ({"messages": [TURN | {"role": "tool"}]}, "role"),
        ({"messages": [TURN | {"name": "x"}]}, "Extra inputs"),
        ({"messages": [TURN | {"content": [{"type": "text", "text": ""}]}]}, "non-empty"),
        ({"messages": [TURN | {"content": [{"type": "image_url"}]}]}, "Input tag"),
        ({"messages": [TURN, USE, result("t2")]}, "unexpected `tool_use_id`"),
        ({"messages": [TURN, USE, TURN]}, "without `tool_result`"),
        ({"messages": [TURN, {"role": "assistant", "content": "so "}]}, "trailing whitespace"),
        ({"stop": ["x"]}, "stop: Extra inputs"),
        ({"temperature": 1.5}, "temperature"),
        ({"tools": [{"name": "now", "input_schema": {}}]}, "input_schema.type"),
        ({"tool_choice": {"type": "auto"}}, "providing tools"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "greater than `thinking.budget_tokens`"),
    ],
)
def test_anthropic_refuses_what_anthropic_refuses(client: httpx.Client, changes: dict[str, Any], message: str) -> None:
    with FakeAnthropic() as fake:
        answer = ask(client, fake, MESSAGES | changes)

    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert message in answer.json()["error"]["message"]
    assert fake.billed == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"contents": []}, "not specified"),
        ({"messages": [TURN]}, 'Unknown name "messages"'),
        ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "valid role"),
        ({"contents": [{"role": "user", "parts": []}]}, "must not be empty"),
        ({"contents": [{"role": "user", "parts": [{"type": "text", "text": "x"}]}]}, 'Unknown name "type"'),
        ({"contents": [*CONTENTS["contents"], CALL, *CONTENTS["contents"]]}, "number of function response parts"),
        ({"generationConfig": {"max_tokens": 5}}, 'Unknown name "max_tokens"'),
        (
            {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"additionalProperties": False}}]}]},
            'Unknown name "additionalProperties"',
        ),
    ],
)
def test_gemini_refuses_what_gemini_refuses(client: httpx.Client, changes: dict[str, Any], message: str) -> None:
    with FakeGemini() as fake:
        answer = ask(client, fake, CONTENTS | changes)

    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert message in answer.json()["error"]["message"]
    assert fake.billed == []


@pytest.mark.parametrize(("fake", "body"), [(FakeAnthropic(), MESSAGES), (FakeGemini(), CONTENTS)])
def test_a_stream_cut_by_the_provider_is_billed_in_part(
    client: httpx.Client, fake: FakeAnthropic | FakeGemini, body: dict[str, Any]
) -> None:
    with fake:
        ask(client, fake, body, stream=True)
        fake.cut_after_chunks = 2
        with pytest.raises(httpx.ReadError):
            ask(client, fake, body, stream=True)
        fake.wait_until(lambda: len(fake.billed) == 2)

    whole, cut = fake.billed
    assert (whole.finished, cut.finished) == (True, False)
    assert 0 < cut.completion_tokens < whole.completion_tokens
