"""Deployments made ready, as tests of what is done with them need them."""

from datetime import UTC, datetime
from typing import Any

from proxy.deployments import Deployment as Built
from proxy.deployments import build
from proxy.models import Deployment, Source

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "sk-upstream-secret-0123456789"


def row(
    address: str,
    *,
    pk: str = "",
    name: str = "gpt-4o",
    model: str = "openai/gpt-4o",
    info: dict[str, Any] | None = None,
    **params: Any,
) -> Deployment:
    """Not stored. It stands in config.yaml, and so may be on this machine."""
    made = Deployment(model_name=name, model_info=info or {}, source=Source.CONFIG, **({"pk": pk} if pk else {}))
    made.set_params({"model": model, "api_base": f"{address}/v1", "api_key": SECRET, **params})
    return made


def built(address: str, **facts: Any) -> Built:
    return build(row(address, **facts), now=NOW)


def stored(address: str, **facts: Any) -> Deployment:
    made = row(address, **facts)
    made.save(force_insert=True)
    return made
