"""Mail to one person: beside the routes, by the outbox of every alert, on a channel of its own.

Whoever switches that channel off writes to nobody any more; each kind of mail has a switch of its own in
`general_settings.email_settings`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.db import transaction

from alerts.core.routing import Decision, Destination, Reason
from alerts.events import AlertType, Event, Level, Mail
from alerts.incidents import keep_notice, labels_of
from alerts.models import AlertChannel, AlertSettings, ChannelKind, DeliveryKind
from alerts.telling import NOWHERE, note_told, put
from alerts.transports.base import TransportError
from alerts.transports.smtp import MailServer

CHANNEL = "mail to people"


@dataclass(frozen=True, kw_only=True)
class Letter(Event):
    """To one address. `made` tells letters of one kind apart, `facts` stand below the text.

    `details` and `links` are secrets: kept encrypted, and no longer than until the letter has arrived.
    """

    is_notice = True
    level = Level.LOW
    style = "letter"
    mail: ClassVar[Mail]
    subject: ClassVar[str]
    variable: ClassVar[str]

    to: str
    made: str
    text: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    about: tuple[tuple[str, str], ...] = ()
    secret_details: tuple[tuple[str, str], ...] = ()
    secret_links: tuple[tuple[str, str], ...] = ()

    def identity(self) -> tuple[object, ...]:
        return ("letter", self.mail, self.to, self.made)

    def title(self) -> str:
        return os.environ.get(self.variable) or self.subject

    def details(self) -> dict[str, str]:
        return dict(self.facts)

    def labels(self) -> dict[str, str]:
        return dict(self.about)

    def sections(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return (("", self.text),)

    def recipients(self) -> tuple[str, ...]:
        return (self.to,)

    def secret(self) -> dict[str, Any]:
        found = {"details": dict(self.secret_details), "links": list(self.secret_links)}
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, kw_only=True)
class KeyCreatedLetter(Letter):
    alert_type = AlertType.NEW_VIRTUAL_KEY_CREATED
    mail = Mail.KEY_CREATED
    subject = "An API key was made for you"
    variable = "EMAIL_SUBJECT_KEY_CREATED"


@dataclass(frozen=True, kw_only=True)
class KeyRotatedLetter(Letter):
    alert_type = AlertType.VIRTUAL_KEY_REGENERATED
    mail = Mail.KEY_ROTATED
    subject = "Your API key was replaced"
    variable = "EMAIL_SUBJECT_KEY_ROTATED"


@dataclass(frozen=True, kw_only=True)
class InvitationLetter(Letter):
    alert_type = AlertType.NEW_INTERNAL_USER_CREATED
    mail = Mail.INVITATION
    subject = "You are invited"
    variable = "EMAIL_SUBJECT_INVITATION"


def is_mailed(mail: Mail) -> bool:
    """Whether people get this kind of mail at all."""
    return AlertSettings.load().email_settings.get(mail, True) is not False


def mails_owners() -> bool:
    """Whether a channel writes to those whom an alert concerns."""
    rows = AlertChannel.objects.filter(kind=ChannelKind.EMAIL, enabled=True, team_id="").exclude(name=CHANNEL)
    return any(options.get("owners") for options in rows.values_list("options", flat=True))


def mail_switches() -> dict[str, bool]:
    return {mail.value: is_mailed(mail) for mail in Mail}


def mail_problem() -> str:
    """A sentence about what keeps any mail from being sent; empty where nothing does."""
    try:
        MailServer.read()
    except TransportError as error:
        return str(error).removeprefix("Not sent: ")
    return ""


@transaction.atomic
def write(letter: Letter, *, now: datetime) -> bool:
    """Put it into the outbox, in the caller's transaction. False where that kind of mail is switched off."""
    return is_mailed(letter.mail) and mail_only(letter, secret=letter.secret(), now=now)


def mail_only(event: Event, *, now: datetime, secret: Mapping[str, Any] | None = None) -> bool:
    """Tell its recipients by mail, and nobody else. False where there are none, or the channel is off."""
    channel = _channel()
    if not event.recipients() or not channel.enabled:
        return False
    decision = Decision(Reason.DELIVER, (Destination(channel.pk, NOWHERE),))
    incident = keep_notice(event, decision, labels_of(event), now=now)
    put(incident, decision.destinations, kind=DeliveryKind.NOTICE, now=now, secret=secret)
    note_told(incident, decision.destinations, kind=DeliveryKind.NOTICE, now=now)
    return True


def _channel() -> AlertChannel:
    """Without a bound: no mail to one person is put together with one to another."""
    defaults = {"kind": ChannelKind.EMAIL, "options": {"owners": True}, "most_per_minute": 0}
    return AlertChannel.objects.get_or_create(name=CHANNEL, defaults=defaults)[0]
