"""What a channel would be sent of an event, without sending it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerts.core.message import Message
from alerts.events import Event
from alerts.incidents import labels_of, storable
from alerts.models import AlertChannel, DeliveryKind, Incident
from alerts.telling import body_of, message_of
from alerts.transports import TRANSPORTS
from alerts.transports.base import TransportError

_MASK = "***"
_SECRET_NAME = re.compile(r"secret|password|routing_key|api_?key$|authorization|credential", re.IGNORECASE)
# A shorter one would be found everywhere.
_SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True)
class Preview:
    """`text` is the payload to be read; `html` is the page that a mail would show, empty for other kinds."""

    text: str
    html: str = ""


def preview(channel: AlertChannel, event: Event, *, now: datetime) -> Preview:
    payload = _without_secrets(_payload(channel, _message(event, now=now)), _secrets(channel))
    html = payload.get("html", "") if isinstance(payload, Mapping) else ""
    text = payload if isinstance(payload, str) else json.dumps(payload, indent=2, ensure_ascii=False, default=str)
    return Preview(text, html if isinstance(html, str) else "")


def _payload(channel: AlertChannel, message: Message) -> Any:
    try:
        return TRANSPORTS[channel.kind].preview(channel, message)
    except TransportError as error:
        return str(error)


def _message(event: Event, *, now: datetime) -> Message:
    incident = Incident(
        alert_type=event.alert_type,
        level=event.level,
        title=storable(event.title()),
        details={name: storable(value) for name, value in event.details().items() if value},
        labels=labels_of(event),
        body=body_of(event),
        opened_at=now,
        last_seen_at=now,
    )
    return message_of(incident, kind=DeliveryKind.NOTICE if event.is_notice else DeliveryKind.FIRING, at=now)


def _secrets(channel: AlertChannel) -> list[str]:
    """What a payload may hold of the channel's credentials, the longest first."""
    found = [channel.url, channel.secret]
    found += [str(value) for name, value in channel.options.items() if _SECRET_NAME.search(name)]
    return sorted((one for one in found if len(one) >= _SHORTEST_SECRET), key=len, reverse=True)


def _without_secrets(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _MASK if _SECRET_NAME.search(str(name)) and inner else _without_secrets(inner, secrets)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_secrets(one, secrets) for one in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, _MASK)
    return value
