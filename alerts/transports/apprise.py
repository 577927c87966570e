"""Apprise: its address names one of some hundred services, which get plain text.

Apprise calls by itself, so where it calls is not checked as elsewhere: such channels are the operator's only.
"""

import logging
from typing import Any

from alerts.core.message import Message
from alerts.models import AlertChannel
from alerts.transports.base import Receipt, Transport, TransportError
from alerts.transports.text import Line, facts, fitted, legible, lines_within, report, without_mentions

_LONGEST_TITLE = 250
_LONGEST_LINE = 500
_LONGEST_WORDS = 100
_ROOM = 3500
_TYPES = {"resolved": "success", "High": "failure", "Medium": "warning"}
MISSING = "Apprise is not installed; install tollkeeper[apprise]."


class AppriseTransport(Transport):
    kind = "apprise"

    def problems(self, channel: AlertChannel) -> dict[str, str]:
        wrong = super().problems(channel)
        if "url" not in wrong and (library := _library()) and not library.Apprise().add(channel.url):
            wrong["url"] = "Apprise does not know such an address."
        return wrong

    def defects(self, channel: AlertChannel) -> dict[str, str]:
        wrong = super().defects(channel)
        if not channel.url:
            wrong["url"] = "This field is required."
        elif _library() is None:
            wrong["url"] = MISSING
        return wrong

    def send(self, channel: AlertChannel, message: Message) -> Receipt:
        if not channel.private_address_allowed:
            raise TransportError(
                "Not sent: Apprise may call any address, so the operator or a superuser must set up its channels.",
                permanent=True,
            )
        service = _library().Apprise()
        if not service.add(channel.url):
            raise TransportError("Not sent: Apprise does not know such an address.", permanent=True)
        if not service.notify(**self.preview(channel, message), body_format="text", interpret_escapes=False):
            raise TransportError("Apprise could not send it; it does not say why.")
        return Receipt(None, "Sent by Apprise, which does not tell what was answered.")

    def preview(self, channel: AlertChannel, message: Message) -> dict[str, str]:
        plain = legible(message)
        return {
            "title": without_mentions(fitted(plain.heading, _LONGEST_TITLE)),
            "body": _body(plain),
            "notify_type": _TYPES.get(message.kind) or _TYPES.get(message.level, "info"),
        }


def _library() -> Any:
    """None where it is not installed."""
    try:
        import apprise  # noqa: PLC0415 - optional, and slow to load
    except ImportError:
        return None
    # Their logs name what was called.
    for name in ("apprise", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return apprise


def _body(message: Message) -> str:
    lines = [Line(f"{name}: {value}") for name, value in facts(message)] + report(message)
    links = [
        f"{fitted(words, _LONGEST_WORDS)}: {address}"
        for words, address in message.links
        if len(address) <= _LONGEST_LINE
    ]
    return without_mentions("\n".join(lines_within(lines, _line, room=_ROOM) + links))


def _line(line: Line) -> str:
    text = fitted(line.text, _LONGEST_LINE)
    return f"\n{text}" if line.is_heading else text
