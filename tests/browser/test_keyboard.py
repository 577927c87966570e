"""Everything that can be clicked on a page can be reached by the keyboard, is seen there, and has a name."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import MOST_STEPS, first_password, log_in, search_pages, tab_to, watched_page
from tests.browser.pages import PAGES, address
from tests.gateway import Gateway

# What has the focus: where it is, what a person hears of it, and whether they see that it is there.
FOCUSED = """() => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    element.dataset.reached = "1";
    const named = (id) => document.getElementById(id)?.innerText ?? "";
    const words = (node) => [...node.childNodes].map((child) => {
        if (child.nodeType === Node.TEXT_NODE) return child.textContent;
        if (child.nodeType !== Node.ELEMENT_NODE || child.ariaHidden === "true") return "";
        return child.ariaLabel ?? child.alt ?? words(child);
    }).join(" ");
    const name = element.getAttribute("aria-labelledby")?.split(" ").map(named).join(" ").trim()
        || element.ariaLabel || [...(element.labels ?? [])].map((label) => label.innerText).join(" ").trim()
        || (element.matches("input, select, textarea") ? "" : words(element).trim())
        || element.title || element.placeholder || (element.type === "submit" ? element.value : "");
    const icons = [...element.querySelectorAll(".material-symbols-outlined")].map((icon) => icon.innerText.trim());
    // A field that takes several choices is drawn around what is typed.
    const style = getComputedStyle(element.closest(".select2-container") ?? element);
    const box = element.getBoundingClientRect();
    return {
        html: element.outerHTML.slice(0, 160).replace(/\\s+/g, " "),
        name: name.replace(/\\s+/g, " "),
        isIcon: icons.includes(name.trim()),
        isSeen: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none",
        isThere: box.width > 0 && box.height > 0 && style.visibility === "visible",
    };
}"""
NOT_REACHED = """() => [...document.querySelectorAll(`a[href], button, input:not([type=hidden]), select, textarea,
    summary, [role=button], [tabindex='0'], [x-on\\\\:click]`)
].filter((element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && element.getBoundingClientRect().width > 1 && !element.disabled && !element.dataset.reached
    && !element.closest("[tabindex='-1'], [inert], [aria-hidden=true], [data-reached]")
    && !element.querySelector("[data-reached]")
    && !(element.type === "radio" && document.querySelector(`[name="${element.name}"][data-reached]`))
).map((element) => element.outerHTML.slice(0, 160))"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made = Gateway(tmp_path_factory.mktemp("gateway"), {"model_list": []})
    ran = made.run("demo", "--requests", "300", "--days", "7")
    assert ran.returncode == 0, ran.stderr
    with made:
        yield made


@pytest.fixture(scope="module")
def nobody(browser: Browser, gateway: Gateway) -> Iterator[Page]:
    with watched_page(browser, gateway.url) as page:
        yield page


@pytest.fixture(scope="module")
def admin(nobody: Page, gateway: Gateway) -> Page:
    log_in(nobody, first_password(gateway))
    return nobody


def test_the_login_is_walked_by_the_keyboard(nobody: Page) -> None:
    nobody.goto("/admin/login/")
    _assert_walkable(nobody)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_walked_by_the_keyboard(admin: Page, gateway: Gateway, name: str) -> None:
    admin.goto(address(gateway, name))
    _assert_walkable(admin)


def test_the_search_opens_from_the_sidebar_and_gives_the_focus_back(admin: Page) -> None:
    admin.goto("/admin/")
    opener = admin.get_by_role("button", name="Search pages")
    opener.focus()
    admin.keyboard.press("Enter")
    typed = admin.locator("#search-input-command")
    search_pages(admin, "virtual")
    expect(admin.locator("#command-results-list a").first).to_contain_text("Virtual keys")
    admin.keyboard.press("Escape")
    admin.keyboard.press("Escape")
    expect(typed).to_be_hidden()
    expect(opener).to_be_focused()
    admin.keyboard.press("Control+k")
    search_pages(admin, "silences")
    expect(admin.locator("#command-results-list a").first).to_contain_text("Silences")
    admin.keyboard.press("Enter")
    admin.wait_for_url("**/admin/alerts/silence/")


def test_a_filter_is_chosen_applied_and_taken_back_by_the_keyboard(admin: Page) -> None:
    admin.goto("/admin/teams/virtualkey/")
    tab_to(admin, admin.get_by_role("button", name="Filters"))
    admin.keyboard.press("Enter")
    state = admin.locator("#changelist-filter").get_by_role("combobox", name="state")
    tab_to(admin, state)
    admin.keyboard.press("Enter")
    # It gets the focus a moment after the list has opened.
    expect(admin.locator(".select2-search__field")).to_be_focused()
    admin.keyboard.type("block")
    admin.keyboard.press("Enter")
    expect(state).to_have_text("Blocked")
    tab_to(admin, admin.get_by_role("button", name="Apply Filters"))
    admin.keyboard.press("Enter")
    admin.wait_for_url("**state=blocked**")
    tab_to(admin, admin.get_by_role("button", name="Filters"))
    admin.keyboard.press("Space")
    tab_to(admin, admin.get_by_role("link", name="Reset filters"))
    admin.keyboard.press("Enter")
    admin.wait_for_url(lambda url: "state=blocked" not in url)


def _assert_walkable(page: Page) -> None:
    expect(page.locator("body")).to_be_visible()
    # From the page's beginning, whatever has the focus at first.
    page.evaluate("document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')")
    steps: list[dict[str, Any]] = []
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        if (step := page.evaluate(FOCUSED)) is None:
            break
        steps.append(step)
    else:
        raise AssertionError(f"no end after {MOST_STEPS} steps; the last: {steps[-1]['html']}")
    assert steps
    faults = [f"no name: {step['html']}" for step in steps if not step["name"]]
    faults += [f"named by its icon {step['name']!r}: {step['html']}" for step in steps if step["isIcon"]]
    faults += [f"not seen: {step['html']}" for step in steps if not step["isSeen"]]
    faults += [f"the focus is on what is not there: {step['html']}" for step in steps if not step["isThere"]]
    faults += [f"not reached: {html}" for html in page.evaluate(NOT_REACHED)]
    assert not faults, "\n".join(dict.fromkeys(faults))
