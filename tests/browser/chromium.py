"""Debian's Chromium under Playwright, and what none of its pages may do."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests.gateway import Gateway
from tests.services import Missing

# By the key Tab, on one page.
MOST_STEPS = 300
TIMEOUT_MS = 15_000
expect.set_options(TIMEOUT_MS)
# A computer's screen, as wide as unfold's sidebar wants one.
SCREEN = {"width": 1280, "height": 900}
# No name leads out of this machine; root may not have Chromium's sandbox; shared memory is small in containers.
_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
# Said in the console also where the browser itself is silent, as for a policy that only reports.
_TELL_VIOLATIONS = """document.addEventListener("securitypolicyviolation", (event) => {
    console.error(`violates ${event.effectiveDirective}: ${event.blockedURI} at ${event.sourceFile}`);
});"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser without a profile. Raises Missing."""
    program = shutil.which("chromium")
    if program is None:
        raise Missing("no browser: chromium is not on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """Every fault of a context's pages: a word in the console, an error, what did not load, a request elsewhere,
    a page without a Content-Security-Policy or against it.
    """

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.faults: list[str] = []
        self._origin = origin
        context.on("console", self._said)
        context.on("weberror", lambda error: self.faults.append(f"error of a script: {error.error}"))
        context.on("request", self._asked)
        context.on("requestfailed", self._failed)
        context.on("response", self._answered)
        context.add_init_script(_TELL_VIOLATIONS)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"}:
            self.faults.append(f"console {message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self._origin}/", "data:", "blob:")):
            self.faults.append(f"asked another origin: {request.url}")

    def _answered(self, response: Response) -> None:
        is_page = response.headers.get("content-type", "").startswith("text/html")
        if is_page and "content-security-policy" not in response.headers:
            self.faults.append(f"a page without a policy: {response.url}")

    def _failed(self, request: Request) -> None:
        # Of a page that was left before all of it was there.
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"did not load: {request.url}: {request.failure}")


@contextmanager
def watched_page(browser: Browser, origin: str, **options: Any) -> Iterator[Page]:
    """A page in a context of its own; raises AssertionError at the end when it had a fault."""
    context = browser.new_context(base_url=origin, **{"viewport": SCREEN, **options})
    context.set_default_timeout(TIMEOUT_MS)
    watch = Watch(context, origin)
    try:
        yield context.new_page()
    finally:
        context.close()
    assert not watch.faults, "\n".join(watch.faults)


def log_in(page: Page, password: str, *, username: str = "admin") -> None:
    """Ends at the home."""
    page.goto("/admin/login/?next=/admin/")
    field(page, "Username or e-mail").fill(username)
    field(page, "Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")


def first_password(gateway: Gateway) -> str:
    """The admin's, as the first start made it."""
    return str(json.loads((gateway.data / "secrets.json").read_text())["admin_password"])


def field(page: Page, label: str) -> Locator:
    """What a label names; those of required fields end with a star."""
    return page.get_by_label(re.compile(rf"^\s*{re.escape(label)}\s*\*?\s*$"))


def tab_to(page: Page, wanted: Locator) -> None:
    """By the keyboard, from wherever the focus is."""
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        if wanted.count() and has_focus(wanted.first):
            return
    raise AssertionError(f"not reached in {MOST_STEPS} steps: {wanted}")


def has_focus(element: Locator) -> bool:
    return bool(element.evaluate("element => element === document.activeElement"))


def search_pages(page: Page, words: str) -> None:
    """In the search that is open. Its field gets the focus a moment after it opened; keys before that go nowhere."""
    typed = page.locator("#search-input-command")
    expect(typed).to_be_focused()
    typed.press_sequentially(words)


def turn_to(page: Page, title: str) -> None:
    """By the sidebar."""
    page.locator("#nav-sidebar").get_by_text(title, exact=True).first.click()
