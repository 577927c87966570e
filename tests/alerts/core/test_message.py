"""User text in a message stays text."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.core.message import Message, code_span, escape_slack, timestamp, truncate
from alerts.models import AlertChannel
from alerts.transports.slack import SlackTransport

MESSAGE = Message(kind="firing", alert_type="llm_exceptions", level="High", title="It broke", at="2026-11-23T12:00:00")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("<!here|here>", "&lt;!here|here&gt;"),
        ("<@U123>", "&lt;@U123&gt;"),
        ("<https://evil.example|https://bank.example>", "&lt;https://evil.example|https://bank.example&gt;"),
        ("a & b", "a &amp; b"),
        ("&lt;", "&amp;lt;"),
        ("plain", "plain"),
    ],
)
def test_mentions_links_and_entities_are_escaped(text: str, escaped: str) -> None:
    assert escape_slack(text) == escaped


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nb", "a\rb", "a\u2028b", "a\u2029b", "a\x0bb", "a\x0cb", "a\x85b", "a`b", "```"]
)
def test_a_code_span_is_one_line_between_one_pair_of_backticks(text: str) -> None:
    span = code_span(text)

    assert span.startswith("`")
    assert span.endswith("`")
    assert "`" not in span[1:-1]
    assert len(span.splitlines()) == 1


@given(st.text())
@settings(deadline=None, max_examples=200)
def test_no_text_escapes_its_code_span(text: str) -> None:
    inside = code_span(text)[1:-1]

    assert not {"`", "<", ">", "\n"} & set(inside)


@given(st.text(), st.integers(1, 50))
@settings(deadline=None, max_examples=200)
def test_a_cut_text_is_never_longer_than_its_limit(text: str, limit: int) -> None:
    cut = truncate(text, limit)

    assert len(cut) <= limit
    assert cut == text or cut.endswith("…")


def test_a_message_survives_its_way_through_json() -> None:
    assert Message.from_json(MESSAGE.as_json()) == MESSAGE


def test_a_timestamp_has_its_zone() -> None:
    assert timestamp(datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)) == "2026-11-23T12:00:00+00:00"


def told(**facts: object) -> str:
    message = Message(**{**MESSAGE.as_json(), **facts})
    text = SlackTransport().payload(AlertChannel(), message)["text"]
    assert isinstance(text, str)
    return text


def test_slack_is_told_in_litellms_layout() -> None:
    text = told(details={"Model": "gpt-4o", "Team": "search"}, count=3, link="https://gateway.example")

    assert text.splitlines() == [
        "Alert type: `llm_exceptions`",
        "Level: `High`",
        "Timestamp: `2026-11-23T12:00:00`",
        "",
        "Message: It broke",
        "Count: `3`",
        "",
        "Model: `gpt-4o`",
        "Team: `search`",
        "",
        "Proxy URL: `https://gateway.example`",
    ]


@pytest.mark.parametrize(
    ("kind", "prefix"), [("firing", ""), ("repeat", "[Still firing] "), ("resolved", "[Resolved] "), ("test", "")]
)
def test_the_kind_stands_before_the_title(kind: str, prefix: str) -> None:
    assert f"Message: {prefix}It broke" in told(kind=kind)


def test_user_text_in_title_and_details_is_inert() -> None:
    text = told(title="<!channel> & <u|t>", details={"<!here>": "<!channel> `x`\nLevel: `Low`"})

    assert "<" not in text
    assert [line for line in text.splitlines() if line.startswith("Level:")] == ["Level: `High`"]


def test_a_title_cannot_forge_another_line() -> None:
    text = told(title="broken\nLevel: `Low`\r\nAlert type: `none`")

    assert [line for line in text.splitlines() if line.startswith("Level:")] == ["Level: `High`"]
    assert [line for line in text.splitlines() if line.startswith("Alert type:")] == ["Alert type: `llm_exceptions`"]


def test_a_message_stays_below_slacks_limit_of_forty_thousand() -> None:
    details = {f"name {number}": "<" * 10_000 for number in range(15)}

    assert len(told(title="<" * 1_000_000, details=details)) < 40_000


def test_slack_shows_no_preview_of_what_a_user_typed() -> None:
    payload = SlackTransport().payload(AlertChannel(), MESSAGE)

    assert (payload["unfurl_links"], payload["unfurl_media"]) == (False, False)
