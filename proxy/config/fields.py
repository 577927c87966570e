"""Single settings of `general_settings`, changed while the gateway runs: what config.yaml says stays as it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.db import transaction
from pydantic import ValidationError
from pydantic.fields import FieldInfo

import alerts.services
from proxy.config import known
from proxy.config.alerting_schema import AlertingArgs
from proxy.config.general_schema import GeneralSettings
from proxy.config.importer import ALERT_SETTINGS
from proxy.config.reader import place, sentence
from proxy.config.values import plain
from proxy.core.kinds import did_you_mean
from proxy.models import ConfigField, Section, Source
from teams.errors import Invalid
from teams.secrets import without_secrets

# Rows of their own, with credentials in them.
_CHANNELS = frozenset({"alerting", "alert_to_webhook_url"})
_ARGS = "alerting_args"


@dataclass(frozen=True, slots=True)
class Setting:
    """`source` says who set it: of `unset` nobody did, and `value` is None then; of `default` it is the default."""

    name: str
    type: str
    description: str
    value: Any
    default: Any
    source: Literal["config", "db", "default", "unset"]

    @property
    def is_editable(self) -> bool:
        return self.source != "config"


def settings() -> list[Setting]:
    """Every setting of `general_settings` that can be changed while the gateway runs, by name."""
    stored = {row.name: row for row in ConfigField.objects.filter(section=Section.GENERAL).order_by("name")}
    own = alerts.services.alert_settings()
    found = []
    for name, field in sorted(GeneralSettings.model_fields.items()):
        if name in known.NEVER_STORED or name in _CHANNELS:
            continue
        if name in ALERT_SETTINGS:
            found.append(_setting(name, field, own.values.get(name), own.source_of(name)))
            continue
        row = stored.get(name)
        source = "unset" if row is None else "config" if row.source == Source.CONFIG else "db"
        found.append(_setting(name, field, row.value if row else None, source))
    return found


def alerting_arguments() -> list[Setting]:
    """Those of `alerting_args`, by name."""
    own = alerts.services.alert_settings()
    args = own.values.get(_ARGS) or {}
    return [
        _setting(name, field, args.get(name), own.source_of(f"{_ARGS}.{name}", is_set=name in args))
        for name, field in sorted(AlertingArgs.model_fields.items())
    ]


def find(name: str) -> Setting:
    """Raises Invalid for what is not set."""
    for one in settings():
        if one.name == name and one.source != "unset":
            return one
    raise Invalid(f"Field name={name[:100]} is not set")


@transaction.atomic
def change(name: str, value: Any) -> None:
    """Raises Invalid; then nothing has changed."""
    _ensure_changeable(name)
    if name in ALERT_SETTINGS:
        alerts.services.change_alert_setting(name, _checked(name, value))
        return
    ConfigField.objects.update_or_create(
        section=Section.GENERAL, name=name, defaults={"value": storable(name, value), "source": Source.API}
    )


def storable(name: str, value: Any) -> Any:
    """A value as its row has it. Raises Invalid."""
    _ensure_changeable(name)
    if name in ALERT_SETTINGS:
        raise Invalid(f"{name} is one of the alert settings, which have a page of their own.", param="name")
    return without_secrets({name: _checked(name, value)})[name]


@transaction.atomic
def reset(name: str) -> None:
    """Back to its default. Raises Invalid for what is not set."""
    _ensure_changeable(name)
    find(name)
    if name in ALERT_SETTINGS:
        alerts.services.reset_alert_setting(name)
    else:
        ConfigField.objects.get(section=Section.GENERAL, name=name).delete()


def _ensure_changeable(name: str) -> None:
    if name in _CHANNELS:
        raise Invalid(f"{name}: channels are changed by /config/update, or with their routes in the admin.")
    if name not in GeneralSettings.model_fields or name in known.NEVER_STORED:
        raise Invalid(f"Invalid field={name[:100]} passed in.")
    if name in ALERT_SETTINGS:
        is_configured = alerts.services.alert_settings().source_of(name) == "config"
    else:
        rows = ConfigField.objects.filter(section=Section.GENERAL, name=name, source=Source.CONFIG)
        is_configured = rows.exists()
    if is_configured:
        raise Invalid(f"general_settings key '{name}' is set in the config file and cannot be changed here.")


def problem(name: str, value: Any) -> str:
    """What is wrong with a value of a setting, as a sentence; empty when it is well."""
    try:
        _read(name, value)
    except ValueError as error:
        return f"{error}."
    return ""


def _checked(name: str, value: Any) -> Any:
    """As it is stored."""
    try:
        return _read(name, value)
    except ValueError as error:
        raise Invalid(f"Invalid {name}: {error}.", param="field_value") from None


def _read(name: str, value: Any) -> Any:
    """An argument that is none is refused here, where somebody waits for the answer. Raises ValueError."""
    try:
        found = GeneralSettings.model_validate({name: plain(value)})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{place(first['loc'])}: {sentence(first)}") from None
    if name == _ARGS and (unknown := sorted((found.alerting_args.model_extra or {}).keys() - known.ALERTING_ARGS)):
        raise ValueError(f"{unknown[0][:100]!r} is not an argument{did_you_mean(unknown[0], _ARGUMENTS)}")
    return found.model_dump(mode="json", exclude_unset=True)[name]


_ARGUMENTS = sorted(AlertingArgs.model_fields)


def _setting(name: str, field: FieldInfo, value: Any, source: Any) -> Setting:
    return Setting(
        name=name,
        type=_TYPES.get(_plain_type(field), "Object"),
        description=field.description or "",
        value=value if source != "unset" else None,
        default=_default(field),
        source=source,
    )


_TYPES: Mapping[Any, str] = {
    bool: "Boolean",
    int: "Integer",
    float: "Float",
    str: "String",
    list: "List",
    dict: "Object",
}


def _plain_type(field: FieldInfo) -> Any:
    default = field.get_default(call_default_factory=True)
    return type(default) if type(default) in _TYPES else field.annotation


def _default(field: FieldInfo) -> Any:
    default = field.get_default(call_default_factory=True)
    return default if isinstance(default, bool | int | float | str | list | dict | None) else {}
