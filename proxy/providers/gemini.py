"""Gemini, as Google AI Studio serves it: chat completions and embeddings translated to its own API."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson

from budgets.core.pricing import Usage
from proxy.core.errors import UpstreamError, from_upstream
from proxy.core.operations import Operation
from proxy.core.streams import StreamReader
from proxy.core.usage import read_usage
from proxy.providers.base import Account, Decoder, Json, Target, UpstreamRequest
from proxy.providers.gemini_answer import GeminiDecoder, member, text_of, to_completion
from proxy.providers.gemini_chat import to_contents
from proxy.providers.gemini_embedding import to_batch, to_embeddings
from proxy.providers.openai import HEADERS, below, encode
from proxy.providers.quirks import dropped_params

_VERSIONED = re.compile(r"/v\d+\w*$")
_VERBS = {Operation.CHAT: "generateContent", Operation.EMBEDDING: "batchEmbedContents"}
_STATUSES = {"RESOURCE_EXHAUSTED": 429, "UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403, "UNAVAILABLE": 503}
_SECONDS = re.compile(r"(\d{1,6}(?:\.\d+)?)s")


# Compared by identity: it is a key on the request path, and there is one of each.
@dataclass(frozen=True, eq=False)
class Gemini:
    name: str = "gemini"
    api_base: str = "https://generativelanguage.googleapis.com"
    operations: frozenset[Operation] = frozenset({Operation.CHAT, Operation.EMBEDDING})
    key_variables: tuple[str, ...] = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    base_variables: tuple[str, ...] = ("GEMINI_API_BASE",)
    fact_variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def prepare(self, account: Account) -> Target:
        api_base = account.api_base or self.api_base
        headers = dict(HEADERS)
        if account.api_key:
            headers["x-goog-api-key"] = account.api_key
        model = account.model if "/" in account.model else f"models/{account.model}"
        urls = {operation: _url(api_base, f"{quote(model)}:{verb}") for operation, verb in _VERBS.items()}
        stream_url = _url(api_base, f"{quote(model)}:streamGenerateContent")
        return Target(
            model=account.model,
            api_base=api_base,
            headers=headers,
            urls=urls,
            facts={
                "drop_params": account.params.get("drop_params") is True,
                "dropped": dropped_params(account.params, (), model=account.model),
                "name": model,
                "stream_url": f"{stream_url}{'&' if '?' in stream_url else '?'}alt=sse",
            },
        )

    def build_request(
        self, target: Target, operation: Operation, body: Mapping[str, Any], *, stream: bool, now: datetime
    ) -> UpstreamRequest:
        drop_params = target.facts["drop_params"]
        if dropped := target.facts["dropped"]:
            body = {name: value for name, value in body.items() if name not in dropped}
        if operation is Operation.EMBEDDING:
            said = to_batch(body, name=target.facts["name"], drop_params=drop_params)
        else:
            said = to_contents(body, model=target.model, drop_params=drop_params)
        url = target.facts["stream_url"] if stream else target.urls[operation]
        return UpstreamRequest(url, target.headers, encode(said))

    def parse_response(self, operation: Operation, answer: Json) -> Json:
        return to_embeddings(answer) if operation is Operation.EMBEDDING else to_completion(answer)

    def decoder(self) -> Decoder:
        return GeminiDecoder()

    def reader(self, operation: Operation, *, model: str, wants_usage: bool) -> StreamReader | None:
        return None

    def usage(self, operation: Operation, reported: Any) -> Usage | None:
        return read_usage(reported)

    def error(self, status: int, headers: Mapping[str, str], body: bytes, *, secrets: tuple[str, ...]) -> UpstreamError:
        """Some of its answers stand in an array. What a status means, `status` in the body knows better."""
        told = _first(body)
        error = member(told.get("error"))
        if _is_about_the_key(error):
            status = 401
        return from_upstream(
            _STATUSES.get(text_of(error, "status"), status),
            _unwrapped(body, told),
            provider=self.name,
            secrets=secrets,
            retry_after=headers.get("retry-after") or _retry_after(error),
            headers=headers,
        )


def _url(api_base: str, path: str) -> str:
    """An address may be that of the host, or of one of its versions."""
    address = api_base.partition("?")[0].rstrip("/")
    return below(api_base, path if _VERSIONED.search(address) else f"v1beta/{path}")


def _first(body: bytes) -> Json:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return member(found[0] if isinstance(found, list) and found else found)


def _unwrapped(body: bytes, told: Json) -> bytes:
    if not body.lstrip().startswith(b"["):
        return body
    try:
        return orjson.dumps(told)
    except orjson.JSONEncodeError:
        # Nested deeper than this encoder goes.
        return body


def _is_about_the_key(error: Json) -> bool:
    """A wrong key is told as an invalid argument."""
    reasons = [text_of(detail, "reason") for detail in _details(error)]
    return "API_KEY_INVALID" in reasons or "API key not valid" in text_of(error, "message")


def _retry_after(error: Json) -> str | None:
    """`RetryInfo` says it in seconds: "17s", "3.2s"."""
    for detail in _details(error):
        if found := _SECONDS.fullmatch(text_of(detail, "retryDelay")):
            return str(math.ceil(float(found[1])))
    return None


def _details(error: Json) -> list[Json]:
    found = error.get("details")
    return [detail for detail in found if isinstance(detail, dict)] if isinstance(found, list) else []
