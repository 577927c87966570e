"""Discord's execute-webhook: answers as Discord does and keeps the messages it accepted."""

from typing import Any

from tests.fakes.server import FakeServer, Received, Reply

# Discord's references of webhooks and of embeds.
MOST_EMBEDS, MOST_FIELDS, MOST_CHARACTERS = 10, 25, 6000
LONGEST = {"title": 256, "description": 4096}
LONGEST_CONTENT, LONGEST_NAME, LONGEST_VALUE, LONGEST_FOOTER = 2000, 256, 1024, 2048


class FakeDiscord(FakeServer):
    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.messages: list[dict[str, Any]] = []

    def respond(self, received: Received) -> Reply:
        if not received.path.startswith("/api/webhooks/") or received.method != "POST":
            return Reply(404, {"message": "Unknown Webhook", "code": 10015})
        try:
            message = received.json()
        except ValueError:
            return Reply(400, {"message": "The request body contains invalid JSON.", "code": 50109})
        if not message.get("content") and not message.get("embeds"):
            return Reply(400, {"message": "Cannot send an empty message", "code": 50006})
        if wrong := _wrong(message):
            return Reply(400, {"message": "Invalid Form Body", "code": 50035, "errors": wrong})
        self.messages.append(message)
        if received.query.get("wait") != "true":
            return Reply(204)
        return Reply(200, {"id": "1", "content": message.get("content", ""), "embeds": message.get("embeds", [])})


def _wrong(message: dict[str, Any]) -> list[str]:
    embeds = message.get("embeds") or []
    wrong = []
    if _units(message.get("content") or "") > LONGEST_CONTENT:
        wrong.append("content")
    if len(embeds) > MOST_EMBEDS:
        wrong.append("embeds")
    for embed in embeds:
        wrong += [name for name, limit in LONGEST.items() if _units(embed.get(name, "")) > limit]
        fields = embed.get("fields") or []
        wrong += ["fields"] if len(fields) > MOST_FIELDS else []
        wrong += ["name" for one in fields if not 0 < _units(one.get("name", "").strip()) <= LONGEST_NAME]
        wrong += ["value" for one in fields if not 0 < _units(one.get("value", "").strip()) <= LONGEST_VALUE]
        wrong += ["footer"] if _units(_footer(embed)) > LONGEST_FOOTER else []
        wrong += ["url"] if "url" in embed and not embed["url"].startswith(("http://", "https://")) else []
        wrong += ["color"] if not 0 <= embed.get("color", 0) <= 0xFFFFFF else []
    if sum(map(_size, embeds)) > MOST_CHARACTERS:
        wrong.append("MAX_EMBED_SIZE_EXCEEDED")
    return wrong


def _size(embed: dict[str, Any]) -> int:
    texts = [embed.get("title", ""), embed.get("description", ""), _footer(embed)]
    texts += [text for one in embed.get("fields") or [] for text in (one["name"], one["value"])]
    return sum(map(_units, texts))


def _footer(embed: dict[str, Any]) -> str:
    return str((embed.get("footer") or {}).get("text", ""))


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
