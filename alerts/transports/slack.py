"""Slack's incoming webhooks, and whoever speaks their format: Discord's `/slack`, Teams connectors, Mattermost.

The text follows LiteLLM's layout line by line. Limits: Slack's manual on incoming webhooks (40,000 characters,
4,000 advised).
"""

from typing import Any

from alerts.core.message import Message, code_span, escape_slack, one_line, truncate
from alerts.transports.base import HttpTransport, Receipt

_LONGEST_TITLE = 2000
_LONGEST_DETAIL = 300
_ACCEPTED_BODIES = frozenset({"", "ok", "1"})


class SlackTransport(HttpTransport):
    kind = "slack"

    def payload(self, message: Message) -> dict[str, Any]:
        lines = [
            f"Alert type: {code_span(message.alert_type)}",
            f"Level: {code_span(message.level)}",
            f"Timestamp: {code_span(message.at)}",
            "",
            f"Message: {_PREFIXES[message.kind]}{escape_slack(truncate(one_line(message.title), _LONGEST_TITLE))}",
        ]
        if message.count > 1:
            lines.append(f"Count: {code_span(str(message.count))}")
        if message.details:
            lines.append("")
            lines += [
                f"{escape_slack(one_line(name))}: {code_span(truncate(value, _LONGEST_DETAIL))}"
                for name, value in message.details.items()
            ]
        if message.link:
            lines += ["", f"Proxy URL: {code_span(message.link)}"]
        # Links in a text are not unfurled: previews would fetch what a user typed.
        return {"text": "\n".join(lines), "unfurl_links": False, "unfurl_media": False}

    def refusal(self, response: Receipt) -> str:
        """Teams connectors answer 200 and tell of a failure in words."""
        body = response.body.lower()
        return response.body if body not in _ACCEPTED_BODIES and ("error" in body or "failed" in body) else ""


_PREFIXES = {"firing": "", "notice": "", "test": "", "repeat": "[Still firing] ", "resolved": "[Resolved] "}
