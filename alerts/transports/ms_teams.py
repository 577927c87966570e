"""Microsoft Teams by a workflow: "when a webhook request is received", an Adaptive Card.

The usual workflow posts each attachment of an envelope; one that ends in "Post card" wants the bare card. A workflow
answers 202 before it has posted anything. Limit: 28 KB are documented, 21 KB were seen refused.
"""

import json
import re
from typing import Any

from alerts.core.message import Message
from alerts.models import AlertChannel
from alerts.transports.base import HttpTransport, Receipt
from alerts.transports.options import one_of
from alerts.transports.slack import RETIRED, is_retired
from alerts.transports.text import Line, facts, fitted, legible, more, report, within

MOST_BYTES = 20_000
_ROOM_FOR_FACTS = 8000
_ROOM_FOR_LINES = 7000
_LONGEST_TITLE = 300
_LONGEST_NAME = 100
_LONGEST_VALUE = 300
_LONGEST_BUTTON = 60
_LONGEST_ADDRESS = 500
_MOST_BUTTONS = 5

_COLOURS = {"resolved": "good", "acknowledged": "accent", "High": "attention", "Medium": "warning"}
_MARKUP = frozenset("\\*_[](){}<>#~`|!&@")
# What makes a list of a line.
_BULLET = re.compile(r"\s*([-+•]|\d+[.)])")


class TeamsTransport(HttpTransport):
    kind = "ms_teams"
    taken = frozenset({200, 202})
    options = {"card": one_of("envelope", "bare")}

    def problems(self, channel: AlertChannel) -> dict[str, str]:
        wrong = super().problems(channel)
        if "url" not in wrong and is_retired(channel.url):
            wrong["url"] = RETIRED
        return wrong

    def payload(self, channel: AlertChannel, message: Message) -> dict[str, Any]:
        card = _card(legible(message))
        if channel.options.get("card", "envelope") == "bare":
            return card
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        return {"type": "message", "attachments": [attachment]}

    def refusal(self, receipt: Receipt) -> str:
        """With status 200 an old connector said "1", or what went wrong."""
        said = receipt.body.lower()
        return receipt.body if receipt.status == 200 and any(word in said for word in _COMPLAINTS) else ""

    def send(self, channel: AlertChannel, message: Message) -> Receipt:
        receipt = super().send(channel, message)
        if receipt.status == 202:
            return Receipt(202, "Accepted by the workflow, which does not tell whether it posted the message.")
        return receipt


_COMPLAINTS = ("error", "failed", "throttl", "<html")


def _card(message: Message) -> dict[str, Any]:
    body: list[dict[str, Any]] = [
        {
            "type": "TextBlock",
            "text": _inert(message.heading, _LONGEST_TITLE),
            "weight": "bolder",
            "size": "large",
            "color": _COLOURS.get(message.kind) or _COLOURS.get(message.level, "default"),
            "wrap": True,
        }
    ]
    shown, left_out = within(facts(message), _fact, room=_ROOM_FOR_FACTS, size=_bytes)
    body.append({"type": "FactSet", "facts": shown})
    if left_out:
        body.append(_block(more(left_out)))
    lines, left_out = within(report(message), _line, room=_ROOM_FOR_LINES, size=_bytes)
    body += lines
    if left_out:
        body.append(_block(more(left_out)))
    if message.link:
        body.append(_block(_inert(message.link, _LONGEST_VALUE), isSubtle=True, size="small"))
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
        "actions": [
            {"type": "Action.OpenUrl", "title": fitted(words, _LONGEST_BUTTON) or "Open", "url": address}
            for words, address in message.links
            if len(address) <= _LONGEST_ADDRESS
        ][:_MOST_BUTTONS],
    }


def _fact(fact: tuple[str, str]) -> dict[str, str]:
    name, value = fact
    return {"title": _inert(name, _LONGEST_NAME), "value": _inert(value, _LONGEST_VALUE)}


def _line(line: Line) -> dict[str, Any]:
    """A block a line: within one, what ends a line differs from client to client."""
    if line.is_heading:
        return _block(_inert(line.text, _LONGEST_NAME), weight="bolder", spacing="medium")
    return _block(_inert(line.text, _LONGEST_VALUE), spacing="none")


def _block(text: str, **looks: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True, **looks}


def _bytes(piece: dict[str, Any]) -> int:
    return len(json.dumps(piece, ensure_ascii=False).encode("utf-8", "replace")) + 2


def _inert(text: str, limit: int) -> str:
    """Cards show a part of Markdown, and what stands behind a backslash as it is."""
    lead = "\u200b" if _BULLET.match(text) else ""
    return fitted(f"{lead}{text}", limit, _escape)


def _escape(text: str) -> str:
    return "".join(f"\\{mark}" if mark in _MARKUP else mark for mark in text)
