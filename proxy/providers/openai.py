"""OpenAI's wire, spoken by most: a base URL and a bearer key are nearly all that differs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from budgets.core.pricing import Usage
from proxy.core.errors import BadRequest, UpstreamError, from_upstream
from proxy.core.operations import Operation
from proxy.core.relays import ResponsesRelay, read_responses_usage
from proxy.core.scanner import StreamScanner
from proxy.core.sse import OpenAIDecoder
from proxy.core.streams import StreamReader
from proxy.core.usage import read_usage
from proxy.providers.base import Account, Decoder, Json, Target, UpstreamRequest
from proxy.providers.cache_marks import has_cache_marks, without_cache_marks
from proxy.providers.multipart import encode_multipart
from proxy.providers.quirks import PLAIN, QuirkDecoder, Quirks, move_reasoning, without_settings

HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    # A stream is relayed as it comes, and read on the way.
    "Accept-Encoding": "identity",
}
PATHS: dict[Operation, str] = {
    Operation.CHAT: "chat/completions",
    Operation.COMPLETION: "completions",
    Operation.EMBEDDING: "embeddings",
    Operation.RESPONSES: "responses",
    Operation.MODERATION: "moderations",
    Operation.IMAGE: "images/generations",
    Operation.TRANSCRIPTION: "audio/transcriptions",
    Operation.SPEECH: "audio/speech",
    Operation.RERANK: "rerank",
}
_USAGES: dict[Operation, Callable[[Any], Usage | None]] = {Operation.RESPONSES: read_responses_usage}
BASIC = frozenset({Operation.CHAT, Operation.COMPLETION, Operation.EMBEDDING})


# Compared by identity: it is a key on the request path, and there is one of each.
@dataclass(frozen=True, eq=False)
class OpenAICompatible:
    """`paths` replace those of PATHS; one that begins with a slash goes from the host's root.

    `suffix` is appended to an api_base that lacks it. `model_prefix` goes before a model's name without a slash.
    """

    name: str
    api_base: str = ""
    operations: frozenset[Operation] = BASIC
    key_variables: tuple[str, ...] = ()
    base_variables: tuple[str, ...] = ()
    quirks: Quirks = PLAIN
    paths: Mapping[Operation, str] = field(default_factory=dict)
    suffix: str = ""
    model_prefix: str = ""
    fact_variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def prepare(self, account: Account) -> Target:
        api_base = self._base(account.api_base or self.api_base)
        headers = {**HEADERS, **self._credentials(account, api_base)}
        if organization := account.params.get("organization"):
            headers["OpenAI-Organization"] = str(organization)
        changes = self.quirks.changes(account.model, account.params)
        return Target(
            model=account.model if "/" in account.model else f"{self.model_prefix}{account.model}",
            api_base=api_base,
            headers=headers,
            urls={operation: self._url(account, api_base, operation) for operation in self.operations},
            facts={} if changes is None else {"changes": changes},
        )

    def build_request(
        self, target: Target, operation: Operation, body: Mapping[str, Any], *, stream: bool, now: datetime
    ) -> UpstreamRequest:
        url = target.urls[operation]
        body = without_settings(body, self.quirks.refusals, model=target.model)
        if (changes := target.facts.get("changes")) is not None:
            body = changes.apply(operation, body)
        if operation is Operation.TRANSCRIPTION:
            content_type, form = encode_multipart({**body, "model": target.model})
            return UpstreamRequest(url, {**target.headers, "Content-Type": content_type}, form)
        content = encode({**body, "model": target.model})
        if not self.quirks.cache_control and has_cache_marks(content):
            content = encode({**without_cache_marks(body), "model": target.model})
        return UpstreamRequest(url, target.headers, content)

    def parse_response(self, operation: Operation, answer: Json) -> Json:
        if (rewrite := self.quirks.answer.get(operation)) is not None:
            answer = rewrite(answer)
        if self.quirks.reasoning and operation is Operation.CHAT:
            return move_reasoning(answer, "message", self.quirks.reasoning)
        return answer

    def decoder(self) -> Decoder:
        return QuirkDecoder(self.quirks) if self.quirks.changes_stream else OpenAIDecoder()

    def reader(self, operation: Operation, *, model: str, wants_usage: bool) -> StreamReader | None:
        if operation is Operation.RESPONSES:
            return ResponsesRelay(model)
        if operation is Operation.CHAT and self.quirks.changes_stream:
            return None
        return StreamScanner(model=model, wants_usage=wants_usage)

    def usage(self, operation: Operation, reported: Any) -> Usage | None:
        if self.quirks.usage is not None and isinstance(reported, dict):
            reported = self.quirks.usage(reported)
        return _USAGES.get(operation, read_usage)(reported)

    def error(self, status: int, headers: Mapping[str, str], body: bytes, *, secrets: tuple[str, ...]) -> UpstreamError:
        return from_upstream(status, body, provider=self.name, secrets=secrets, headers=headers)

    def _base(self, api_base: str) -> str:
        if not api_base:
            raise ValueError(f"provider {self.name!r} needs an api_base")
        address = api_base.partition("?")[0].rstrip("/")
        return below(api_base, self.suffix) if self.suffix and not address.endswith(f"/{self.suffix}") else api_base

    def _credentials(self, account: Account, api_base: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {account.api_key}"} if account.api_key else {}

    def _url(self, account: Account, api_base: str, operation: Operation) -> str:
        path = self.paths.get(operation, PATHS[operation])
        return below(root(api_base), path[1:]) if path.startswith("/") else below(api_base, path)


def encode(body: Mapping[str, Any]) -> bytes:
    """Raises BadRequest for what the decoder takes and the encoder does not: very deep nesting, a file."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        raise BadRequest("Invalid JSON payload: nested too deeply.", param="request_body") from None


def below(api_base: str, path: str) -> str:
    """`path` under the address; a query of the address stays behind it."""
    address, mark, query = api_base.partition("?")
    return f"{address.rstrip('/')}/{path}{mark}{query}"


def root(api_base: str) -> str:
    """The address without its path; a query stays behind it. Raises ValueError for what is no URL."""
    parts = urlsplit(api_base)
    return parts._replace(path="", fragment="").geturl()
