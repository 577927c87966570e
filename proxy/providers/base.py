"""What a provider is to us: pure methods between our request and its wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from budgets.core.pricing import Usage


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how to post a chat completion."""

    url: str
    headers: Mapping[str, str]


class Provider(Protocol):
    @property
    def name(self) -> str: ...

    def chat_endpoint(self, *, model: str, api_base: str, api_key: str, params: Mapping[str, Any]) -> Endpoint:
        """`api_base` is empty when the deployment names none."""

    def default_api_base(self) -> str: ...

    def usage(self, reported: Any) -> Usage | None:
        """From the answer's `usage` object; None when there is nothing usable in it."""
