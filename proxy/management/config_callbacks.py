"""What is on, as LiteLLM's pages ask for it, and several settings changed at once (alerting.md 2.4)."""

import os
from collections.abc import Mapping
from typing import Any

from pydantic import Field

import alerts.services
from proxy.config import update
from proxy.management.base import Access, Body, Call, ManagementViewSet, route
from proxy.management.schemas.fields import Answer, Object
from proxy.models import ConfigField, Section
from teams.errors import Envelope
from teams.secrets import MASK, masked

REDACTED = "REDACTED"
_MAIL = (
    "SMTP_HOST", "SMTP_PORT", "SMTP_TLS", "SMTP_USERNAME", "SMTP_PASSWORD", "SMTP_SENDER_EMAIL", "TEST_EMAIL_ADDRESS",
    "EMAIL_LOGO_URL", "EMAIL_SUPPORT_CONTACT",
)  # fmt: skip
_SECRETS = frozenset({"SMTP_PASSWORD", "SMTP_USERNAME", "SLACK_WEBHOOK_URL", "MS_TEAMS_WEBHOOK_URL"})


class ConfigUpdate(Body):
    general_settings: Object | None = None
    litellm_settings: Object | None = None
    router_settings: Object | None = None
    environment_variables: Object | None = Field(None, description="Refused: the environment is read at the start.")


class Updated(Answer):
    message: str


class AlertDestination(Answer):
    name: str
    variables: dict[str, str | None]
    active_alerts: list[str] | None = None
    alerts_to_webhook: dict[str, str] | None = None


class CallbackSettings(Answer):
    """Secrets are masked; who is no full admin sees no value at all."""

    status: str
    callbacks: list[Object]
    alerts: list[AlertDestination]
    active_alerting_destinations: list[str]
    router_settings: Object
    available_callbacks: Object


class ConfigCallbacks(ManagementViewSet):
    tag = "settings"

    @route("POST", "/config/update", access=Access.ADMIN, body=ConfigUpdate, answer=Updated,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def update(self, call: Call, body: ConfigUpdate) -> Any:
        """Change several settings on every process, all of them or none. What config.yaml sets is refused."""
        given = {name: value for name, value in body.given().items() if value}
        update.update(given, by_operator=call.principal.is_master)
        return Updated(message="Config updated successfully")

    @route("GET", "/get/config/callbacks", access=Access.ADMIN_READ, answer=CallbackSettings,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def callbacks(self, call: Call) -> Any:
        """Where alerts and calls are told, and by which variables."""
        hide = None if call.reach.is_admin else REDACTED
        settings = _stored(Section.ROUTER)
        return CallbackSettings(
            status="success",
            callbacks=[{"name": name, "variables": {}, "type": "success"} for name in _callbacks()],
            alerts=_alerts(hide),
            active_alerting_destinations=_kinds(),
            router_settings={name: hide or masked({name: value})[name] for name, value in settings.items()},
            available_callbacks={},
        )

    @route("GET", "/settings", "/active/callbacks", access=Access.ADMIN_READ, answer=Object,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def active(self, call: Call) -> Any:
        """Which channels and callbacks are on."""
        names, kinds = _callbacks(), _kinds()
        return {
            "alerting": str(kinds),
            "litellm.callbacks": names,
            "litellm.input_callback": [],
            "litellm.success_callback": [],
            "litellm.failure_callback": [],
            "all_litellm_callbacks": names,
            "num_callbacks": len(names),
            "num_alerting": len(kinds),
            "litellm.request_timeout": _stored(Section.LITELLM).get("request_timeout"),
        }


def _kinds() -> list[str]:
    return sorted(kind for kind in alerts.services.ChannelKind.values if alerts.services.channel_source(kind))


def _callbacks() -> list[str]:
    given = _stored(Section.LITELLM).get("callbacks")
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else []


def _alerts(hide: str | None) -> list[AlertDestination]:
    """LiteLLM's three, Slack where it is on."""
    found = []
    if alerts.services.channel_source("slack"):
        types = {
            name
            for source in ("config", "api", "admin")
            for name, urls in alerts.services.channel_settings(source).urls.items()
            if urls
        }
        found.append(
            AlertDestination(
                name="slack",
                variables=_variables(("SLACK_WEBHOOK_URL",), os.environ, hide),
                active_alerts=alerts.services.enabled_alert_types(),
                alerts_to_webhook=dict.fromkeys(sorted(types), hide or MASK),
            )
        )
    return [
        *found,
        AlertDestination(name="email", variables=_variables(_MAIL, os.environ, hide)),
        AlertDestination(name="ms_teams", variables=_variables(("MS_TEAMS_WEBHOOK_URL",), os.environ, hide)),
    ]


def _variables(names: tuple[str, ...], environment: Mapping[str, str], hide: str | None) -> dict[str, str | None]:
    return {
        name: (hide or (MASK if name in _SECRETS else value)) if (value := environment.get(name)) else None
        for name in names
    }


def _stored(section: Section) -> dict[str, Any]:
    rows = ConfigField.objects.filter(section=section).order_by("name")
    return dict(rows.values_list("name", "value"))
