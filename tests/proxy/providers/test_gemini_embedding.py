"""Texts as Gemini embeds them, against a real server."""

from collections.abc import Iterator
from typing import Any

import pytest

from budgets.core.pricing import Usage
from proxy.core.errors import BadRequest, UpstreamFailure
from proxy.core.operations import Operation
from proxy.providers import PROVIDERS
from tests.fakes.gemini import FakeGemini
from tests.proxy.providers.asking import ask, request

GEMINI = PROVIDERS["gemini"]
KEY = "AIzaSyFakeFakeFakeFakeFake"


@pytest.fixture
def fake() -> Iterator[FakeGemini]:
    with FakeGemini(api_key=KEY) as fake:
        yield fake


@pytest.mark.parametrize("body", [{"input": "x"}, {"input": ["x", "y"], "dimensions": 3, "encoding_format": "base64"}])
def test_texts_become_vectors(fake: FakeGemini, body: dict[str, Any]) -> None:
    facts: dict[str, Any] = {"api_base": fake.url, "model": "gemini-embedding-001", "api_key": KEY}

    answer = ask(GEMINI, body, operation=Operation.EMBEDDING, **facts)

    count = len(body["input"])
    assert [entry["index"] for entry in answer["data"]] == list(range(count))
    assert {len(entry["embedding"]) for entry in answer["data"]} == {body.get("dimensions", 4)}
    assert (answer["object"], GEMINI.usage(Operation.EMBEDDING, answer.get("usage"))) == ("list", None)


def test_usage_of_embeddings_is_told_where_there_is_any() -> None:
    answer = {"embeddings": [{"values": [1.0]}], "usageMetadata": {"promptTokenCount": 4}}

    told = GEMINI.parse_response(Operation.EMBEDDING, answer)

    assert GEMINI.usage(Operation.EMBEDDING, told["usage"]) == Usage(4)


@pytest.mark.parametrize("given_input", [[], None, 5, [5], [[1, 2]], {"text": "x"}])
def test_only_texts_can_be_embedded(given_input: Any) -> None:
    with pytest.raises(BadRequest):
        request(GEMINI, {"input": given_input}, operation=Operation.EMBEDDING)


@pytest.mark.parametrize("answer", [{}, {"embeddings": {}}, {"embeddings": [{}]}, {"embeddings": [5]}])
def test_an_answer_that_makes_no_sense_is_a_failure(answer: dict[str, Any]) -> None:
    with pytest.raises(UpstreamFailure):
        GEMINI.parse_response(Operation.EMBEDDING, answer)
