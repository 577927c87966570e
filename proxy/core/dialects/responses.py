"""OpenAI's Responses API over any chat model. Nothing is stored: each request brings its whole conversation."""

from proxy.core.dialects import responses_answer, responses_request
from proxy.core.dialects.base import Json
from proxy.core.streams import Encoder
from teams.errors import ApiError


class Responses:
    def to_chat(self, body: Json) -> Json:
        return responses_request.to_chat(body)

    def from_chat(self, answer: Json, *, model: str, request: Json) -> Json:
        return responses_answer.from_chat(answer, model=model, request=request)

    def encoder(self, *, model: str, wants_usage: bool, request: Json) -> Encoder:
        return responses_answer.ResponsesEncoder(model, request)

    def envelope(self, error: ApiError) -> Json:
        return error.envelope()
