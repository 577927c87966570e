"""How one provider serves one kind of request: in its own words, or as a chat completion translated both ways. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from budgets.core.pricing import Usage
from proxy.core.calls import Call
from proxy.core.dialects import DIALECTS
from proxy.core.dialects.base import Dialect, NoAnswer
from proxy.core.dialects.chat import CHAT
from proxy.core.errors import UpstreamFailure
from proxy.core.measure import estimate_prompt
from proxy.core.operations import Operation
from proxy.core.streams import StreamReader, TranslatedStream, named
from proxy.core.usage import with_what_is_beside
from proxy.providers.base import Provider, Target, UpstreamRequest


@dataclass(frozen=True, slots=True)
class Exchange:
    """`operation` is what the provider is asked; `dialect` is None when that is what the client asked, too."""

    provider: Provider
    operation: Operation
    dialect: Dialect | None

    def request(self, call: Call, target: Target, defaults: Mapping[str, Any], *, now: datetime) -> UpstreamRequest:
        """Raises BadRequest."""
        body = call.body if self.dialect is None else self.dialect.to_chat(call.body)
        merged = {**defaults, **body} if defaults else body
        return self.provider.build_request(target, self.operation, merged, stream=call.stream, now=now)

    def answer(
        self, call: Call, body: dict[str, Any], *, model: str, fallback_id: str, created: int
    ) -> tuple[dict[str, Any], Usage | None]:
        """An answer as the client shall see it, under the name `model`, and what was used. Raises UpstreamFailure."""
        parsed = self.provider.parse_response(self.operation, body)
        usage = self.provider.usage(self.operation, with_what_is_beside(parsed.get("usage"), parsed))
        if self.operation is Operation.CHAT:
            named(parsed, fallback_id, created)
        if self.dialect is not None:
            try:
                return self.dialect.from_chat(parsed, model=model, request=call.body), usage
            except NoAnswer as missing:
                raise UpstreamFailure(str(missing), provider=self.provider.name) from None
        if "model" in parsed:
            parsed["model"] = model
        if self.operation is Operation.EMBEDDING and not isinstance(parsed.get("usage"), dict):
            # Gemini and Bedrock's Cohere tell none, and OpenAI's clients read it without looking.
            tokens = estimate_prompt(call.operation, call.body)
            parsed["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
        return parsed, usage

    def reader(self, call: Call, *, model: str, fallback_id: str, created: int) -> StreamReader:
        if self.dialect is None:
            own = self.provider.reader(self.operation, model=model, wants_usage=call.wants_usage)
            if own is not None:
                return own
        encoder = (self.dialect or CHAT).encoder(model=model, wants_usage=call.wants_usage, request=call.body)
        return TranslatedStream(self.provider.decoder(), encoder, fallback_id, created)


@lru_cache(maxsize=1024)
def exchange(operation: Operation, provider: Provider) -> Exchange | None:
    """None when the provider cannot serve such a request in any words."""
    if operation in provider.operations:
        return Exchange(provider, operation, None)
    if (dialect := DIALECTS.get(operation)) is not None and Operation.CHAT in provider.operations:
        return Exchange(provider, Operation.CHAT, dialect)
    return None
