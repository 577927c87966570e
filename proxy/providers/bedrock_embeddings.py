"""Embeddings by Bedrock's InvokeModel: each family of models has a shape of its own.

Sources: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html and
model-parameters-embed.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.core.errors import BadRequest, UpstreamFailure
from proxy.core.usage import count
from proxy.providers.base import Json

# Of no consequence, or said by the address. A client that asks for base64 reads numbers as well.
_IGNORED = frozenset({"encoding_format", "input", "model", "stream", "user", "dimensions"})


def embedding_request(body: Mapping[str, Any], *, model: str) -> Json:
    """Raises BadRequest."""
    for family, build in _FAMILIES.items():
        if family in model:
            extra = {name: value for name, value in body.items() if name not in _IGNORED and value is not None}
            return {**build(_texts(body.get("input")), body.get("dimensions"), model), **extra}
    raise BadRequest(f"Bedrock embeds with {' and '.join(_FAMILIES)} models only.", param="model")


def embeddings(answer: Json) -> Json:
    """In OpenAI's shape. Cohere's have no usage: Bedrock tells it in a header only.

    Raises UpstreamFailure for an answer that makes no sense.
    """
    if isinstance(vector := answer.get("embedding"), list):
        tokens = count(answer, "inputTextTokenCount")
        return _list([vector]) | {"usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
    vectors = answer.get("embeddings")
    if isinstance(vectors, dict):
        vectors = vectors.get("float") or next(iter(vectors.values()), None)
    if not isinstance(vectors, list):
        raise UpstreamFailure("the answer has no embeddings", provider="bedrock")
    return _list(vectors)


def _list(vectors: list[Any]) -> Json:
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return {"object": "list", "data": data, "model": ""}


def _texts(given: Any) -> list[str]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise BadRequest("Bedrock embeds a text, or an array of texts.", param="input")
    return texts


def _titan(texts: list[str], dimensions: Any, model: str) -> Json:
    if len(texts) > 1:
        raise BadRequest("Amazon's Titan models embed one text in a request.", param="input")
    request: Json = {"inputText": texts[0]}
    if dimensions is not None:
        of_images = "titan-embed-image" in model
        request |= (
            {"embeddingConfig": {"outputEmbeddingLength": dimensions}} if of_images else {"dimensions": dimensions}
        )
    return request


def _cohere(texts: list[str], dimensions: Any, model: str) -> Json:
    request: Json = {"texts": texts, "input_type": "search_document"}
    return request if dimensions is None else {**request, "output_dimension": dimensions}


_FAMILIES: dict[str, Callable[[list[str], Any, str], Json]] = {
    "amazon.titan-embed": _titan,
    "cohere.embed": _cohere,
}
