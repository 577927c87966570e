"""What the owner of a key is written about it.

The key itself is in the mail only where the operator says so: EMAIL_INCLUDE_API_KEY, which is off unless it is set.
"""

import os
from collections.abc import Mapping
from datetime import datetime

import alerts.services
from alerts.services import KeyCreatedLetter, KeyRotatedLetter, Letter
from teams.models import VirtualKey
from teams.money import to_dollars

_HIDDEN = "The key itself is not sent by mail; whoever made it can give it to you."
_SHOWN = "Keep it as you keep a password, and delete this mail when you have it."


def write_key_created(row: VirtualKey, key: str, *, now: datetime) -> bool:
    """To its owner. False where there is no address, or that mail is switched off."""
    return _write(
        KeyCreatedLetter,
        row,
        key,
        text=("A virtual key of the LLM gateway was made for you.",),
        now=now,
    )


def write_key_rotated(row: VirtualKey, key: str, *, grace: str | None, now: datetime) -> bool:
    """The same; and False where no mail server is set up, since nobody asked for a mail."""
    if alerts.services.mail_problem():
        return False
    end = f"The former key works for another {grace}." if grace else "The former key works no more."
    text = (
        "A virtual key of yours was replaced by a new one. Limits, spend and history are the same.",
        f"{end} Put the new one wherever you use it.",
    )
    return _write(KeyRotatedLetter, row, key, text=text, now=now)


def write_key_waits(row: VirtualKey, *, now: datetime) -> bool:
    """After an automatic rotation: who has the former key can collect the new one."""
    if alerts.services.mail_problem():
        return False
    text = (
        "A virtual key of yours was replaced by a new one, as it is set up. Limits, spend and history are the same.",
        "Collect the new key with the former one: POST /key/rotated. The former key works for another 7 days.",
    )
    return _write(KeyRotatedLetter, row, "", text=text, now=now)


def _write(kind: type[Letter], row: VirtualKey, key: str, *, text: tuple[str, ...], now: datetime) -> bool:
    if row.user is None or not row.user.email:
        return False
    is_shown = bool(key) and includes_keys(os.environ)
    return alerts.services.write_letter(
        kind(
            to=row.user.email,
            made=f"{row.pk} {row.token_hash}",
            text=(*text, _SHOWN if is_shown else _HIDDEN) if key else text,
            facts=_facts(row),
            about=tuple((name, value) for name, value in _about(row).items() if value),
            secret_details=(("API key", key),) if is_shown else (),
        ),
        now=now,
    )


def includes_keys(environment: Mapping[str, str]) -> bool:
    return environment.get("EMAIL_INCLUDE_API_KEY", "").lower() == "true"


def _facts(row: VirtualKey) -> tuple[tuple[str, str], ...]:
    budget = "" if row.max_budget_nano is None else f"${to_dollars(row.max_budget_nano):g}"
    if budget and row.budget_duration:
        budget += f" every {row.budget_duration}"
    facts = {
        "Name": row.alias or "",
        "Key": row.name,
        "Team": str(row.team) if row.team else "",
        "Models": ", ".join(row.allowed_models[:20]),
        "Budget": budget,
        "Valid until": row.expires_at.strftime("%d %B %Y, %H:%M UTC") if row.expires_at else "",
    }
    return tuple((name, value) for name, value in facts.items() if value)


def _about(row: VirtualKey) -> dict[str, str | None]:
    return {"user_id": row.user_id, "team_id": row.team_id, "key_alias": row.alias}
