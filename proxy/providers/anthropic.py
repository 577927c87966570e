"""Anthropic: chat completions translated to its Messages API, and that API for those who speak it themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from budgets.core.pricing import Usage
from proxy.core.errors import UpstreamError, from_upstream
from proxy.core.operations import Operation
from proxy.core.streams import StreamReader
from proxy.core.usage import read_usage
from proxy.providers.anthropic_answer import read_anthropic_usage, to_completion
from proxy.providers.anthropic_chat import to_messages
from proxy.providers.anthropic_stream import MessagesDecoder, MessagesReader
from proxy.providers.base import Account, Decoder, Json, Target, UpstreamRequest
from proxy.providers.openai import HEADERS, below, encode
from proxy.providers.quirks import dropped_params, without_settings

_VERSION = "2023-06-01"
# A subscription's token instead of a key; it is only taken with this beta.
_TOKEN_PREFIX = "sk-ant-oat"  # noqa: S105 - how such a token begins
_TOKEN_BETA = "oauth-2025-04-20"  # noqa: S105 - the beta's name
# Told as a bad request, though it is the account that is out of credit.
_UNPAID = b"credit balance is too low"


# Compared by identity: it is a key on the request path, and there is one of each.
@dataclass(frozen=True, eq=False)
class Anthropic:
    name: str = "anthropic"
    api_base: str = "https://api.anthropic.com"
    operations: frozenset[Operation] = frozenset({Operation.CHAT, Operation.MESSAGES})
    key_variables: tuple[str, ...] = ("ANTHROPIC_API_KEY",)
    base_variables: tuple[str, ...] = ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL")
    fact_variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def prepare(self, account: Account) -> Target:
        api_base = account.api_base or self.api_base
        headers = {**HEADERS, "anthropic-version": str(account.params.get("anthropic_version") or _VERSION)}
        if account.api_key.startswith(_TOKEN_PREFIX):
            headers |= {"Authorization": f"Bearer {account.api_key}", "anthropic-beta": _TOKEN_BETA}
        elif account.api_key:
            headers["x-api-key"] = account.api_key
        return Target(
            model=account.model,
            api_base=api_base,
            headers=headers,
            urls=dict.fromkeys(self.operations, _url(api_base)),
            facts={
                "drop_params": account.params.get("drop_params") is True,
                "dropped": dropped_params(account.params, (), model=account.model),
            },
        )

    def build_request(
        self, target: Target, operation: Operation, body: Mapping[str, Any], *, stream: bool, now: datetime
    ) -> UpstreamRequest:
        if dropped := target.facts["dropped"]:
            body = {name: value for name, value in body.items() if name not in dropped}
        if operation is Operation.CHAT:
            said = to_messages(body, model=target.model, drop_params=target.facts["drop_params"])
        else:
            said = dict(without_settings(body, model=target.model))
        said |= {"model": target.model, "stream": stream}
        return UpstreamRequest(target.urls[operation], target.headers, encode(said))

    def parse_response(self, operation: Operation, answer: Json) -> Json:
        return to_completion(answer) if operation is Operation.CHAT else answer

    def decoder(self) -> Decoder:
        return MessagesDecoder()

    def reader(self, operation: Operation, *, model: str, wants_usage: bool) -> StreamReader | None:
        return MessagesReader(model) if operation is Operation.MESSAGES else None

    def usage(self, operation: Operation, reported: Any) -> Usage | None:
        return read_usage(reported) if operation is Operation.CHAT else read_anthropic_usage(reported)

    def error(self, status: int, headers: Mapping[str, str], body: bytes, *, secrets: tuple[str, ...]) -> UpstreamError:
        if status == 400 and _UNPAID in body:
            status = 402
        return from_upstream(status, body, provider=self.name, secrets=secrets, headers=headers)


def _url(api_base: str) -> str:
    """An address may be that of the host, of its `/v1`, or of the whole route."""
    address = api_base.partition("?")[0].rstrip("/")
    if address.endswith("/v1/messages"):
        return api_base
    return below(api_base, "messages" if address.endswith("/v1") else "v1/messages")
