"""Where single services differ: what is asked of them, and what is read from them."""

import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from proxy.core.dialects.chat import ChatEncoder
from proxy.core.operations import Operation
from proxy.core.streams import TranslatedStream
from proxy.providers import PROVIDERS
from proxy.providers.base import Account

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
STREAM = {"stream": True, "stream_options": {"include_usage": True}, "messages": []}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def sent(name: str, body: dict[str, Any], *, operation: Operation = Operation.CHAT, **params: Any) -> dict[str, Any]:
    provider = PROVIDERS[name]
    target = provider.prepare(Account("m/1", "http://127.0.0.1:9", "", params))
    found: dict[str, Any] = json.loads(provider.build_request(target, operation, body, stream=True, now=NOW).content)
    return {field: value for field, value in found.items() if field != "model"}


def chunk(delta: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta}]
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": choices, **fields}


def told(name: str, *chunks: dict[str, Any]) -> TranslatedStream:
    stream = TranslatedStream(PROVIDERS[name].decoder(), ChatEncoder("public", wants_usage=True))
    said = b"".join(b"data: " + orjson.dumps(one) + b"\n\n" for one in chunks)
    stream.feed(said + b"data: [DONE]\n\n")
    stream.finish()
    return stream


@pytest.mark.parametrize("name", ["mistral", "cohere", "perplexity"])
def test_who_refuses_stream_options_does_not_get_them(name: str) -> None:
    assert sent(name, STREAM) == {"stream": True, "messages": []}


@pytest.mark.parametrize("name", ["openai", "groq", "openrouter", "hosted_vllm", "deepseek", "moonshot", "ollama"])
def test_everybody_else_is_asked_for_the_usage_of_a_stream(name: str) -> None:
    assert sent(name, STREAM) == STREAM


@pytest.mark.parametrize("name", ["mistral", "deepseek", "together_ai", "fireworks_ai", "moonshot", "ollama", "zai"])
def test_older_servers_get_the_limit_under_its_old_name(name: str) -> None:
    assert sent(name, {"max_completion_tokens": 5}) == {"max_tokens": 5}


@pytest.mark.parametrize("name", ["groq", "openrouter", "cerebras", "hosted_vllm", "xai"])
def test_who_knows_both_limits_gets_what_was_asked(name: str) -> None:
    assert sent(name, {"max_completion_tokens": 5}) == {"max_completion_tokens": 5}


def test_a_developer_is_the_system_where_that_role_is_unknown() -> None:
    asked = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}, "noise"]

    body = sent("deepseek", {"messages": asked})

    assert body["messages"] == [{"role": "system", "content": "Be brief."}, *asked[1:]]
    assert sent("openai", {"messages": asked})["messages"] == asked


@pytest.mark.parametrize(
    ("name", "refused"), [("groq", "logit_bias"), ("perplexity", "tools"), ("cerebras", "presence_penalty")]
)
def test_refused_parameters_are_dropped_only_on_demand(name: str, refused: str) -> None:
    asked = {refused: [1], "temperature": 0.5}

    assert sent(name, asked) == asked
    assert sent(name, asked, drop_params=True) == {"temperature": 0.5}


def test_mistral_has_its_own_word_for_a_seed() -> None:
    assert sent("mistral", {"seed": 5}) == {"random_seed": 5}


def test_voyage_is_asked_in_its_own_words() -> None:
    asked = {"input": ["a"], "dimensions": 256, "encoding_format": "float", "input_type": "query"}
    ranked = {"query": "a", "documents": ["b"], "top_n": 1}

    assert sent("voyage", asked, operation=Operation.EMBEDDING) == {
        "input": ["a"],
        "output_dimension": 256,
        "input_type": "query",
    }
    assert sent("voyage", ranked, operation=Operation.RERANK) == {"query": "a", "documents": ["b"], "top_k": 1}


def test_voyages_ranking_is_answered_in_the_common_shape() -> None:
    answer = {
        "object": "list",
        "data": [{"index": 1, "relevance_score": 0.9, "document": "gate"}, {"index": 0, "relevance_score": 0.1}],
        "model": "rerank-2",
        "usage": {"total_tokens": 8},
    }

    assert PROVIDERS["voyage"].parse_response(Operation.RERANK, answer) == {
        "results": [
            {"index": 1, "relevance_score": 0.9, "document": {"text": "gate"}},
            {"index": 0, "relevance_score": 0.1},
        ],
        "model": "rerank-2",
        "usage": {"total_tokens": 8},
    }


@pytest.mark.parametrize("name", ["openrouter", "groq", "ollama", "cerebras", "together_ai"])
def test_reasoning_is_answered_where_clients_look_for_it(name: str) -> None:
    answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Two.", "reasoning": "1+1"}}]}

    parsed = PROVIDERS[name].parse_response(Operation.CHAT, answer)

    assert parsed["choices"][0]["message"] == {"role": "assistant", "content": "Two.", "reasoning_content": "1+1"}


def test_reasoning_in_a_stream_is_moved_too() -> None:
    decoder = PROVIDERS["openrouter"].decoder()

    [first, second] = decoder.feed(
        b'data: {"choices":[{"index":0,"delta":{"content":"","reasoning":"1+1"}}]}\n\n'
        b'data: {"choices":[{"index":0,"delta":{"content":"Two.","reasoning":null}}]}\n\n'
    )

    assert first["choices"][0]["delta"] == {"content": "", "reasoning_content": "1+1"}
    assert second["choices"][0]["delta"] == {"content": "Two.", "reasoning": None}


def test_the_usage_in_groqs_last_chunk_is_found() -> None:
    stream = told("groq", chunk({"content": "hi"}), chunk({}, x_groq={"id": "r", "usage": USAGE}))

    assert stream.usage == USAGE
    assert stream.upstream_id == "c-1"


def test_usage_that_is_told_twice_is_counted_once() -> None:
    decoder = PROVIDERS["groq"].decoder()
    body = [chunk({}, x_groq={"usage": USAGE}), chunk(None, usage=USAGE)]

    chunks = [*decoder.feed(b"".join(b"data: " + orjson.dumps(one) + b"\n\n" for one in body)), *decoder.finish()]

    assert chunks == body


def test_the_usage_in_moonshots_choice_becomes_a_chunk_of_its_own() -> None:
    decoder = PROVIDERS["moonshot"].decoder()
    last = chunk({})
    last["choices"][0] |= {"finish_reason": "stop", "usage": USAGE}

    decoder.feed(b"data: " + orjson.dumps(last) + b"\n\n")

    assert decoder.finish() == [chunk(None, usage=USAGE)]
    assert decoder.finish() == []


@pytest.mark.parametrize(
    ("name", "relayed"),
    [("openai", True), ("hosted_vllm", True), ("deepseek", True), ("mistral", True), ("groq", False)],
)
def test_streams_without_a_quirk_are_relayed_as_bytes(name: str, relayed: bool) -> None:
    reader = PROVIDERS[name].reader(Operation.CHAT, model="m", wants_usage=False)

    assert (reader is not None) == relayed


def test_a_model_of_fireworks_has_its_long_name() -> None:
    fireworks = PROVIDERS["fireworks_ai"]

    assert fireworks.prepare(Account("deepseek-v3", "", "k", {})).model == "accounts/fireworks/models/deepseek-v3"
    assert fireworks.prepare(Account("accounts/me/models/x", "", "k", {})).model == "accounts/me/models/x"


@pytest.mark.parametrize(
    ("api_base", "url"),
    [
        ("http://h:11434", "http://h:11434/v1/chat/completions"),
        ("http://h:11434/", "http://h:11434/v1/chat/completions"),
        ("http://h:11434/v1", "http://h:11434/v1/chat/completions"),
        ("http://h:11434/v1/", "http://h:11434/v1/chat/completions"),
        ("http://h:11434?a=b", "http://h:11434/v1/chat/completions?a=b"),
    ],
)
def test_ollamas_address_may_end_before_its_path(api_base: str, url: str) -> None:
    assert PROVIDERS["ollama"].prepare(Account("llama3", api_base, "", {})).urls[Operation.CHAT] == url


def test_coheres_ranking_is_not_below_its_compatible_api() -> None:
    urls = PROVIDERS["cohere"].prepare(Account("rerank-v3.5", "", "k", {})).urls

    assert urls[Operation.RERANK] == "https://api.cohere.ai/v2/rerank"
    assert urls[Operation.CHAT] == "https://api.cohere.ai/compatibility/v1/chat/completions"
