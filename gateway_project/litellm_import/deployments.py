"""Model rows, whose parameters LiteLLM keeps encrypted, and the stored credentials that they name."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.db.models import Model

from gateway_project.litellm_import.kinds import Context, Kind, named
from gateway_project.litellm_import.people import stamps
from gateway_project.litellm_import.source import Source
from gateway_project.litellm_import.values import Row, Skip
from proxy.models import Deployment
from proxy.models import Source as MadeBy
from proxy.providers import PROVIDERS, split_model
from teams.secrets import masked

# What LiteLLM's own bookkeeping adds.
_NO_INFO = frozenset({"id", "db_model"})
_LONGEST_GROUP = 255


def _deployment(row: Row, context: Context) -> Model:
    group = row.text("model_name")
    if not group or len(group) > _LONGEST_GROUP:
        raise Skip(f"its model_name is empty or longer than {_LONGEST_GROUP} characters")
    params, closed = context.cipher.open_all(row.raw_object("litellm_params"))
    if name := params.pop("litellm_credential_name", None):
        shared, closed_too = _credential(str(name), row, context)
        params = {**shared, **params}
        closed += closed_too
    info = {name: value for name, value in row.object("model_info").items() if name not in _NO_INFO}
    if closed:
        row.repair("what the salt key does not open stays behind, so it takes no requests", ", ".join(sorted(closed)))
        params.setdefault("model", str(info.get("base_model") or group))
    if not isinstance(params.get("model"), str) or not params["model"]:
        raise Skip("its litellm_params name no model")
    _remark_provider(row, params)
    # An address may hold a login, and so be a secret too.
    secrets = {name: value for name, value in params.items() if masked({name: value}) != {name: value}}
    return Deployment(
        id=row.identifier("model_id"),
        model_name=group,
        litellm_params={name: value for name, value in params.items() if name not in secrets},
        credentials=orjson.dumps(secrets, option=orjson.OPT_SORT_KEYS).decode() if secrets else "",
        model_info=info,
        blocked=row.flag("blocked") or bool(closed),
        source=MadeBy.API,
        **stamps(row, context),
    )


def _credential(name: str, row: Row, context: Context) -> tuple[dict[str, Any], list[str]]:
    stored = context.credentials.get(name)
    if not isinstance(stored, Mapping):
        row.repair("names stored credentials that cannot be found", name)
        return {}, ["litellm_credential_name"]
    return context.cipher.open_all(stored)


def _remark_provider(row: Row, params: Mapping[str, Any]) -> None:
    provider, _ = split_model(params["model"], custom_provider=str(params.get("custom_llm_provider") or ""))
    if provider not in PROVIDERS:
        row.repair("its provider is not offered here, so it takes no requests", provider)


def read_credentials(source: Source) -> dict[str, Any]:
    """By name, still encrypted."""
    table = "LiteLLM_CredentialsTable"
    rows = source.rows(table, ("credential_name", "credential_values"), order=("credential_name",))
    return {row["credential_name"]: Row(row).raw_object("credential_values") for row in rows}


def read_model_aliases(source: Source) -> dict[str, Any]:
    """Of teams, by the text of LiteLLM's number for them. Its schema calls them by a name that the table does not."""
    rows = source.rows("LiteLLM_ModelTable", ("id", "aliases", "model_aliases"), order=("id",))
    return {str(row["id"]): row.get("aliases") or row.get("model_aliases") for row in rows}


DEPLOYMENTS = (
    Kind(
        name="models",
        model=Deployment,
        table="LiteLLM_ProxyModelTable",
        order=("model_id",),
        columns=("model_id", "model_name", "litellm_params", "model_info", "blocked", "created_at", "created_by"),
        identity=("id",),
        build=_deployment,
        label=named("model_id", "model_name"),
        once=frozenset({"source"}),
    ),
)
