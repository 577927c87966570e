"""The messages of a chat completion, as they are gathered from a dialect that orders them otherwise. Pure."""

from dataclasses import dataclass, field
from typing import Any

from proxy.core.dialects.base import Json


@dataclass(slots=True)
class Conversation:
    """Tool calls join the assistant's message before them. A tool's images follow as the user's.

    A chat completion wants the answers to all calls of a message right behind it, and takes only text in them.
    """

    messages: list[Json] = field(default_factory=list)
    _images: list[Json] = field(default_factory=list)

    def say(self, role: str, parts: list[Json]) -> None:
        """What the system or the user says; nothing is said with no parts."""
        if role == "user":
            parts, self._images = self._images + parts, []
        else:
            self._show()
        if parts:
            self.messages.append({"role": role, "content": flat(parts)})

    def reply(self, parts: list[Json]) -> None:
        """What the assistant said. Behind calls that nothing has answered yet, it belongs to their message."""
        self._show()
        last = self.messages[-1] if self.messages else {}
        if "tool_calls" in last and parts:
            last["content"] = flat([*_as_parts(last["content"]), *parts])
        else:
            self.messages.append({"role": "assistant", "content": flat(parts)})

    def call(self, call_id: str, name: str, arguments: str) -> None:
        self._show()
        if not self.messages or self.messages[-1]["role"] != "assistant":
            self.messages.append({"role": "assistant", "content": None})
        message = self.messages[-1]
        # Only beside calls may it be null, and there upstreams take null more gladly than an empty text.
        message["content"] = message["content"] or None
        message.setdefault("tool_calls", []).append(
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        )

    def answer(self, call_id: str, parts: list[Json], *, failed: bool = False) -> None:
        """What a tool gave back. A chat completion has no mark for a failure, so that the text says it."""
        texts = [part for part in parts if part["type"] == "text"]
        others = [part for part in parts if part["type"] != "text"]
        if failed:
            texts.insert(0, {"type": "text", "text": "The tool failed."})
        if others:
            self._images += [{"type": "text", "text": f"From the tool call {call_id}:"}, *others]
            texts = texts or [{"type": "text", "text": "The result follows in the next message of the user."}]
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": flat(texts)})

    def finish(self) -> list[Json]:
        self._show()
        return self.messages

    def _show(self) -> None:
        if self._images:
            images, self._images = self._images, []
            self.messages.append({"role": "user", "content": images})


def flat(parts: list[Json]) -> str | list[Json]:
    """One plain text as a string, which every upstream takes; else the parts."""
    if not parts:
        return ""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        text: str = parts[0]["text"]
        return text
    return parts


def _as_parts(content: Any) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content or []
