"""Addresses that a message may lead to; none where PROXY_BASE_URL does not say where the gateway is."""

import uuid

from django.conf import settings
from django.core import signing
from django.urls import NoReverseMatch, reverse

# A page is worth acknowledging for as long as it is news.
ACKNOWLEDGED_WITHIN_SECONDS = 7 * 86400
_SALT = "alerts.acknowledge"


class InvalidLink(Exception):
    """It was not signed here, or too long ago."""


def incident_url(incident_id: uuid.UUID) -> str:
    return _absolute(reverse("admin:alerts_incident_change", args=[incident_id]))


def acknowledge_url(incident_id: uuid.UUID) -> str:
    try:
        path = reverse("alert-acknowledge", args=[signing.dumps(incident_id.hex, salt=_SALT)])
    except NoReverseMatch:
        return ""
    return _absolute(path)


def acknowledged_incident(token: str) -> uuid.UUID:
    """Whose acknowledgement a signed link asks for. Raises InvalidLink."""
    try:
        return uuid.UUID(signing.loads(token, salt=_SALT, max_age=ACKNOWLEDGED_WITHIN_SECONDS))
    except (signing.BadSignature, ValueError, TypeError):
        raise InvalidLink from None


def _absolute(path: str) -> str:
    return f"{settings.PROXY_BASE_URL.rstrip('/')}{path}" if settings.PROXY_BASE_URL else ""
