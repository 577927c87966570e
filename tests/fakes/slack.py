"""Slack's incoming webhook: answers as Slack does and keeps the messages it accepted."""

import time
from typing import Any

from tests.fakes.server import FakeServer, Received, Reply

# Slack's reference of Block Kit: blocks in a message, characters in a section's and in a header's text.
MOST_BLOCKS = 50
LONGEST_TEXTS = {"section": 3000, "header": 150}


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
        if not _blocks_fit(message.get("blocks") or []):
            return Reply(400, "invalid_blocks")
        return Reply(200, "ok", headers={"Content-Type": "text/html"})


def _message(received: Received) -> dict[str, Any] | None:
    try:
        body = received.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _blocks_fit(blocks: list[dict[str, Any]]) -> bool:
    return len(blocks) <= MOST_BLOCKS and all(
        len((block.get("text") or {}).get("text", "")) <= LONGEST_TEXTS.get(block.get("type", ""), 3000)
        for block in blocks
    )
