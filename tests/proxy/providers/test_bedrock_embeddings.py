"""Embeddings in the words of Titan and Cohere."""

from typing import Any

import pytest

from proxy.core.errors import BadRequest, UpstreamFailure
from proxy.providers.bedrock_embeddings import embedding_request, embeddings

TITAN = "amazon.titan-embed-text-v2:0"
COHERE = "us.cohere.embed-v4:0"


def test_titan_takes_one_text() -> None:
    body = {"input": ["a toll"], "dimensions": 256, "normalize": False, "encoding_format": "base64", "user": "u"}

    assert embedding_request(body, model=TITAN) == {"inputText": "a toll", "dimensions": 256, "normalize": False}
    assert embedding_request({"input": "a toll"}, model=TITAN) == {"inputText": "a toll"}
    assert embedding_request({"input": "a", "dimensions": 256}, model="amazon.titan-embed-image-v1") == {
        "inputText": "a",
        "embeddingConfig": {"outputEmbeddingLength": 256},
    }


def test_cohere_takes_many_and_wants_to_know_what_for() -> None:
    assert embedding_request({"input": ["a", "b"]}, model=COHERE) == {
        "texts": ["a", "b"],
        "input_type": "search_document",
    }
    assert embedding_request({"input": "a", "input_type": "search_query", "dimensions": 256}, model=COHERE) == {
        "texts": ["a"],
        "input_type": "search_query",
        "output_dimension": 256,
    }


@pytest.mark.parametrize(
    ("given", "model"),
    [
        (["a", "b"], TITAN),
        ([], COHERE),
        (None, COHERE),
        ([1, 2], TITAN),
        ([[1, 2]], COHERE),
        ({"text": "a"}, COHERE),
        ("a", "anthropic.claude-v2"),
    ],
)
def test_what_cannot_be_embedded_is_the_clients_mistake(given: Any, model: str) -> None:
    with pytest.raises(BadRequest):
        embedding_request({"input": given}, model=model)


def test_vectors_are_answered_in_openais_shape() -> None:
    titan = embeddings({"embedding": [0.5], "inputTextTokenCount": 3})
    cohere = embeddings({"embeddings": [[0.5], [0.25]], "id": "x"})
    typed = embeddings({"embeddings": {"float": [[0.5], [0.25]], "int8": [[1], [2]]}})

    assert titan["data"] == [{"object": "embedding", "index": 0, "embedding": [0.5]}]
    assert titan["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert [(entry["index"], entry["embedding"]) for entry in cohere["data"]] == [(0, [0.5]), (1, [0.25])]
    assert typed == cohere
    assert "usage" not in cohere


@pytest.mark.parametrize("broken", [{}, {"embedding": 5}, {"embeddings": "x"}, {"embeddings": {}}])
def test_an_answer_without_vectors_is_the_upstreams_failure(broken: dict[str, Any]) -> None:
    with pytest.raises(UpstreamFailure):
        embeddings(broken)
