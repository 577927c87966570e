"""What of a message is a secret: kept encrypted beside it, put in when it is sent, and gone once it has arrived."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from alerts.core.message import Message
from alerts.models import Delivery


def seal(secret: Mapping[str, Any] | None) -> str:
    """`secret` has `details` and `links` as a Message has them."""
    return json.dumps(secret) if secret else ""


def opened(delivery: Delivery) -> Message:
    """As it is to be sent."""
    message = Message.from_json(delivery.message)
    if not delivery.sealed:
        return message
    secret = json.loads(delivery.sealed)
    links = tuple((words, address) for words, address in secret.get("links", ()))
    return replace(message, details={**secret.get("details", {}), **message.details}, links=(*links, *message.links))
