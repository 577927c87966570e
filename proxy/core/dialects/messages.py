"""Anthropic's Messages API over any chat model: what its SDK and Claude Code send."""

from proxy.core.dialects import messages_answer, messages_request
from proxy.core.dialects.base import Json
from proxy.core.streams import Encoder
from teams.errors import ApiError


class Messages:
    def to_chat(self, body: Json) -> Json:
        return messages_request.to_chat(body)

    def from_chat(self, answer: Json, *, model: str, request: Json) -> Json:
        return messages_answer.from_chat(answer, model=model)

    def encoder(self, *, model: str, wants_usage: bool, request: Json) -> Encoder:
        return messages_answer.MessagesEncoder(model)

    def envelope(self, error: ApiError) -> Json:
        return messages_answer.envelope(error)
