"""What a fake provider generated, in OpenAI's shapes and as a line of its bill."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Billed:
    """One line of the provider's bill; `finished` is False for a stream that was broken off."""

    id: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    stream: bool
    finished: bool
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One answer before it is sent; `share` of it is what a broken stream had sent."""

    id: str
    created: int
    model: str
    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int

    @property
    def usage(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning_tokens,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def envelope(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "service_tier": "default",
            "system_fingerprint": "fp_44709d6fcb",
        }

    def whole(self, *, with_usage: bool) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self.text, "refusal": None, "annotations": []}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}
        usage = {"usage": self.usage} if with_usage else {}
        return self.envelope("chat.completion") | {"choices": [choice]} | usage

    def chunk(self, delta: dict[str, Any], *, finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self.envelope("chat.completion.chunk") | {"choices": [choice]}

    def billed(self, *, stream: bool, share: float = 1.0, finished: bool = True) -> Billed:
        return Billed(
            id=self.id,
            model=self.model,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=int(self.completion_tokens * share),
            stream=stream,
            finished=finished,
            cached_tokens=self.cached_tokens,
            reasoning_tokens=int(self.reasoning_tokens * share),
        )
