"""A webhook in JSON: every alert in a body of our own with a version, or LiteLLM's body for those that it knows.

Signed where the channel has a secret, as Standard Webhooks 1.0 has it: HMAC-SHA256 over id, time and body. The id is
the same on every attempt, so that a receiver can tell a second one.
"""

import base64
import binascii
import hashlib
import hmac
import time
from typing import Any

from alerts.core.message import Message
from alerts.models import AlertChannel
from alerts.transports.base import Answer, HttpTransport, Receipt, TransportError
from alerts.transports.options import one_of

VERSION = 1
_PREFIX = "whsec_"
_STATUSES = {"repeat": "firing", "escalated": "firing"}
# A receiver that is being put in order may refuse what it takes later; one that is gone (410) will not come back.
MOST_REFUSALS = 3
# LiteLLM's body speaks of a crossing, never of what became of it.
_AFTERWARDS = frozenset({"escalated", "acknowledged", "resolved"})


class WebhookTransport(HttpTransport):
    kind = "webhook"
    tells_acknowledgement = True
    merges = False
    taken = frozenset(range(200, 300))
    options = {"format": one_of("tollkeeper", "litellm")}

    def defects(self, channel: AlertChannel) -> dict[str, str]:
        wrong = super().defects(channel)
        try:
            signing_key(channel.secret)
        except ValueError:
            wrong["secret"] = f"What follows {_PREFIX} must be a key in base64; any other text is a key as it is."
        return wrong

    def headers(self, channel: AlertChannel, message: Message, body: bytes) -> dict[str, str]:
        # A test is no delivery and has no id of its own.
        message_id = message.id or f"{message.kind}-{message.at}"
        at = str(int(time.time()))
        headers = {"webhook-id": message_id, "webhook-timestamp": at}
        if key := signing_key(channel.secret):
            headers["webhook-signature"] = signature(key, message_id=message_id, at=at, body=body)
        return headers

    def payload(self, channel: AlertChannel, message: Message) -> dict[str, Any]:
        return _as_litellm(message) if _is_litellm(channel) else _own(message)

    def classify(self, answer: Answer, said: str) -> TransportError:
        error = super().classify(answer, said)
        if answer.status == 410:
            error.gone = True
        elif 400 <= answer.status < 500 and error.permanent:
            error.permanent, error.most_attempts = False, MOST_REFUSALS
        return error

    def send(self, channel: AlertChannel, message: Message) -> Receipt:
        if _is_litellm(channel) and message.kind in _AFTERWARDS:
            return Receipt(None, f"Not sent: LiteLLM's format has no word for {message.kind}.")
        return super().send(channel, message)


def signing_key(secret: str) -> bytes:
    """Empty without a secret. Raises ValueError when it promises base64 and is none."""
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError("no key in base64")
    return key


def signature(key: bytes, *, message_id: str, at: str, body: bytes) -> str:
    """The value of webhook-signature. `at` is in seconds since 1970, as sent."""
    digest = hmac.digest(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def _is_litellm(channel: AlertChannel) -> bool:
    return bool(channel.options.get("format") == "litellm")


def _own(message: Message) -> dict[str, Any]:
    # Without the recipients: whom an alert concerns is nobody else's business.
    return {
        "version": VERSION,
        "id": message.id,
        "type": message.alert_type,
        "kind": message.kind,
        "status": _STATUSES.get(message.kind, message.kind),
        "level": message.level,
        "title": message.title,
        "at": message.at,
        "opened_at": message.opened_at or None,
        "incident_id": message.incident_id or None,
        "count": message.count,
        "actor": message.actor or None,
        "details": dict(message.details),
        "labels": dict(message.labels),
        "link": message.link or None,
        "links": [{"text": words, "url": address} for words, address in message.links],
        "sections": [{"heading": heading, "lines": list(lines)} for heading, lines in message.sections],
        "files": [{"name": name, "content": text} for name, text in message.files],
    }


def _as_litellm(message: Message) -> dict[str, Any]:
    if message.kind == "test":
        return {**dict.fromkeys(_LITELLM_FIELDS), "spend": 0.0, "event": "test", "event_message": message.title}
    if not message.compatibility:
        raise TransportError(
            f"Not sent: LiteLLM's webhook format has no body for {message.alert_type}. Route only budget alerts here, "
            'or set the option "format" to "tollkeeper".',
            permanent=True,
        )
    return dict(message.compatibility)


_LITELLM_FIELDS = (
    "spend",
    "max_budget",
    "soft_budget",
    "token",
    "customer_id",
    "user_id",
    "team_id",
    "team_alias",
    "organization_id",
    "user_email",
    "key_alias",
    "projected_exceeded_date",
    "projected_spend",
    "event_group",
    "alert_emails",
    "max_budget_alert_emails",
    "event",
    "event_message",
)
