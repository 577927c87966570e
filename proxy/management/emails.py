"""The switches of mail to people (alerting.md 2.4)."""

from typing import Any

from pydantic import Field

from alerts.events import Mail
from alerts.services import mail_switches
from proxy.config import fields
from proxy.management.base import Access, Body, Call, ManagementViewSet, route
from proxy.management.schemas.fields import Answer
from teams.errors import Envelope

_SETTING = "email_settings"


class EmailEvent(Answer):
    event: Mail
    enabled: bool


class EmailSettings(Answer):
    settings: list[EmailEvent]


class EmailChanges(Body):
    settings: list[EmailEvent] = Field(max_length=100)


class Done(Answer):
    message: str


class EmailEvents(ManagementViewSet):
    tag = "settings"

    @route("GET", "/email/event_settings", access=Access.ADMIN_READ, answer=EmailSettings,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def list(self, call: Call) -> Any:
        """Of what people are written by mail."""
        return EmailSettings(
            settings=[EmailEvent(event=Mail(name), enabled=is_on) for name, is_on in mail_switches().items()]
        )

    @route("PATCH", "/email/event_settings", access=Access.ADMIN, body=EmailChanges, answer=Done,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def change(self, call: Call, body: EmailChanges) -> Any:
        """Switch kinds of mail on or off; those that are left out stay as they are."""
        fields.change(_SETTING, {**mail_switches(), **{one.event.value: one.enabled for one in body.settings}})
        return Done(message="Email event settings updated successfully")

    @route("POST", "/email/event_settings/reset", access=Access.ADMIN, answer=Done, envelope=Envelope.DETAIL_ERROR)
    def reset(self, call: Call) -> Any:
        """All on again."""
        fields.change(_SETTING, {})
        return Done(message="Email event settings reset to defaults")
