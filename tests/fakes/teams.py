"""A workflow of Microsoft Teams: accepts what it can read, and posts only cards of the shape it was made for."""

from typing import Any

from tests.fakes.server import FakeServer, Received, Reply

# 28 KB are documented; 21 KB were seen refused.
MOST_BYTES = 21_000
CARD = "application/vnd.microsoft.card.adaptive"
VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4")


class FakeTeams(FakeServer):
    """`cards` are those it posted, `lost` the bodies that it accepted and could do nothing with."""

    def __init__(self, *, port: int = 0, takes_bare_cards: bool = False) -> None:
        super().__init__(port=port)
        self.takes_bare_cards = takes_bare_cards
        self.cards: list[dict[str, Any]] = []
        self.lost: list[Any] = []

    def respond(self, received: Received) -> Reply:
        if "sig" not in received.query:
            return Reply(401, {"error": {"code": "DirectApiAuthorizationRequired"}})
        if len(received.body) > MOST_BYTES:
            return Reply(413, {"error": {"code": "RequestEntityTooLarge"}})
        try:
            body = received.json()
        except ValueError:
            return Reply(400, {"error": {"code": "InvalidRequestContent"}})
        cards = [body] if self.takes_bare_cards else _attached(body)
        if cards and all(map(_is_card, cards)):
            self.cards += cards
        else:
            self.lost.append(body)
        return Reply(202)


def _attached(body: Any) -> list[Any]:
    if not isinstance(body, dict) or body.get("type") != "message":
        return []
    return [one.get("content") for one in body.get("attachments") or [] if one.get("contentType") == CARD]


def _is_card(card: Any) -> bool:
    return (
        isinstance(card, dict)
        and card.get("type") == "AdaptiveCard"
        and card.get("version") in VERSIONS
        and all(map(_is_element, card.get("body") or [{}]))
        and all(map(_is_link, card.get("actions") or []))
    )


def _is_element(element: dict[str, Any]) -> bool:
    if element.get("type") == "TextBlock":
        return isinstance(element.get("text"), str)
    facts = element.get("facts")
    return (
        element.get("type") == "FactSet"
        and isinstance(facts, list)
        and all(isinstance(one.get(name), str) for one in facts for name in ("title", "value"))
    )


def _is_link(action: dict[str, Any]) -> bool:
    opens = action.get("type") == "Action.OpenUrl" and bool(action.get("title"))
    return opens and action.get("url", "").startswith(("http://", "https://"))
