"""What these tests ask: a question, two tools, an image, an answer by a schema."""

import base64
from typing import Any

import pytest
from pydantic import BaseModel

from tests.functional.sdk.peers import ALL, CHAT, Peer

QUESTION: Any = [{"role": "user", "content": "What is the toll?"}]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(64))).decode()
_NAMES = ("read_sign", "pay_toll")
_SCHEMA = {
    "type": "object",
    "properties": {"lane": {"type": "string", "description": "Which lane"}, "cents": {"type": "integer"}},
    "required": ["lane", "cents"],
}
# What the fakes make up for it.
ARGUMENTS = {"lane": "toll", "cents": 7}
TOOLS: Any = [
    {"type": "function", "function": {"name": name, "description": "At the gate.", "parameters": _SCHEMA}}
    for name in _NAMES
]
FLAT_TOOLS: Any = [{"type": "function", "strict": False, **tool["function"]} for tool in TOOLS]
CLAUDE_TOOLS: Any = [{"name": name, "description": "At the gate.", "input_schema": _SCHEMA} for name in _NAMES]


class Toll(BaseModel):
    cents: int
    currency: str


def named(*groups: str) -> tuple[Peer, ...]:
    return tuple(ALL[group] for group in groups)


def over(peers: tuple[Peer, ...]) -> pytest.MarkDecorator:
    """The test, once for each; it takes `peer`."""
    return pytest.mark.parametrize("peer", peers, ids=[peer.group for peer in peers])


over_chat = over(CHAT)
