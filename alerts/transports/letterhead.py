"""Whose mail it is, as LiteLLM's environment variables say it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.html import strip_tags

from alerts.core.message import truncate

_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Letterhead:
    """`logo` is the address of a picture, `support` and `signature` are plain text; each may be empty."""

    logo: str = ""
    support: str = ""
    signature: str = ""

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Letterhead":
        """EMAIL_LOGO_URL (else SMTP_SENDER_LOGO), EMAIL_SUPPORT_CONTACT and EMAIL_SIGNATURE, tags left out."""
        logo = environment.get("EMAIL_LOGO_URL") or environment.get("SMTP_SENDER_LOGO") or ""
        return cls(
            logo=logo if logo.startswith(("https://", "http://")) else "",
            support=_plain(environment.get("EMAIL_SUPPORT_CONTACT", "")),
            signature=_plain(environment.get("EMAIL_SIGNATURE", "")),
        )


def _plain(text: str) -> str:
    return truncate(strip_tags(text).strip(), _LONGEST)
