"""Slack's incoming webhook: answers as Slack does and keeps the messages it accepted."""

import json
import time
from typing import Any

from tests.fakes.server import FakeServer, Received, Reply

# Slack's reference of Block Kit: blocks in a message, characters in a section's and in a header's text.
MOST_BLOCKS = 50
LONGEST_TEXTS = {"section": 3000, "header": 150}
MOST_FIELDS, LONGEST_FIELD = 10, 2000
MOST_ELEMENTS = {"actions": 25, "context": 10}
LONGEST_BUTTON, LONGEST_BUTTON_URL = 75, 3000
# Not in the reference, but seen: "msg_blocks_too_long".
MOST_CHARACTERS = 13_000


class FakeSlack(FakeServer):
    """`violations` counts requests that came to a webhook before a Retry-After it had sent ran out."""

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.messages: list[dict[str, Any]] = []
        self.violations = 0
        self._quiet_until: dict[str, float] = {}

    def clear(self) -> None:
        super().clear()
        self.messages.clear()
        self.violations = 0
        self._quiet_until.clear()

    def choose(self, received: Received) -> Reply:
        reply = super().choose(received)
        # Slack limits each webhook by itself, so one may speak while another has to wait.
        self.violations += received.at < self._quiet_until.get(received.path, 0)
        retry_after = {name.lower(): value for name, value in reply.headers.items()}.get("retry-after")
        if retry_after:
            self._quiet_until[received.path] = time.monotonic() + reply.delay_seconds + float(retry_after)
        if reply.status == 200 and (message := _message(received)) is not None:
            self.messages.append(message)
        return reply

    def respond(self, received: Received) -> Reply:
        if received.method != "POST":
            return Reply(405, "method_not_allowed")
        if (message := _message(received)) is None:
            return Reply(400, "invalid_payload")
        if not any(message.get(name) for name in ("text", "blocks", "attachments")):
            return Reply(400, "no_text")
        blocks = message.get("blocks") or []
        if len(json.dumps(blocks, ensure_ascii=False)) > 2 * MOST_CHARACTERS or _characters(blocks) > MOST_CHARACTERS:
            return Reply(400, "msg_blocks_too_long")
        if not _blocks_fit(blocks):
            return Reply(400, "invalid_blocks")
        return Reply(200, "ok", headers={"Content-Type": "text/html"})


def _message(received: Received) -> dict[str, Any] | None:
    try:
        body = received.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _blocks_fit(blocks: list[dict[str, Any]]) -> bool:
    return len(blocks) <= MOST_BLOCKS and all(map(_fits, blocks))


def _fits(block: dict[str, Any]) -> bool:
    kind, fields, elements = block.get("type", ""), block.get("fields") or [], block.get("elements") or []
    return (
        _is_text(block.get("text"), LONGEST_TEXTS.get(kind, 3000), needed=kind == "header")
        and (kind != "section" or bool(block.get("text") or fields))
        and len(fields) <= MOST_FIELDS
        and all(_is_text(field, LONGEST_FIELD) for field in fields)
        and len(elements) <= MOST_ELEMENTS.get(kind, 0)
        and all(_is_button(one) if kind == "actions" else _is_text(one, 3000) for one in elements)
    )


def _is_text(text: dict[str, Any] | None, limit: int, *, needed: bool = True) -> bool:
    if text is None:
        return not needed
    return text.get("type") in ("plain_text", "mrkdwn") and 0 < len(text.get("text", "")) <= limit


def _is_button(button: dict[str, Any]) -> bool:
    address = button.get("url", "")
    return (
        button.get("type") == "button"
        and _is_text(button.get("text"), LONGEST_BUTTON)
        and len(address) <= LONGEST_BUTTON_URL
        and address.startswith(("http://", "https://"))
    )


def _characters(part: Any) -> int:
    """All texts of the blocks together."""
    if isinstance(part, list):
        return sum(map(_characters, part))
    if isinstance(part, dict):
        return sum(
            len(value) if name == "text" and isinstance(value, str) else _characters(value)
            for name, value in part.items()
        )
    return 0
