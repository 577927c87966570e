"""Anthropic's cache marks on their way to those who know them, and to those who refuse them."""

from typing import Any

import orjson
import pytest

from proxy.core.operations import Operation
from proxy.providers.base import Account
from proxy.providers.openai import OpenAICompatible
from proxy.providers.quirks import Quirks
from tests.proxy.core.test_exchange import NOW

Json = dict[str, Any]

MARK = {"type": "ephemeral"}
MARKED: Json = {
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "a", "cache_control": MARK}]},
        {"role": "user", "content": "b", "cache_control": MARK},
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "look", "parameters": {"properties": {"cache_control": {"type": "string"}}}},
            "cache_control": MARK,
        }
    ],
}


def sent(body: Json, *, model: str = "gpt-4o", operation: Operation = Operation.CHAT, **options: Any) -> Json:
    provider = OpenAICompatible("openai", "http://x", **options)
    target = provider.prepare(Account(model=model, api_base="", api_key="", params={}))
    found: Json = orjson.loads(provider.build_request(target, operation, body, stream=False, now=NOW).content)
    del found["model"]
    return found


def test_cache_marks_are_taken_out_and_nothing_else() -> None:
    found = sent(MARKED)

    assert found["messages"] == [
        {"role": "system", "content": [{"type": "text", "text": "a"}]},
        {"role": "user", "content": "b"},
    ]
    assert found["tools"] == [{"type": "function", "function": MARKED["tools"][0]["function"]}]


def test_a_router_to_anthropics_models_gets_the_cache_marks() -> None:
    assert sent(MARKED, quirks=Quirks(cache_control=True)) == MARKED


@pytest.mark.parametrize("content", ['{"cache_control": 1}', [{"type": "text", "text": '"cache_control"'}], None, 5])
def test_content_without_marks_stays_as_it_is(content: Any) -> None:
    body = {"messages": [{"role": "user", "content": content}, "odd"], "tools": 5}

    assert sent(body) == body
