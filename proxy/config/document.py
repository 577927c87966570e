"""docs/config-reference.md, from the schema: `python -m proxy.config.document` writes it."""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, is_typeddict

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from alerts.events import AlertType
from proxy.config import known
from proxy.config.alerting_schema import AlertingArgs, CaptureCheck, DigestSettings, SlowPercentile
from proxy.config.general_schema import GeneralSettings
from proxy.config.health_schema import ModelInfo
from proxy.config.litellm_schema import LitellmSettings
from proxy.config.router_schema import RouterSection
from proxy.config.schema import Document, LitellmParams
from proxy.core import kinds
from proxy.core.kinds import Kind
from proxy.core.settings import KINDS, LITELLM_NAMES, ROUTER_NAMES, RouterSettings

PAGE = Path(__file__).parents[2] / "docs" / "config-reference.md"
_HEAD = """# Configuration reference

Every key of `config.yaml` that the gateway acts on. `python -m proxy.config.document` writes this page from the schema
that checks the file.

* `tollkeeper check -c config.yaml` says what a file would change, and writes nothing.
* A value of the wrong type or out of its bounds is an error with file, place and a sentence; nothing is stored.
* An unknown key is a warning. Keys of LiteLLM that are accepted and have no effect are [listed below](#without-effect).
* `os.environ/NAME` stands for a variable of the environment, in any place. `include: [other.yaml]` merges files: lists
  are joined, of mappings the including file's entries win. `environment_variables` are set before the rest is read.
* What the file says, the API and the admin cannot change. What it does not say, they can: `GET /config/list`,
  `POST /config/field/update`, `POST /config/update`, *Settings* in the admin.

How the settings work together is told in [routing.md](routing.md), [budgets.md](budgets.md), [alerts.md](alerts.md),
[metrics.md](metrics.md), [prices.md](prices.md) and [spend.md](spend.md). Variables of the environment are in the
[README](../README.md#more-than-one-process).
"""
_PARAMS = """
Beside these, each with its page:

* `api_version`, `organization`, `custom_llm_provider`, `region_name`, and credentials of a provider:
  [providers.md](providers.md)
* `timeout`, `stream_timeout`, `num_retries` (or `max_retries`), `cooldown_time`, `rpm`, `tpm`, `max_parallel_requests`,
  `weight`, `order`, `tags`: [routing.md](routing.md)
* `max_budget`, `budget_duration`: [budgets.md](budgets.md)
* prices, such as `input_cost_per_token`: [prices.md](prices.md)
* `drop_params`: leave out what the provider cannot be asked, instead of refusing it
* `extra_headers` (or `headers`): headers of each request to the upstream

Anything else, such as `temperature`, is a default for the body of each request.
"""
_INFO = """
Prices, `base_model`, `max_input_tokens`, `max_output_tokens`, `max_tokens`, `deprecation_date`, `access_groups`,
`team_id`, `cooldown_time`, `allowed_fails` and `allowed_fails_policy` are read as well; the rest is kept and shown.
"""
_ROUTER = """
`litellm_settings` may say {shared} as well; `router_settings` win. `redis_url`, or `redis_host`, `redis_port` and
`redis_password`, name Redis where `REDIS_URL` does not; they are never stored.
"""
_WITHOUT_EFFECT = """## Without effect

Known, read and stored; the start says which of them a file has.

"""


def page() -> str:
    """docs/config-reference.md as it should be."""
    parts = [
        _HEAD,
        "## The file\n",
        _table(_fields(Document)),
        "Beside these: `general_settings`, `litellm_settings` and `router_settings`, below.\n",
        "### model_list[].litellm_params\n",
        _table(_fields(LitellmParams)) + _PARAMS,
        "### model_list[].model_info\n",
        _table(_typed_dict(ModelInfo)) + _INFO,
        "## general_settings\n",
        _table(_fields(GeneralSettings)),
        "### general_settings.alerting_args\n",
        _table(_fields(AlertingArgs)),
        "### general_settings.alerting_args.slow_percentile\n",
        _table(_fields(SlowPercentile)),
        "### general_settings.alert_type_config.<type>\n",
        _table(_fields(DigestSettings)),
        "### general_settings.spend_capture_rate_check\n",
        _table(_fields(CaptureCheck)),
        "## litellm_settings\n",
        _table(_litellm()),
        "## router_settings\n",
        _table(_routing(ROUTER_NAMES)) + _ROUTER.format(shared=_names(LITELLM_NAMES & ROUTER_NAMES)),
        _WITHOUT_EFFECT + "\n".join(f"* `{where}`: {_names(names)}" for where, names in without_effect().items()),
    ]
    return "\n".join(parts) + "\n"


def without_effect() -> Mapping[str, frozenset[str]]:
    """Keys of LiteLLM that are no mistake and change nothing, by section."""
    return {
        "general_settings": known.GENERAL - known.IN_EFFECT,
        "general_settings.alerting_args": known.ALERTING_ARGS - AlertingArgs.model_fields.keys(),
        "litellm_settings": known.LITELLM - known.IN_EFFECT,
        "router_settings": known.ROUTER - known.IN_EFFECT,
    }


Row = tuple[str, str, str, str]


def _table(rows: Iterator[Row]) -> str:
    lines = [f"| `{name}` | {type_} | {default} | {text} |" for name, type_, default, text in rows]
    return "| key | type | default | meaning |\n|---|---|---|---|\n" + "\n".join(lines) + "\n"


def _fields(model: type[BaseModel]) -> Iterator[Row]:
    for name, field in sorted(model.model_fields.items()):
        if field.description:
            yield name, _type(field.annotation), _default(field), field.description


def _typed_dict(kind: Any) -> Iterator[Row]:
    for name, schema in sorted(TypeAdapter(kind).json_schema()["properties"].items()):
        types = [one.get("type", "any") for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
        yield name, _WORDS.get(types[0], types[0]), "", schema["description"]


def _litellm() -> Iterator[Row]:
    """Without what router_settings say as well."""
    own = [row for row in _fields(LitellmSettings) if row[0] not in LITELLM_NAMES]
    yield from sorted([*own, *_routing(LITELLM_NAMES - ROUTER_NAMES)])


def _routing(names: Iterable[str]) -> Iterator[Row]:
    defaults = RouterSettings()
    for name in sorted(names):
        field = RouterSection.model_fields[name]
        value = getattr(defaults, {"routing_strategy_args": "strategy_args"}.get(name, name))
        yield name, _ROUTER_TYPES.get(KINDS[name]) or "text", _value(value), field.description or ""


def _type(annotation: Any) -> str:
    """In words: "text", "list of whole number", "`a` or `b`"."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in {Union, UnionType}:
        return " or ".join(_type(one) for one in arguments if one is not NoneType)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin is list:
        return f"list of {_type(arguments[0])}"
    return "object" if origin is dict else _plain_type(annotation)


def _plain_type(kind: Any) -> str:
    if kind is AlertType:
        return "alert type"
    if is_typeddict(kind) or (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return "object"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{one.value}`" for one in kind)
    return _WORDS.get(getattr(kind, "__name__", ""), "any")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    return "" if isinstance(default, BaseModel) else _value(default)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, str):
        return f"`{value}`"
    return ", ".join(f"`{one}`" for one in value) if value else ""


def _names(names: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


_WORDS = {
    "bool": "boolean",
    "int": "whole number",
    "float": "number",
    "str": "text",
    "string": "text",
    "integer": "whole number",
}
_ROUTER_TYPES: Mapping[Kind, str] = {
    kinds.strategy_args: "object",
    kinds.retries: "whole number",
    kinds.whole: "whole number",
    kinds.pause: "number",
    kinds.seconds: "number",
    kinds.percent: "number",
    kinds.flag: "boolean",
    kinds.texts: "list of text",
    kinds.mapping: "object",
    kinds.aliases: "object",
    kinds.allowed_fails_policy: "object",
    kinds.retry_policy: "object",
    kinds.retry_policies: "object",
    kinds.provider_budgets: "object",
    kinds.fallbacks: "list of objects",
    kinds.fallback_models: "list",
}

if __name__ == "__main__":
    PAGE.write_text(page())
