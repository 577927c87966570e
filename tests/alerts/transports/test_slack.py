"""Slack's blocks, and who gets plain text instead."""

import re
from dataclasses import replace
from typing import Any

import pytest

from alerts.core.message import Message
from alerts.models import AlertChannel
from alerts.transports.slack import SlackTransport
from tests.alerts.transports.cases import FULL, KINDS
from tests.alerts.transports.hostile import TEXTS
from tests.alerts.transports.test_contract import hostile, strings
from tests.fakes.server import Reply
from tests.fakes.slack import FakeSlack

SLACK = "https://hooks.slack.com/services/T0/B0/hidden"


def payload(message: Message = FULL, url: str = SLACK, **options: Any) -> dict[str, Any]:
    return SlackTransport().payload(AlertChannel(kind="slack", url=url, options=options), message)


def test_the_blocks_say_what_the_text_says() -> None:
    header, fields, listed, context, actions = payload()["blocks"]

    assert header["text"] == {"type": "plain_text", "text": "🔴 gpt-4o fails", "emoji": False}
    assert [one["text"] for one in fields["fields"]] == [
        "*Alert type*\n`llm_exceptions`",
        "*Level*\n`High`",
        "*Timestamp*\n`2026-11-23T12:05:00+00:00`",
        "*Since*\n`2026-11-23T12:00:00+00:00`",
        "*Count*\n`3`",
        "*By*\n`ada`",
        "*Model*\n`gpt-4o`",
        "*Error*\n`InternalServerError: it broke`",
    ]
    assert listed["text"]["text"] == "*Top models*\ngpt-4o: $12.00\ngpt-4o-mini: $1.00"
    assert context["elements"][0]["text"] == "Proxy URL: `https://gateway.example`"
    assert [(one["text"]["text"], one["url"]) for one in actions["elements"]] == list(FULL.links)


@pytest.mark.parametrize("kind", KINDS)
def test_the_header_shows_what_became_of_it(kind: str) -> None:
    signs = {"resolved": "✅ [Resolved] ", "acknowledged": "👀 [Acknowledged] "}
    told = {"repeat": "🔴 [Still firing] ", "escalated": "🔴 [Not acknowledged] "}

    header = payload(replace(FULL, kind=kind))["blocks"][0]["text"]["text"]
    assert header == f"{ {**signs, **told}.get(kind, '🔴 ') }gpt-4o fails"


def test_a_long_title_is_in_the_header_cut_and_below_it_whole() -> None:
    title = "it broke " * 30
    header, section, *_ = payload(replace(FULL, title=title))["blocks"]

    assert header["text"]["text"].startswith("🔴 it broke it broke")
    assert header["text"]["text"].endswith("it…")
    assert section["text"]["text"] == title


def test_the_text_stands_beside_the_blocks_for_notifications_and_others() -> None:
    assert "Alert type: `llm_exceptions`" in payload()["text"]
    assert "blocks" not in payload(format="text")


@pytest.mark.parametrize(
    "url",
    [
        "https://discord.com/api/webhooks/1/hidden/slack",
        "https://discord.com/api/webhooks/1/hidden/slack/",
        "https://outlook.office.com/webhook/hidden",
        "https://contoso.webhook.office.com/webhookb2/hidden",
    ],
)
def test_who_knows_no_blocks_gets_plain_text(url: str) -> None:
    assert set(payload(url=url)) == {"text", "unfurl_links", "unfurl_media"}


def test_discord_by_its_slack_address_gets_a_content_of_its_size_that_calls_nobody() -> None:
    message = replace(FULL, title="@everyone " * 1000)
    text = payload(message, url="https://discord.com/api/webhooks/1/hidden/slack")["text"]

    assert len(text) <= 2000
    assert "@everyone" not in text


@pytest.mark.parametrize("host", ["outlook.office.com", "contoso.webhook.office.com"])
def test_a_retired_connector_is_a_problem_with_a_way_out(host: str) -> None:
    problem = SlackTransport().problems(AlertChannel(kind="slack", url=f"https://{host}/webhook/hidden"))["url"]

    assert "workflow" in problem
    assert "hidden" not in problem


@pytest.mark.parametrize("url", [SLACK, "https://office.com.example/hidden", "https://myoffice.com/hidden"])
def test_others_are_no_retired_connectors(url: str) -> None:
    assert SlackTransport().problems(AlertChannel(kind="slack", url=url)) == {}


@pytest.mark.parametrize("text", ["blocks", "text"])
def test_no_text_mentions_links_or_ends_its_span(text: str) -> None:
    for one in TEXTS:
        for said in strings(payload(hostile(one), format=text)):
            assert not re.search("[<>]", said), one[:50]
            assert not re.search("&(?!amp;|lt;|gt;)", said.removesuffix("…")) or said.startswith("https://"), one[:50]


def test_the_blocks_of_no_text_are_bold_or_struck_by_its_user() -> None:
    for one in TEXTS:
        for block in payload(hostile(one))["blocks"]:
            for field in block.get("fields", []):
                name, _, value = field["text"].partition("\n")
                assert not re.search("[^\u200b][*_~`][^\u200b]", name[1:-1]), one[:50]
                assert re.fullmatch("`[^`\n]*`", value), one[:50]


@pytest.mark.parametrize("body", ['{"ok": true}', '{"success": true}', "OK"])
def test_others_that_speak_slacks_format_may_say_yes_in_json(slack: FakeSlack, body: str) -> None:
    slack.script(Reply(200, body))
    channel = AlertChannel(kind="slack", url=f"{slack.url}/hooks/1", private_address_allowed=True)

    assert SlackTransport().notify(channel, FULL).status == 200
