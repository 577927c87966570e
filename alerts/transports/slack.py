"""Slack's incoming webhooks, and whoever speaks their format: Discord's `/slack`, Teams connectors, Mattermost.

The text follows LiteLLM's layout line by line; notifications show it, and whoever knows no blocks. Limits: Slack's
reference of Block Kit, and its manual on incoming webhooks (40,000 characters, 4,000 advised). Sets of blocks above
13,000 characters were seen refused.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from alerts.core.message import Message, code_span, escape_slack, truncate
from alerts.models import AlertChannel
from alerts.transports.base import HttpTransport, Receipt
from alerts.transports.options import one_of
from alerts.transports.text import (
    Line,
    facts,
    fitted,
    legible,
    lines_within,
    more,
    report,
    width,
    within,
    without_mentions,
)

_LONGEST_TITLE = 2000
_LONGEST_DETAIL = 300
_LONGEST_NAME = 100
_LONGEST_HEADER = 150
_LONGEST_SECTION = 3000
_LONGEST_NOTE = 30
_LONGEST_BUTTON = 75
_LONGEST_BUTTON_URL = 3000
_FIELDS_IN_A_SECTION = 10
_MOST_BUTTONS = 5
# The header, the notes on what is left out, the footer and the buttons have room beside these.
_MOST_FIELDS = 100
_MOST_LISTS = 30
_ROOM_FOR_FIELDS = 4000
_ROOM_FOR_LISTS = 6000
_TEXT_ROOM_FOR_DETAILS = 20_000
_TEXT_ROOM_FOR_LINES = 8000
# Discord takes a Slack text for the content of a message.
_LONGEST_AT_DISCORD = 2000

_ACCEPTED_BODIES = frozenset({"", "ok", "1"})
RETIRED = (
    "Microsoft retired the connectors of office.com in 2026. Make a workflow in Teams that posts to a channel when a "
    "webhook request is received, and use its address in a channel of the kind Microsoft Teams."
)


class SlackTransport(HttpTransport):
    kind = "slack"
    options = {"format": one_of("blocks", "text")}

    def problems(self, channel: AlertChannel) -> dict[str, str]:
        wrong = super().problems(channel)
        if "url" not in wrong and is_retired(channel.url):
            wrong["url"] = RETIRED
        return wrong

    def payload(self, channel: AlertChannel, message: Message) -> dict[str, Any]:
        plain = legible(message)
        text = _text(plain)
        if _is_discord(channel.url):
            text = truncate(without_mentions(text), _LONGEST_AT_DISCORD)
        # Links in a text are not unfurled: previews would fetch what a user typed.
        body: dict[str, Any] = {"text": text, "unfurl_links": False, "unfurl_media": False}
        if channel.options.get("format", "blocks") == "blocks" and not (
            _is_discord(channel.url) or is_retired(channel.url)
        ):
            body["blocks"] = list(_blocks(plain))
        return body

    def refusal(self, receipt: Receipt) -> str:
        """Slack says "ok", Teams connectors "1" or what went wrong; a page of some other server says neither."""
        return "" if receipt.body.lower() in _ACCEPTED_BODIES or _says_yes(receipt.body) else receipt.body


def is_retired(url: str) -> bool:
    """Whether it is an address of Microsoft's old connectors."""
    return f".{urlsplit(url).hostname or ''}".endswith(".office.com")


def _is_discord(url: str) -> bool:
    return urlsplit(url).path.rstrip("/").endswith("/slack")


def _says_yes(body: str) -> bool:
    """Rocket.Chat and others answer in JSON."""
    try:
        said = json.loads(body)
    except ValueError:
        return False
    return isinstance(said, dict) and (said.get("ok") is True or said.get("success") is True)


def _text(message: Message) -> str:
    lines = [
        f"Alert type: {code_span(message.alert_type)}",
        f"Level: {code_span(message.level)}",
        f"Timestamp: {code_span(message.at)}",
        "",
        f"Message: {escape_slack(truncate(message.heading, _LONGEST_TITLE))}",
    ]
    if message.count > 1:
        lines.append(f"Count: {code_span(str(message.count))}")
    if message.details:
        lines += ["", *lines_within(list(message.details.items()), _detail, room=_TEXT_ROOM_FOR_DETAILS)]
    lines += lines_within(report(message), _line, room=_TEXT_ROOM_FOR_LINES)
    if message.link:
        lines += ["", f"Proxy URL: {code_span(message.link)}"]
    return "\n".join(lines)


def _detail(fact: tuple[str, str]) -> str:
    name, value = fact
    return f"{escape_slack(truncate(name, _LONGEST_DETAIL))}: {code_span(truncate(value, _LONGEST_DETAIL))}"


def _line(line: Line) -> str:
    text = escape_slack(truncate(line.text, _LONGEST_DETAIL))
    return f"\n*{text}*" if line.is_heading else text


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    yield {"type": "header", "text": _plain(f"{_sign(message)} {message.heading}", _LONGEST_HEADER)}
    if len(message.heading) > _LONGEST_HEADER - 3:
        yield {"type": "section", "text": _marked(fitted(message.heading, _LONGEST_TITLE, escape_slack))}
    known = facts(message)
    fields, _ = within(known[:_MOST_FIELDS], _field, room=_ROOM_FOR_FIELDS, size=width)
    for start in range(0, len(fields), _FIELDS_IN_A_SECTION):
        chunk = fields[start : start + _FIELDS_IN_A_SECTION]
        yield {"type": "section", "fields": [_marked(text) for text in chunk]}
    if len(known) > len(fields):
        yield _context(more(len(known) - len(fields)))
    lists, _ = within(message.sections[:_MOST_LISTS], _list, room=_ROOM_FOR_LISTS, size=width)
    yield from ({"type": "section", "text": _marked(text)} for text in lists)
    if len(message.sections) > len(lists):
        yield _context(more(len(message.sections) - len(lists)))
    if message.link:
        yield _context(f"Proxy URL: {code_span(truncate(message.link, _LONGEST_DETAIL))}")
    if buttons := [_button(words, address) for words, address in message.links if len(address) <= _LONGEST_BUTTON_URL]:
        yield {"type": "actions", "elements": buttons[:_MOST_BUTTONS]}


def _sign(message: Message) -> str:
    return _SIGNS.get(message.kind) or _SIGNS.get(message.level, "🔵")


_SIGNS = {"resolved": "✅", "acknowledged": "👀", "High": "🔴", "Medium": "🟠"}


def _field(fact: tuple[str, str]) -> str:
    name, value = fact
    return f"*{fitted(name, _LONGEST_NAME, _escaped_mark)}*\n{code_span(truncate(value, _LONGEST_DETAIL))}"


def _list(section: tuple[str, tuple[str, ...]]) -> str:
    """As many lines as a block may hold; a note stands for the rest."""
    heading, listed = section
    first = f"*{fitted(heading, _LONGEST_NAME, _escaped_mark)}*"
    room = _LONGEST_SECTION - width(first) - _LONGEST_NOTE
    return "\n".join([first, *lines_within(listed, _listed, room=room)])


def _listed(line: str) -> str:
    return fitted(line, _LONGEST_DETAIL, _escaped_mark)


def _escaped_mark(text: str) -> str:
    """Without what Slack would show as bold, italic, struck or code: a space of no width keeps each mark alone."""
    return escape_slack("".join(f"\u200b{mark}\u200b" if mark in "*_~`" else mark for mark in text))


def _marked(text: str) -> dict[str, Any]:
    # Verbatim: no bare address, channel or name becomes a link by itself.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": fitted(text, limit, escape_slack), "emoji": False}


def _context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [_marked(text)]}


def _button(words: str, address: str) -> dict[str, Any]:
    return {"type": "button", "text": _plain(words or "Open", _LONGEST_BUTTON), "url": address}
