"""What the operator's configuration says about new keys: defaults, upper bounds and who may make which."""

from collections.abc import Mapping
from typing import Any

from proxy.management.base import Call
from proxy.models import ConfigField, Section
from proxy.runtime import running
from teams.errors import Forbidden, Invalid
from teams.models import Membership
from teams.periods import parse_duration

_DURATIONS = ("duration", "budget_duration")
_NAMES = (
    "key_generation_settings", "default_key_generate_params", "upperbound_key_generate_params",
    "disable_custom_api_keys", "default_team_disabled",
)  # fmt: skip


def prepare(
    given: dict[str, Any], call: Call, *, settings: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """The fields of a new key with the configuration's defaults and bounds filled in. Raises ManagementError.

    `settings` by section; without them those that this process serves by.
    """
    settings = running().table.settings if settings is None else settings
    general, litellm = settings[Section.GENERAL], settings[Section.LITELLM]
    _ensure_may_make(given, call, general, _object(litellm, "key_generation_settings"))
    defaults = _object(litellm, "default_key_generate_params")
    filled = {**{name: value for name, value in defaults.items() if given.get(name) is None}, **_set(given)}
    for name, bound in _object(litellm, "upperbound_key_generate_params").items():
        if filled.get(name) is None:
            filled[name] = bound
        elif _exceeds(name, filled[name], bound):
            raise Invalid(
                f"{name} is over max limit set in config - user_value={filled[name]}; max_value={bound}", param=name
            )
    return filled


def stored_settings() -> dict[str, dict[str, Any]]:
    """As their rows have them. One query."""
    found: dict[str, dict[str, Any]] = {Section.GENERAL: {}, Section.LITELLM: {}}
    for row in ConfigField.objects.filter(section__in=found, name__in=_NAMES).order_by():
        found[row.section][row.name] = row.value
    return found


def _set(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _object(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = settings.get(name)
    return value if isinstance(value, dict) else {}


def _exceeds(name: str, value: Any, bound: Any) -> bool:
    if name in _DURATIONS:
        try:
            return parse_duration(str(value)).seconds > parse_duration(str(bound)).seconds
        except ValueError:
            raise Invalid(
                f"Invalid {name} {value!r}. Use a format like '1h', '24h', '7d', or '30d'.", param=name
            ) from None
    return isinstance(value, (int, float)) and isinstance(bound, (int, float)) and value > bound


def _ensure_may_make(
    given: Mapping[str, Any], call: Call, general: Mapping[str, Any], rules: Mapping[str, Any]
) -> None:
    if given.get("key") is not None and general.get("disable_custom_api_keys") is True:
        raise Forbidden(
            "Custom API key values are disabled by your administrator. Keys must be auto-generated.", param="key"
        )
    team_id = given.get("team_id")
    if team_id is None and general.get("default_team_disabled") is True:
        raise Invalid(
            "Personal key creation has been restricted by your administrator. Name a team_id.", param="team_id"
        )
    if team_id is None:
        rule = _object(rules, "personal_key_generation")
        roles, own = rule.get("allowed_user_roles"), call.reach.role
    else:
        rule = _object(rules, "team_key_generation")
        roles, own = rule.get("allowed_team_member_roles"), _team_role(call, team_id)
    if isinstance(roles, list) and own not in roles and not call.reach.is_admin:
        raise Forbidden(
            f"Key creation has been restricted by your administrator. Allowed roles={roles}. Your role={own}"
        )
    for name in rule.get("required_params") or ():
        if given.get(str(name)) is None:
            raise Invalid(f"Required param {name} not in data", param=str(name))


def _team_role(call: Call, team_id: str) -> str:
    found = Membership.objects.filter(team=team_id, user=call.reach.user_id).values_list("role", flat=True)
    return next(iter(found), "")
