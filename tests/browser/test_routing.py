"""A fallback as an admin edits it: previewed, applied and taken back, while gateways answer."""

import re
import time
from collections import Counter

from playwright.sync_api import Page, expect

from tests.browser.chromium import field, first_password, log_in, turn_to
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.gateway import Gateway, chat

SOON_SECONDS = 2.0


def test_a_fallback_is_edited_with_preview_and_reverted_while_gateways_run(
    gateway: Gateway, page: Page, frail: FakeUpstream
) -> None:
    frail.script(*[openai_error(500, "boom", "server_error")] * 200)
    assert answers(gateway) == {"500"}
    log_in(page, first_password(gateway))
    page.clock.install()
    turn_to(page, "Routing")
    page.wait_for_url("**/proxy/routing/")
    with page.expect_response("**/proxy/routing/") as refreshed:
        page.clock.fast_forward(6_000)
    refreshed.value.finished()
    page.get_by_role("link", name=re.compile("^Edit ?: frail$")).click()
    field(page, "When it fails").fill("spare\nhouse")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="What differs")).to_be_visible()
    expect(page.get_by_role("row", name="frail")).to_contain_text("spare")
    assert answers(gateway) == {"500"}, "a preview changes nothing"

    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("Changed. It holds on every process within two seconds.")).to_be_visible()
    holds_soon(gateway, "spare")

    page.get_by_role("link", name="History", exact=True).click()
    revert = page.get_by_role("link", name=re.compile("^Revert"))
    expect(revert).to_have_count(1)
    revert.click()
    expect(page.get_by_role("row", name="frail").locator(".tk-old")).to_contain_text("spare")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("Changed. It holds on every process within two seconds.")).to_be_visible()
    holds_soon(gateway, "500")
    page.get_by_role("link", name="History", exact=True).click()
    expect(revert).to_have_count(2)
    frail.clear()


def answers(gateway: Gateway) -> set[str]:
    """Who answers for `frail`; a connection of its own each time, so that each process gets its share."""
    found: Counter[str] = Counter()
    for _ in range(8):
        with gateway.client() as client:
            response = client.post("/v1/chat/completions", json=chat("frail"))
        found[response.headers["x-litellm-model-group"] if response.is_success else str(response.status_code)] += 1
    return set(found)


def holds_soon(gateway: Gateway, expected: str) -> None:
    done = time.monotonic()
    while answers(gateway) != {expected}:
        assert time.monotonic() - done < SOON_SECONDS, f"not everywhere {expected}"
