"""What a provider is to us: pure methods between our request and its wire.

Inside the gateway everything speaks OpenAI's shapes. A provider with another wire translates: `build_request` to it,
`parse_response` and `decoder` from it. What a provider speaks natively in another dialect (Anthropic's messages,
OpenAI's responses) goes through untranslated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from budgets.core.pricing import Usage
from proxy.core.errors import UpstreamError
from proxy.core.operations import Operation
from proxy.core.streams import StreamReader
from proxy.core.uploads import Upload

__all__ = ["Account", "Decoder", "Json", "Provider", "Target", "Upload", "UpstreamRequest"]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """What a deployment says of itself. `params` are its litellm_params, variables resolved, secrets included."""

    model: str
    api_base: str
    api_key: str = field(repr=False)
    params: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """An account made ready: whatever can be worked out before a request is.

    `headers` are complete but for what a request adds itself. `facts` are what else its provider wants to remember.
    """

    model: str
    api_base: str
    headers: Mapping[str, str] = field(repr=False)
    urls: Mapping[Operation, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One POST, complete."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


class Decoder(Protocol):
    """A provider's stream as OpenAI's `chat.completion.chunk` objects."""

    def feed(self, data: bytes) -> Sequence[Json]:
        """The chunks that `data` completes; usage comes in one of its own, without choices; a failure as

        `{"error": {"message": ..., "type": ..., "code": ...}}`. Raises proxy.core.streams.EventTooLong.
        """

    def finish(self) -> Sequence[Json]:
        """What is left when the upstream has closed."""


class Provider(Protocol):
    """One object for each prefix, compared by identity: it is looked up by requests."""

    def __hash__(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def operations(self) -> frozenset[Operation]:
        """What it is asked for in its own words; the rest goes as chat, or not at all."""

    @property
    def key_variables(self) -> tuple[str, ...]:
        """Variables of the environment that hold the api_key of a deployment that gives none; the first one set."""

    @property
    def base_variables(self) -> tuple[str, ...]:
        """The same for its api_base."""

    @property
    def fact_variables(self) -> Mapping[str, tuple[str, ...]]:
        """The same for other parameters, by their name."""

    def prepare(self, account: Account) -> Target:
        """Raises ValueError with a sentence for the admin."""

    def build_request(
        self, target: Target, operation: Operation, body: Mapping[str, Any], *, stream: bool, now: datetime
    ) -> UpstreamRequest:
        """`body` is in the operation's shape, defaults merged in, without the model; values may be Upload.

        Raises BadRequest for what this provider cannot be asked.
        """

    def parse_response(self, operation: Operation, answer: Json) -> Json:
        """Its answer in the operation's shape. Raises UpstreamFailure for one that makes no sense."""

    def decoder(self) -> Decoder:
        """For a stream of a chat completion that must be translated."""

    def reader(self, operation: Operation, *, model: str, wants_usage: bool) -> StreamReader | None:
        """For a stream that is in the operation's shape already; None when only its chat can be streamed, decoded."""

    def usage(self, operation: Operation, reported: Any) -> Usage | None:
        """From an answer's `usage` object; None when there is nothing usable in it."""

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, secrets: tuple[str, ...]
    ) -> UpstreamError: ...
