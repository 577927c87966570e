"""Discord's webhooks, with an embed. Limits: Discord's reference of embeds; the 6,000 count all texts together."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.utils import timezone

from alerts.core.backoff import parse_retry_after
from alerts.core.message import Message
from alerts.models import AlertChannel
from alerts.transports.base import Answer, HttpTransport
from alerts.transports.text import Line, facts, fitted, legible, lines_within, report, width, within, without_mentions

_LONGEST_TITLE = 256
_LONGEST_NAME = 100
_LONGEST_VALUE = 300
_LONGEST_LINE = 300
_LONGEST_FOOTER = 200
# One of 25 says what is left out.
_MOST_FIELDS = 24
_ROOM_FOR_FIELDS = 3000
_ROOM_FOR_LINES = 2000
# An address that is signed has about 200.
_LONGEST_LINKS = 500

_COLOURS = {"resolved": 0x2EB67D, "acknowledged": 0x5865F2, "High": 0xE01E5A, "Medium": 0xECB22E, "Low": 0x36C5F0}
_MARKUP = frozenset("\\*_~`|<>[]()#:-+/")


class DiscordTransport(HttpTransport):
    kind = "discord"
    taken = frozenset({200, 204})

    def problems(self, channel: AlertChannel) -> dict[str, str]:
        wrong = super().problems(channel)
        if "url" not in wrong and urlsplit(channel.url).path.rstrip("/").endswith("/slack"):
            wrong["url"] = "Leave out the /slack at the end, or make it a channel of the kind Slack."
        return wrong

    def address(self, channel: AlertChannel, message: Message) -> str:
        """Told to wait, Discord answers whether it kept the message rather than whether it read it."""
        parts = urlsplit(channel.url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True)) | {"wait": "true"}
        return str(urlunsplit(parts._replace(query=urlencode(query))))

    def payload(self, channel: AlertChannel, message: Message) -> dict[str, Any]:
        plain = legible(message)
        known = facts(plain)
        fields, _ = within(known[:_MOST_FIELDS], _field, room=_ROOM_FOR_FIELDS, size=_size)
        if len(known) > len(fields):
            fields.append({"name": "…", "value": f"{len(known) - len(fields)} more", "inline": False})
        embed = {
            "title": fitted(plain.heading, _LONGEST_TITLE, _escape),
            "description": _description(plain),
            "color": _COLOURS.get(plain.kind) or _COLOURS.get(plain.level, _COLOURS["Low"]),
            "fields": fields,
            "footer": {"text": fitted(plain.link, _LONGEST_FOOTER, without_mentions)} if plain.link else None,
            "url": next((address for _, address in plain.links), None),
        }
        return {
            "embeds": [{name: value for name, value in embed.items() if value}],
            "allowed_mentions": {"parse": []},
        }

    def retry_after(self, answer: Answer) -> float | None:
        """The longest of what the header, the body and the bucket ask for."""
        now = timezone.now()
        asked = (_said(answer.text, "retry_after"), answer.headers.get("x-ratelimit-reset-after"))
        all_asked = [super().retry_after(answer)]
        if answer.status == 429:
            all_asked += [parse_retry_after(value, now=now) for value in asked]
        return max((seconds for seconds in all_asked if seconds is not None), default=None)

    def quiet_seconds(self, answer: Answer) -> float:
        """Its bucket is empty: Discord bans for a while who goes on to be told so."""
        if answer.headers.get("x-ratelimit-remaining") != "0":
            return 0.0
        return parse_retry_after(answer.headers.get("x-ratelimit-reset-after"), now=timezone.now()) or 0.0


def _description(message: Message) -> str:
    links = " · ".join(f"[{fitted(words, _LONGEST_NAME, _escape)}]({address})" for words, address in message.links)
    lines = lines_within(report(message), _line, room=_ROOM_FOR_LINES)
    # A link is whole or not there.
    return "\n".join([links, *lines] if width(links) <= _LONGEST_LINKS else lines).strip()


def _line(line: Line) -> str:
    if line.is_heading:
        return f"\n**{fitted(line.text, _LONGEST_NAME, _escape)}**"
    return fitted(line.text, _LONGEST_LINE, _escape)


def _field(fact: tuple[str, str]) -> dict[str, Any]:
    name, value = fact
    # Neither may be empty.
    return {
        "name": fitted(name, _LONGEST_NAME, _escape).strip() or "…",
        "value": fitted(value, _LONGEST_VALUE, _escape).strip() or "…",
        "inline": len(value) <= 40,
    }


def _size(field: dict[str, Any]) -> int:
    return width(field["name"]) + width(field["value"])


def _escape(text: str) -> str:
    """Discord shows what stands behind a backslash as it is."""
    return without_mentions("".join(f"\\{mark}" if mark in _MARKUP else mark for mark in text))


def _said(text: str, name: str) -> str | None:
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return str(said[name]) if isinstance(said, dict) and name in said else None
