"""What the watch over a page's faults sees of the Content-Security-Policy; no gateway is needed for that."""

import pytest
from playwright.sync_api import Browser, Route

from tests.browser.chromium import watched_page

ORIGIN = "http://127.0.0.1:1"
PAGE = "<!doctype html><link rel=icon href=data:,><title>x</title><p style='color: red'>x</p>"
POLICY = "content-security-policy"


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ({POLICY: "default-src 'none'; img-src data:"}, "violates style-src-attr"),
        ({}, "a page without a policy"),
    ],
)
def test_a_page_against_or_without_a_policy_is_a_fault(browser: Browser, headers: dict[str, str], fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        look(browser, headers)


def look(browser: Browser, headers: dict[str, str]) -> None:
    def answer(route: Route) -> None:
        route.fulfill(body=PAGE, headers={"content-type": "text/html", **headers})

    with watched_page(browser, ORIGIN) as page:
        page.route("**/*", answer)
        page.goto("/")
        page.evaluate("() => new Promise(requestAnimationFrame)")
