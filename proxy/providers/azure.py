"""Azure: OpenAI's wire under Azure's addresses, with Azure's credentials."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from proxy.core.errors import UpstreamError, from_upstream
from proxy.core.operations import Operation
from proxy.providers.base import Account
from proxy.providers.openai import BASIC, PATHS, OpenAICompatible, root
from proxy.providers.services import OPENAI_QUIRKS

# The newest generally available version with a date (learn.microsoft.com/azure/ai-foundry/openai/reference); it knows
# `stream_options`.
API_VERSION = "2024-10-21"
# Of the model inference API (learn.microsoft.com/rest/api/aifoundry/modelinference).
INFERENCE_VERSION = "2024-05-01-preview"
# Names of what has no date: the v1 API (learn.microsoft.com/azure/foundry/openai/api-version-lifecycle).
_UNDATED = frozenset({"v1", "latest", "preview"})
_DEPLOYMENT = re.compile(r"/openai/deployments/[^/]+")
_V1 = "/openai/v1"
_KEY_HOSTS = (".services.ai.azure.com", ".openai.azure.com", ".cognitiveservices.azure.com")


@dataclass(frozen=True, eq=False)
class AzureOpenAI(OpenAICompatible):
    """Three kinds of api_base: a resource, one of its deployments, or its v1 API (`.../openai/v1`)."""

    def _credentials(self, account: Account, api_base: str) -> Mapping[str, str]:
        if token := account.params.get("azure_ad_token"):
            return {"Authorization": f"Bearer {token}"}
        return {"api-key": account.api_key} if account.api_key else {}

    def _url(self, account: Account, api_base: str, operation: Operation) -> str:
        address, query = _split(api_base)
        version = str(account.params.get("api_version") or query.pop("api-version", "") or API_VERSION)
        path = PATHS[operation]
        if _V1 in address:
            address = address[: address.index(_V1)]
        elif (deployment := _DEPLOYMENT.search(address)) is not None:
            if version not in _UNDATED and operation is not Operation.RESPONSES:
                return _with_query(f"{address[: deployment.end()]}/{path}", query, version)
            address = address[: deployment.start()]
        elif version not in _UNDATED and operation is not Operation.RESPONSES:
            return _with_query(f"{address}/openai/deployments/{quote(account.model, safe='')}/{path}", query, version)
        # Responses have no address below a deployment; the v1 API has had them from the beginning.
        return _with_query(f"{address}{_V1}/{path}", query, version if version == "preview" else "")

    def error(self, status: int, headers: Mapping[str, str], body: bytes, *, secrets: tuple[str, ...]) -> UpstreamError:
        return from_upstream(
            status, body, provider=self.name, secrets=secrets, retry_after=_retry_after(headers), headers=headers
        )


@dataclass(frozen=True, eq=False)
class AzureModels(AzureOpenAI):
    """Other makers' models: a resource's inference API (`.../models`), or a serverless endpoint of one model."""

    def _credentials(self, account: Account, api_base: str) -> Mapping[str, str]:
        if not _is_resource(api_base) and account.api_key and not account.params.get("azure_ad_token"):
            return {"Authorization": f"Bearer {account.api_key}"}
        # Without it, fields that not every model knows are an error.
        return {**super()._credentials(account, api_base), "extra-parameters": "pass-through"}

    def _url(self, account: Account, api_base: str, operation: Operation) -> str:
        address, query = _split(api_base)
        if _V1 in address or _DEPLOYMENT.search(address):
            return super()._url(account, api_base, operation)
        version = str(account.params.get("api_version") or query.pop("api-version", ""))
        if not _is_resource(api_base):
            path = "/v1/rerank" if operation is Operation.RERANK else PATHS[operation]
            base = root(address) if path.startswith("/") else address
            return _with_query(f"{base}/{path.removeprefix('/')}", query, version)
        if operation is Operation.RERANK:
            return _with_query(f"{root(address)}/providers/cohere/v2/rerank", query, version)
        base = address if address.endswith("/models") else f"{address}/models"
        return _with_query(f"{base}/{PATHS[operation]}", query, version or INFERENCE_VERSION)


AZURE = AzureOpenAI(
    "azure",
    operations=BASIC | {Operation.RESPONSES, Operation.IMAGE, Operation.TRANSCRIPTION, Operation.SPEECH},
    key_variables=("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"),
    base_variables=("AZURE_API_BASE", "AZURE_OPENAI_ENDPOINT"),
    fact_variables={"api_version": ("AZURE_API_VERSION",), "azure_ad_token": ("AZURE_AD_TOKEN",)},
    quirks=OPENAI_QUIRKS,
)
AZURE_AI = AzureModels(
    "azure_ai",
    operations=frozenset({Operation.CHAT, Operation.EMBEDDING, Operation.RERANK}),
    key_variables=("AZURE_AI_API_KEY",),
    base_variables=("AZURE_AI_API_BASE",),
    fact_variables={"azure_ad_token": ("AZURE_AD_TOKEN",)},
    quirks=OPENAI_QUIRKS,
)


def _split(api_base: str) -> tuple[str, dict[str, str]]:
    """The address without what people copy along from the portal, and its query."""
    address, _, query = api_base.partition("?")
    address = address.rstrip("/")
    for path in PATHS.values():
        address = address.removesuffix(f"/{path}")
    return address.rstrip("/"), dict(parse_qsl(query))


def _with_query(address: str, query: Mapping[str, str], version: str) -> str:
    whole = {**query, "api-version": version} if version else query
    return f"{address}?{urlencode(whole)}" if whole else address


def _is_resource(api_base: str) -> bool:
    host = urlsplit(api_base).hostname or ""
    path = urlsplit(api_base).path.rstrip("/")
    return host.endswith(_KEY_HOSTS) or path.endswith(("/models", "/models/chat/completions", "/models/embeddings"))


def _retry_after(headers: Mapping[str, str]) -> str | None:
    """Seconds. Azure may tell only milliseconds."""
    if told := headers.get("retry-after"):
        return told
    milliseconds: Any = headers.get("retry-after-ms")
    return str(-(-int(milliseconds) // 1000)) if milliseconds and str(milliseconds).isdecimal() else None
