"""Deployments for tests: rows, and what becomes of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from proxy.deployments import Deployment as Built
from proxy.deployments import build
from proxy.models import Deployment

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOTHING: Mapping[str, Any] = MappingProxyType({})


def row(
    params: Mapping[str, Any] = NOTHING, *, credentials: str = "", info: dict[str, Any] | None = None, **columns: Any
) -> Deployment:
    return Deployment(
        **{"model_name": "gpt-4o", **columns},
        litellm_params={"model": "openai/gpt-4o", **params},
        credentials=credentials,
        model_info=info or {},
    )


def built(params: Mapping[str, Any] = NOTHING, *, defaults: Mapping[str, Any] = NOTHING, **facts: Any) -> Built:
    return build(row(params, **facts), now=NOW, defaults=defaults)
