"""Amazon Bedrock: the Converse API for chat, InvokeModel for embeddings, signed requests or an API key."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson

from budgets.core.pricing import Usage
from proxy.core.errors import UpstreamError, from_upstream
from proxy.core.operations import Operation
from proxy.core.streams import StreamReader
from proxy.core.usage import read_usage
from proxy.providers.base import Account, Decoder, Json, Target, UpstreamRequest
from proxy.providers.bedrock_answers import ConverseDecoder, chat_completion
from proxy.providers.bedrock_chat import converse_request
from proxy.providers.bedrock_embeddings import embedding_request, embeddings
from proxy.providers.eventstream import CONTENT_TYPE
from proxy.providers.openai import below, encode
from proxy.providers.quirks import dropped_params, without_settings
from proxy.providers.sigv4 import Credentials, sign

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_ARN = re.compile(r"arn:[\w-]+:(?:bedrock|sagemaker):([\w-]+):")
# The service's name in a signature is not that of its host (service endpoints of Bedrock's runtime).
_SERVICE = "bedrock"
# Statuses of exceptions whose own says something else to a client (API_runtime_Converse.html#errors): a model's fault
# is none of the client's, nor are our credentials.
_STATUSES = {
    "AccessDeniedException": 403,
    "ExpiredTokenException": 401,
    "InternalServerException": 500,
    "InvalidSignatureException": 401,
    "MissingAuthenticationTokenException": 401,
    "ModelErrorException": 500,
    "ModelNotReadyException": 429,
    "ModelStreamErrorException": 500,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 429,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "UnrecognizedClientException": 401,
    "ValidationException": 400,
}


@dataclass(frozen=True, eq=False)
class Bedrock:
    name: str = "bedrock"
    operations: frozenset[Operation] = frozenset({Operation.CHAT, Operation.EMBEDDING})
    key_variables: tuple[str, ...] = ("AWS_BEARER_TOKEN_BEDROCK",)
    base_variables: tuple[str, ...] = ("AWS_BEDROCK_RUNTIME_ENDPOINT",)

    @property
    def fact_variables(self) -> Mapping[str, tuple[str, ...]]:
        return {
            "aws_region_name": ("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"),
            "aws_access_key_id": ("AWS_ACCESS_KEY_ID",),
            "aws_secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
            "aws_session_token": ("AWS_SESSION_TOKEN",),
        }

    def prepare(self, account: Account) -> Target:
        """The model may have its region before it (`us-west-2/anthropic.claude...`), or be an ARN."""
        region, model = _place(account)
        base = _text(account.params, "aws_bedrock_runtime_endpoint") or account.api_base or _endpoint(region)
        address = below(base, f"model/{quote(model, safe='')}")
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}
        facts: dict[str, Any] = {
            "region": region,
            "stream_url": f"{address}/converse-stream",
            "drop_params": account.params.get("drop_params") is True,
            "dropped": dropped_params(account.params, (), model=model),
        }
        if account.api_key:
            headers["Authorization"] = f"Bearer {account.api_key}"
        else:
            facts["credentials"] = _credentials(account.params)
        urls = {Operation.CHAT: f"{address}/converse", Operation.EMBEDDING: f"{address}/invoke"}
        return Target(model=model, api_base=base, headers=headers, urls=urls, facts=facts)

    def build_request(
        self, target: Target, operation: Operation, body: Mapping[str, Any], *, stream: bool, now: datetime
    ) -> UpstreamRequest:
        if dropped := target.facts["dropped"]:
            body = {name: value for name, value in body.items() if name not in dropped}
        drop_params = target.facts["drop_params"] or body.get("drop_params") is True
        body = without_settings(body, model=target.model)
        if operation is Operation.EMBEDDING:
            return self._signed(target, target.urls[operation], embedding_request(body, model=target.model), now=now)
        asked = converse_request(body, model=target.model, drop_params=drop_params)
        return self._signed(target, target.facts["stream_url"] if stream else target.urls[operation], asked, now=now)

    def parse_response(self, operation: Operation, answer: Json) -> Json:
        return embeddings(answer) if operation is Operation.EMBEDDING else chat_completion(answer)

    def decoder(self) -> Decoder:
        return ConverseDecoder()

    def reader(self, operation: Operation, *, model: str, wants_usage: bool) -> StreamReader | None:
        return None

    def usage(self, operation: Operation, reported: Any) -> Usage | None:
        return read_usage(reported)

    def error(self, status: int, headers: Mapping[str, str], body: bytes, *, secrets: tuple[str, ...]) -> UpstreamError:
        kind = headers.get("x-amzn-errortype", "").partition(":")[0]
        return from_upstream(
            _STATUSES.get(kind, status),
            _told(body),
            provider=self.name,
            secrets=secrets,
            headers=headers,
        )

    def _signed(self, target: Target, url: str, asked: Json, *, now: datetime) -> UpstreamRequest:
        content = encode(asked)
        headers = target.headers
        if url == target.facts["stream_url"]:
            headers = {**headers, "Accept": CONTENT_TYPE}
        if (credentials := target.facts.get("credentials")) is None:
            return UpstreamRequest(url, headers, content)
        signed = sign(
            credentials,
            method="POST",
            url=url,
            headers={"Content-Type": headers["Content-Type"]},
            content=content,
            region=target.facts["region"],
            service=_SERVICE,
            now=now,
        )
        return UpstreamRequest(url, {**headers, **signed}, content)


BEDROCK = Bedrock()


def _place(account: Account) -> tuple[str, str]:
    """Region and model."""
    model = re.sub(r"^(converse_like|converse|invoke)/", "", account.model)
    before, slash, after = model.partition("/")
    arn = _ARN.match(model)
    region = _text(account.params, "aws_region_name") or _text(account.params, "region_name")
    if slash and _REGION.fullmatch(before):
        region, model = before, after
    region = region or (arn[1] if arn else "")
    if not _REGION.fullmatch(region):
        raise ValueError("provider 'bedrock' needs an aws_region_name, such as us-east-1")
    if not model:
        raise ValueError("provider 'bedrock' needs a model")
    return region, model


def _endpoint(region: str) -> str:
    china = ".cn" if region.startswith("cn-") else ""
    return f"https://bedrock-runtime.{region}.amazonaws.com{china}"


def _credentials(params: Mapping[str, Any]) -> Credentials:
    key, secret = _text(params, "aws_access_key_id"), _text(params, "aws_secret_access_key")
    if not key or not secret:
        raise ValueError(
            "provider 'bedrock' needs aws_access_key_id and aws_secret_access_key, or an api_key; roles and profiles "
            "are not supported"
        )
    return Credentials(key, secret, _text(params, "aws_session_token"))


def _text(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ValueError(f"{name} is not a text, or holds a character that no header can carry")
    return value.strip()


def _told(body: bytes) -> bytes:
    """The message alone, wherever it stands. What follows its first line quotes our request, as for signatures."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    told = parsed.get("message") or parsed.get("Message") if isinstance(parsed, dict) else None
    return orjson.dumps({"message": told.partition("\n")[0]}) if isinstance(told, str) else body
