"""What axe-core finds on the pages, light and dark and as wide as a phone: nothing serious. And the keyboard alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.chromium import field, first_password, has_focus, log_in, tab_to, watched_page
from tests.browser.pages import OF_MEMBERS, PAGES, address
from tests.gateway import Gateway

SERIOUS = {"serious", "critical"}
PASSWORD = "a-long-enough-passphrase"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The demo's data, so that each page has something to show."""
    made = Gateway(tmp_path_factory.mktemp("gateway"), {"model_list": []})
    ran = made.run("demo", "--requests", "300", "--days", "7")
    assert ran.returncode == 0, ran.stderr
    with made:
        yield made


@pytest.fixture(scope="module", params=["light", "dark"])
def nobody(request: pytest.FixtureRequest, browser: Browser, gateway: Gateway) -> Iterator[Page]:
    """Who has not logged in yet, in the colours that the machine prefers."""
    with watched_page(browser, gateway.url, color_scheme=request.param) as page:
        yield page


@pytest.fixture(scope="module")
def admin(nobody: Page, gateway: Gateway) -> Page:
    log_in(nobody, first_password(gateway))
    return nobody


def test_the_login_has_no_serious_fault(nobody: Page) -> None:
    nobody.goto("/admin/login/")
    _assert_no_serious_fault(nobody, "login")


@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_a_serious_fault(admin: Page, gateway: Gateway, name: str) -> None:
    admin.goto(address(gateway, name))
    _assert_no_serious_fault(admin, name)


def test_what_a_refused_login_says_has_no_serious_fault(browser: Browser, gateway: Gateway) -> None:
    with watched_page(browser, gateway.url) as page:
        page.goto("/admin/login/")
        field(page, "Username or e-mail").fill("nobody")
        field(page, "Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_text("Please enter the correct")).to_be_visible()
        _assert_no_serious_fault(page, "login")


def test_no_page_of_a_member_has_a_serious_fault(browser: Browser, gateway: Gateway) -> None:
    with gateway.client() as client:
        client.post("/user/new", json={"user_id": "mia", "auto_create_key": False}).raise_for_status()
        members = [{"user_id": "mia", "role": "user"}]
        client.post("/team/new", json={"team_id": "red", "members_with_roles": members}).raise_for_status()
        link = client.post("/invitation/new", json={"user_id": "mia"}).json()["invitation_link"]
    with watched_page(browser, gateway.url) as page:
        page.goto(link)
        _assert_no_serious_fault(page, "invitation")
        field(page, "New password").fill(PASSWORD)
        field(page, "New password confirmation").fill(PASSWORD)
        page.get_by_role("button", name="Set password").click()
        expect(page.get_by_text("Your password is set")).to_be_visible()
        log_in(page, PASSWORD, username="mia")
        for name in OF_MEMBERS:
            page.goto(address(gateway, name))
            _assert_no_serious_fault(page, name)


def test_no_page_is_wider_than_a_phone(browser: Browser, gateway: Gateway) -> None:
    with watched_page(browser, gateway.url, viewport={"width": 360, "height": 780}, is_mobile=True) as page:
        log_in(page, first_password(gateway))
        for name in PAGES:
            page.goto(address(gateway, name))
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
            _assert_no_serious_fault(page, name)


def test_the_user_menu_and_the_colours_answer_to_the_keyboard(admin: Page) -> None:
    page = admin
    page.goto("/admin/")
    menu = page.locator("[role=button]", has_text="admin").filter(has_text="unfold_more")
    tab_to(page, menu)
    assert _is_outlined(menu)
    page.keyboard.press("Enter")
    dark = page.get_by_role("button", name="Dark")
    expect(dark).to_be_visible()
    page.keyboard.press("Space")
    expect(dark).to_be_hidden()
    page.keyboard.press("Space")
    expect(dark).to_be_visible()

    # The menu stands before what opens it.
    for _ in range(10):
        page.keyboard.press("Shift+Tab")
        if has_focus(dark):
            break
    assert has_focus(dark)
    assert _is_outlined(dark)
    page.keyboard.press("Space")
    expect(page.locator("html")).to_have_class("dark")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("html")).not_to_have_class("dark")


def _assert_no_serious_fault(page: Page, name: str) -> None:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    faults = [
        f"{fault['id']}: {fault['help']}\n" + "\n".join(f"    {_said(node)}" for node in fault["nodes"][:9])
        for fault in found
        if fault["impact"] in SERIOUS
    ]
    assert not faults, f"{name}:\n" + "\n".join(faults)


def _said(node: dict[str, Any]) -> str:
    return f"{node['html'][:200]}\n        {node['failureSummary'][:400]}"


def _is_outlined(element: Locator) -> bool:
    style = """element => {
        const style = getComputedStyle(element);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    }"""
    return bool(element.evaluate(style))
