"""An incident as whoever looks after it works through it: it fires, is taken, kept quiet, and closed."""

import re

from playwright.sync_api import Page, expect

from tests.browser.chromium import first_password, log_in, turn_to
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.gateway import Gateway, chat


def fail(gateway: Gateway, provider: FakeUpstream) -> None:
    provider.script(openai_error(500, "the lights went out", "server_error"))
    with gateway.client() as client:
        assert client.post("/v1/chat/completions", json=chat("house")).status_code == 500


def test_an_incident_fires_is_acknowledged_silenced_and_resolved(
    gateway: Gateway, page: Page, provider: FakeUpstream, slack: FakeSlack
) -> None:
    slack.clear()
    fail(gateway, provider)
    slack.wait_for(1)
    (first,) = (message["text"] for message in slack.messages)
    assert "the lights went out" in first

    log_in(page, first_password(gateway))
    page.get_by_role("link", name=re.compile("the lights went out|LLM API call failed")).first.click()
    main = page.locator("#content-main")
    expect(main).to_contain_text("Open")
    expect(main).to_contain_text("the lights went out")

    page.get_by_label("Note").fill("looking at the fuses")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("You look after it now")).to_be_visible()
    expect(main).to_contain_text("admin: looking at the fuses")

    page.get_by_role("button", name="Silence 1 h").click()
    expect(page.get_by_text("Nobody is told of it for 1 h.")).to_be_visible()
    fail(gateway, provider)
    gateway.wait_for_rows("SELECT 1 FROM alerts_incident WHERE count = 2", 1)
    page.reload()
    expect(main).to_contain_text("2 times")

    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_text("It is resolved; whoever was told of it is told so.")).to_be_visible()
    turn_to(page, "Incidents")
    page.wait_for_url("**/alerts/incident/")
    expect(page.get_by_text("the lights went out")).to_have_count(0)
    assert [message["text"] for message in slack.messages if "the lights" in message["text"]][:1] == [first]
