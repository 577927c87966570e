"""A chat completion's own shape: the dialect of clients whose provider speaks something else."""

from dataclasses import dataclass
from typing import Any

import orjson

from proxy.core.errors import UpstreamError
from proxy.core.streams import Encoder
from teams.errors import ApiError


@dataclass(slots=True)
class ChatEncoder:
    """Chunks as server-sent events. The one that only carries usage is for whoever asked for it."""

    model: str
    wants_usage: bool

    def feed(self, chunk: dict[str, Any]) -> bytes:
        if not chunk.get("choices") and not self.wants_usage:
            return b""
        return b"data: " + orjson.dumps({**chunk, "model": self.model}) + b"\n\n"

    def finish(self) -> bytes:
        return b"data: [DONE]\n\n"

    def complaint(self, error: UpstreamError) -> bytes:
        return b"data: " + orjson.dumps(error.envelope()) + b"\n\n"


class Chat:
    def to_chat(self, body: dict[str, Any]) -> dict[str, Any]:
        return body

    def from_chat(self, answer: dict[str, Any], *, model: str, request: dict[str, Any]) -> dict[str, Any]:
        return {**answer, "model": model}

    def encoder(self, *, model: str, wants_usage: bool, request: dict[str, Any]) -> Encoder:
        return ChatEncoder(model, wants_usage)

    def envelope(self, error: ApiError) -> dict[str, Any]:
        return error.envelope()


CHAT = Chat()
