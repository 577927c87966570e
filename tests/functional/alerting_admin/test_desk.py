"""From an upstream that fails to the person who looks after it: what the pages say is what the channel received."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.server import Reply
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.alerting_admin.conftest import Desk, plain
from tests.functional.management.answers import unique
from tests.gateway import Gateway, chat

ALERTS = "/admin/alerts"
SECRET = "services/T/B/secret"


@pytest.fixture
def channel(gateway: Gateway) -> str:
    """The page of the channel that the environment names."""
    ((number,),) = gateway.rows("SELECT id FROM alerts_alertchannel WHERE name = 'slack'")
    return f"{ALERTS}/alertchannel/{number}"


def received(slack: FakeSlack, words: str, *, within: float = 10.0) -> str:
    """The message that holds the words."""
    deadline = time.monotonic() + within
    while not (found := [one["text"] for one in slack.messages if words in one["text"]]):
        assert time.monotonic() < deadline, f"{words!r} was not told: {slack.messages}"
        time.sleep(0.05)
    return str(found[0])


def incident_of(desk: Desk, words: str) -> str:
    """The page of the one incident that a search of the inbox finds."""
    found = set(
        re.findall(rf'href="({ALERTS}/incident/[0-9a-f-]+)/change/', desk.open(f"{ALERTS}/incident/?q={words}"))
    )
    assert len(found) == 1, f"the inbox has {len(found)} incidents of {words!r}"
    return str(found.pop())


def test_a_failure_is_found_in_the_inbox_and_worked_through(
    gateway: Gateway, desk: Desk, shared_upstream: FakeUpstream, shared_slack: FakeSlack
) -> None:
    words = unique("broke")
    shared_upstream.script(openai_error(500, words, "server_error"))
    with gateway.client() as client:
        assert client.post("/v1/chat/completions", json=chat("gpt-4o")).status_code >= 500
    received(shared_slack, words)
    page = incident_of(desk, words)

    assert "Delivered" in desk.read(f"{page}/change/")
    answer = plain(desk.press(f"{page}/change/", f"{page}/do/", verb="acknowledge", note="on it").text)
    assert "You look after it now" in answer
    assert "admin : on it" in answer
    answer = plain(desk.press(f"{page}/change/", f"{page}/do/", verb="resolve", note="").text)
    assert "Closed by admin" in answer
    assert words in received(shared_slack, "[Resolved] LLM API call failed")
    explained = re.search(r'href="(/admin/proxy/requesttrace/\?q=[^"]+)"', desk.open(f"{page}/change/"))
    assert explained
    assert "gpt-4o" in desk.read(explained.group(1))


def test_a_channel_is_tested_and_its_answer_shown(desk: Desk, channel: str, shared_slack: FakeSlack) -> None:
    answer = desk.press(f"{channel}/change/", f"{channel}/test/")
    assert 'answered 200: "ok"' in plain(answer.text)
    assert received(shared_slack, "This is a test slack alert message")
    shared_slack.script(Reply(403, "invalid_token"))
    answer = desk.press(f"{channel}/change/", f"{channel}/test/")
    assert "403: invalid_token" in plain(answer.text)
    assert SECRET not in answer.text


def test_a_sample_comes_out_of_the_channel_and_a_silence_keeps_it_in(
    desk: Desk, channel: str, shared_slack: FakeSlack
) -> None:
    answer = plain(desk.press(f"{channel}/change/", f"{channel}/sample/", type="cooldown_deployment").text)
    assert "To slack." in answer
    assert "Nothing is wrong: admin tries the alerts." in received(
        shared_slack, "[Sample] Deployment of gpt-4o cools down"
    )

    now, comment = datetime.now(UTC), unique("at work")
    desk.submit(
        f"{ALERTS}/silence/add/",
        comment=comment,
        matchers="sample = true",
        starts_at_0=f"{now:%Y-%m-%d}", starts_at_1="00:00",
        ends_at_0=f"{now + timedelta(days=2):%Y-%m-%d}", ends_at_1="00:00",
    )  # fmt: skip
    answer = plain(desk.press(f"{channel}/change/", f"{channel}/sample/", type="llm_exceptions").text)
    assert "A silence holds. Nobody is told." in answer
    assert comment in answer
    silence = re.search(rf'href="({ALERTS}/silence/\d+)/change/[^"]*"[^>]*>{comment}', desk.open(f"{ALERTS}/silence/"))
    assert silence
    assert "It holds no longer" in plain(desk.press(f"{silence[1]}/change/", f"{silence[1]}/end/").text)
    desk.press(f"{channel}/change/", f"{channel}/sample/", type="llm_exceptions")
    received(shared_slack, "[Sample] LLM API call failed")


def test_what_was_given_up_is_told_after_all_by_a_button(
    gateway: Gateway, desk: Desk, channel: str, shared_slack: FakeSlack
) -> None:
    shared_slack.script(Reply(404, "no_service"))
    desk.press(f"{channel}/change/", f"{channel}/sample/", type="failed_tracking_spend")
    gateway.wait_for_rows("SELECT 1 FROM alerts_delivery WHERE state = 'dead'", 1)
    page = incident_of(desk, "[Sample] No price is known")

    text = desk.open(f"{page}/change/")
    assert "404: no_service" in plain(text)
    (number,) = re.findall(r'name="delivery"\s+value="([0-9a-f-]+)"', text)
    assert "tried again at once" in plain(desk.press(f"{page}/change/", f"{page}/retry/", delivery=number).text)
    received(shared_slack, "[Sample] No price is known")


def test_the_preview_of_a_channel_is_what_it_is_sent(desk: Desk, channel: str, shared_slack: FakeSlack) -> None:
    previewed = desk.read(f"{channel}/change/?preview=llm_exceptions")
    desk.press(f"{channel}/change/", f"{channel}/sample/", type="llm_exceptions")
    told = received(shared_slack, "[Sample] LLM API call failed")

    for line in told.splitlines():
        if line and not line.startswith(("Timestamp", "Message", "Sample")):
            assert line in previewed, line


def test_what_becomes_of_an_alert_is_as_previewed(desk: Desk, gateway: Gateway) -> None:
    text = desk.read(f"{ALERTS}/alertroute/preview/?alert_type=llm_exceptions&level=High&labels=&at=")

    assert "slack at once, by everything else" in text
    assert "everything else taken It takes it." in text
