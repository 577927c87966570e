"""Discord's embeds: what they say, what they never do, and how long Discord wants to be left alone."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from alerts.core.message import Message
from alerts.models import AlertChannel
from alerts.transports.base import TransportError
from alerts.transports.discord import DiscordTransport
from tests.alerts.transports.cases import FULL
from tests.alerts.transports.hostile import TEXTS
from tests.alerts.transports.test_contract import hostile
from tests.fakes.discord import FakeDiscord
from tests.fakes.server import Reply


@pytest.fixture
def discord() -> Iterator[FakeDiscord]:
    with FakeDiscord() as server:
        yield server


@pytest.fixture
def channel(discord: FakeDiscord) -> AlertChannel:
    return AlertChannel(
        kind="discord", url=f"{discord.url}/api/webhooks/1/hidden?thread_id=7", private_address_allowed=True
    )


def embed(message: Message = FULL) -> dict[str, Any]:
    (one,) = DiscordTransport().payload(AlertChannel(kind="discord"), message)["embeds"]
    assert isinstance(one, dict)
    return one


def test_an_embed_says_it_all(discord: FakeDiscord, channel: AlertChannel) -> None:
    DiscordTransport().notify(channel, FULL)

    (message,) = discord.messages
    (one,) = message["embeds"]
    assert message["allowed_mentions"] == {"parse": []}
    assert (one["title"], one["color"]) == ("gpt\\-4o fails", 0xE01E5A)
    assert one["url"] == "https://gateway.example/admin/1"
    assert ("Model", "gpt\\-4o") in [(field["name"], field["value"]) for field in one["fields"]]
    assert one["description"].splitlines() == [
        "[Incident](https://gateway.example/admin/1) · [Runbook](https://wiki.example/it-broke)",
        "",
        "**Top models**",
        "gpt\\-4o\\: $12.00",
        "gpt\\-4o\\-mini\\: $1.00",
    ]


def test_discord_is_asked_to_say_whether_it_kept_the_message(discord: FakeDiscord, channel: AlertChannel) -> None:
    DiscordTransport().notify(channel, FULL)

    assert discord.received[0].query == {"thread_id": "7", "wait": "true"}


@pytest.mark.parametrize(("kind", "level"), [("firing", "High"), ("firing", "Low"), ("resolved", "High")])
def test_level_and_end_have_colours_of_their_own(kind: str, level: str) -> None:
    colours = {("firing", "High"): 0xE01E5A, ("firing", "Low"): 0x36C5F0, ("resolved", "High"): 0x2EB67D}

    assert embed(replace(FULL, kind=kind, level=level))["color"] == colours[kind, level]


def test_no_text_is_markup_or_calls_anybody() -> None:
    for text in TEXTS:
        one = embed(hostile(text))
        said = [one.get("title", ""), *(field[name] for field in one["fields"] for name in ("name", "value"))]
        said += [line.removeprefix("**").removesuffix("**") for line in one.get("description", "").splitlines()[1:]]
        for plain in said:
            assert not re.search("@(?!\u200b)", plain), text[:50]
            assert not re.search("[\\\\*_~`|<>\\[\\]()#]", re.sub(r"\\[^0-9A-Za-z\s]", "", plain)), (text[:50], plain)


def test_a_forged_link_leads_nowhere() -> None:
    links = (("[x](https://evil.example)", "https://gateway.example/)[y](https://evil.example"),)

    assert embed(replace(FULL, links=links, sections=()))["description"] == (
        "[\\[x\\]\\(https\\:\\/\\/evil.example\\)](https://gateway.example/%29%5By%5D%28https://evil.example)"
    )


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (Reply(429, {"message": "limited", "retry_after": 2.5, "global": False}), 2.5),
        (Reply(429, {"retry_after": 2.5}, headers={"X-RateLimit-Reset-After": "4.2", "Retry-After": "3"}), 4.2),
        (Reply(429, {"retry_after": 0.5}, headers={"Retry-After": "8"}), 8),
        (Reply(429, {"retry_after": "soon"}), 60),
        (Reply(429, {"retry_after": -1}), 60),
        (Reply(429, {"retry_after": None}), 60),
        (Reply(429, ["limited"]), 60),
        (Reply(429, "<html>blocked</html>"), 60),
        (Reply(500, headers={"X-RateLimit-Reset-After": "4.2"}), None),
    ],
)
def test_discord_is_left_alone_for_the_longest_that_it_asks_for(
    discord: FakeDiscord, channel: AlertChannel, reply: Reply, seconds: float | None
) -> None:
    discord.script(reply)
    with pytest.raises(TransportError) as caught:
        DiscordTransport().notify(channel, FULL)

    assert caught.value.retry_after == seconds
    assert not caught.value.permanent


def test_an_address_for_slacks_format_is_a_problem() -> None:
    channel = AlertChannel(kind="discord", url="https://discord.com/api/webhooks/1/hidden/slack")

    assert "/slack" in DiscordTransport().problems(channel)["url"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "1.5"}, 1.5),
        ({"X-RateLimit-Remaining": "4", "X-RateLimit-Reset-After": "1.5"}, 0),
        ({"X-RateLimit-Remaining": "0"}, 0),
        ({}, 0),
    ],
)
def test_an_empty_bucket_is_left_alone_before_discord_says_so(
    discord: FakeDiscord, channel: AlertChannel, headers: dict[str, str], seconds: float
) -> None:
    discord.script(Reply(204, headers=headers))

    assert DiscordTransport().notify(channel, FULL).quiet_seconds == seconds
