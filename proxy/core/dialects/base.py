"""What a dialect is: pure methods between a client's shape and a chat completion's."""

from typing import Any, Protocol

from proxy.core.streams import Encoder
from teams.errors import ApiError

Json = dict[str, Any]


class NoAnswer(ValueError):
    """An upstream's answer that holds none: the sentence says what is missing."""


class Dialect(Protocol):
    def to_chat(self, body: Json) -> Json:
        """The body of a chat completion, without the model. Raises BadRequest."""

    def from_chat(self, answer: Json, *, model: str, request: Json) -> Json:
        """A whole chat completion in the client's shape, under the name the client asked for.

        `request` is the client's own body, of which some answers repeat a part. Raises NoAnswer.
        """

    def encoder(self, *, model: str, wants_usage: bool, request: Json) -> Encoder: ...

    def envelope(self, error: ApiError) -> Json:
        """How an error is told before the first byte."""
