"""Embeddings in the words of Gemini's batchEmbedContents.

https://ai.google.dev/api/embeddings
"""

from collections.abc import Mapping
from typing import Any

from proxy.core.errors import BadRequest, UpstreamFailure
from proxy.providers.base import Json
from proxy.providers.gemini_answer import member
from proxy.providers.parameters import select

_NAMES = {
    "dimensions": "outputDimensionality",
    "outputDimensionality": "outputDimensionality",
    "task_type": "taskType",
    "taskType": "taskType",
    "title": "title",
}
# Floats are what OpenAI's clients take, too, when they have asked for base64.
_SILENT = frozenset({"model", "stream", "user", "encoding_format"})


def to_batch(body: Mapping[str, Any], *, name: str, drop_params: bool) -> Json:
    """`name` is the model's, with `models/`. Raises BadRequest."""
    unsupported = frozenset(body.keys() - _NAMES.keys() - {"input"})
    kept = select(body, unsupported, silent=_SILENT, provider="gemini", drop=drop_params)
    found = kept.get("input")
    texts = [found] if isinstance(found, str) else found
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise BadRequest("'input' must be a string or an array of strings.", param="input")
    options = {_NAMES[name]: value for name, value in kept.items() if name in _NAMES}
    return {"requests": [{"model": name, "content": {"parts": [{"text": text}]}, **options} for text in texts]}


def to_embeddings(answer: Json) -> Json:
    """Without usage, unless it tells any. Raises UpstreamFailure."""
    found = answer.get("embeddings")
    vectors = [member(entry).get("values") for entry in found] if isinstance(found, list) else []
    if not vectors or not all(isinstance(vector, list) for vector in vectors):
        raise UpstreamFailure("the answer has no embeddings", provider="gemini")
    told: Json = {
        "object": "list",
        "data": [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)],
        "model": "",
    }
    if (tokens := member(answer.get("usageMetadata")).get("promptTokenCount")) is not None:
        told["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return told
