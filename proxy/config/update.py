"""Several settings at once, as LiteLLM's /config/update takes them: all of them or none."""

import os
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from pydantic import ValidationError

import alerts.services
from alerts.services import OF_A_TYPE, OperatorChannel
from proxy.config import fields, known
from proxy.config.alerting import operator_channels
from proxy.config.general_schema import GeneralSettings
from proxy.config.litellm_schema import LitellmSettings
from proxy.config.reader import place, sentence
from proxy.config.router_schema import check_router_section
from proxy.config.values import plain
from proxy.models import ConfigField, Section, Source
from teams.errors import Invalid
from teams.secrets import without_secrets

_WEBHOOKS, _CHANNELS = "alert_to_webhook_url", "alerting"
_ADDRESSES = ("SLACK_WEBHOOK_URL", "ALERTING_WEBHOOK_URL", "MS_TEAMS_WEBHOOK_URL", "WEBHOOK_URL")


@transaction.atomic
def update(given: Mapping[str, Mapping[str, Any]], *, by_operator: bool) -> None:
    """By section. Raises Invalid; then nothing has changed. `by_operator`: addresses may be private ones."""
    if given.get("environment_variables"):
        raise Invalid(
            "environment_variables cannot be set here: a process reads its environment when it starts.",
            param="environment_variables",
        )
    general = dict(given.get("general_settings") or {})
    alerting = {name: general.pop(name) for name in (_CHANNELS, _WEBHOOKS) if name in general}
    for name, value in general.items():
        fields.change(name, value)
    for section in _KNOWN:
        values = given.get(section.value) or {}
        for name, value in values.items():
            change(section, name, value, source=Source.API)
    if alerting:
        _set_channels(alerting, by_operator=by_operator)


def change(section: Section, name: str, value: Any, *, source: Source) -> None:
    """One setting of `litellm_settings` or `router_settings`. Raises Invalid; then nothing has changed."""
    found = checked(section, name, value)
    if ConfigField.objects.filter(section=section, name=name, source=Source.CONFIG).exists():
        raise _owned(section, name)
    ConfigField.objects.update_or_create(section=section, name=name, defaults={"value": found, "source": source})


_KNOWN = {Section.LITELLM: known.LITELLM, Section.ROUTER: known.ROUTER}


def checked(section: Section, name: str, value: Any) -> Any:
    """As it would be stored. Raises Invalid."""
    if name not in _KNOWN[section] or name in known.NEVER_STORED:
        raise Invalid(f"{section}: {name[:100]!r} is not a setting that can be changed here.", param=name[:100])
    try:
        given = {name: plain(value)}
        if section == Section.ROUTER:
            found = check_router_section(given)
        else:
            found = LitellmSettings.model_validate(given).model_dump(mode="json", exclude_unset=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Invalid(f"Invalid {section}: {place(first['loc'])}: {sentence(first)}.", param=name) from None
    except ValueError as error:
        raise Invalid(f"Invalid {section}: {name}: {error}.", param=name) from None
    kept = without_secrets(found)
    if name not in kept:
        raise Invalid(f"{section}: {name} is a secret, which is not stored.", param=name)
    return kept[name]


def _set_channels(given: Mapping[str, Any], *, by_operator: bool) -> None:
    """LiteLLM's keys as channels and routes beside those of config.yaml. Addresses for some types mean Slack."""
    configured, stored = alerts.services.channel_settings("config"), alerts.services.channel_settings("api")
    for name, is_owned in ((_CHANNELS, bool(configured.kinds)), (_WEBHOOKS, bool(configured.urls))):
        if name in given and is_owned:
            raise _owned(Section.GENERAL, name)
    wanted = _general(given)
    kinds = list(wanted.alerting or ()) if _CHANNELS in given else list(stored.kinds)
    urls = dict(stored.urls)
    for alert_type, addresses in (given.get(_WEBHOOKS) or {}).items():
        if addresses:
            urls[alert_type] = list(wanted.alert_to_webhook_url[alert_type])
        else:
            urls.pop(alert_type, None)
    if urls and "slack" not in kinds:
        if configured.kinds and "slack" not in configured.kinds:
            raise _owned(Section.GENERAL, _CHANNELS)
        kinds.append("slack")
    general = GeneralSettings.model_validate({_CHANNELS: kinds, _WEBHOOKS: urls})
    channels, routes = operator_channels(general, os.environ)
    if configured.kinds:
        # The rest is as the file says.
        routes = [one for one in routes if one.position == OF_A_TYPE]
        used = {name for one in routes for name in one.channels}
        channels = [one for one in channels if one.name in used]
    own = {os.environ.get(name) for name in _ADDRESSES}

    def may_be_private(channel: OperatorChannel) -> bool:
        return by_operator or channel.url in own

    alerts.services.set_api_channels(channels=channels, routes=routes, may_be_private=may_be_private)


def _general(given: Mapping[str, Any]) -> GeneralSettings:
    """A type without an address is one to be taken away."""
    urls = given.get(_WEBHOOKS) or {}
    kept = {name: url for name, url in urls.items() if url} if isinstance(urls, dict) else urls
    try:
        return GeneralSettings.model_validate({**given, _WEBHOOKS: kept} if kept else {_CHANNELS: given.get(_CHANNELS)})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Invalid(f"Invalid general_settings: {place(first['loc'])}: {sentence(first)}.") from None


def _owned(section: Section, name: str) -> Invalid:
    return Invalid(f"{section} key '{name}' is set in the config file and cannot be changed here.", param=name)
