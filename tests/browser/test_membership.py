"""A member of a team, from the invitation to the own key's last request: sees the own things, and nobody else's."""

import re
import time
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import field, log_in, search_pages
from tests.gateway import Gateway, chat

PASSWORD = "a-long-enough-passphrase"
KEYS = "/admin/teams/virtualkey/"


@pytest.fixture
def foreign(gateway: Gateway) -> str:
    """The number of another team's key that has spent something; everything of that team is called canary."""
    with gateway.client() as admin:
        _team(admin, "blue", "canary team", "canary")
        sent = {"key_alias": "canary key", "team_id": "blue", "user_id": "canary"}
        key = _sent(admin, "/key/generate", **sent)["key"]
        _team(admin, "red", "team red", "mia")
    with gateway.client(key) as client:
        assert client.post("/v1/chat/completions", json=chat("house")).status_code == 200
    gateway.wait_for_rows("SELECT id FROM budgets_dailyspend WHERE user_id = 'canary'", 1, timeout=30)
    return str(gateway.rows("SELECT id FROM teams_virtualkey WHERE alias = 'canary key'")[0][0])


def test_a_team_member_sees_only_own_things(gateway: Gateway, page: Page, foreign: str) -> None:
    with gateway.client() as admin:
        link = str(_sent(admin, "/invitation/new", user_id="mia")["invitation_link"])
    page.goto(link)
    field(page, "New password").fill(PASSWORD)
    field(page, "New password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()
    expect(page.get_by_text("Your password is set")).to_be_visible()
    log_in(page, PASSWORD, username="mia")
    main = page.locator("#main")
    for said in ("You have none yet.", "team red", "$5.00 left", f"curl {gateway.url}/v1/chat/completions"):
        expect(main).to_contain_text(said)

    page.get_by_role("link", name="Make a key").first.click()
    field(page, "Alias").fill("mia key")
    page.get_by_role("combobox", name="Team").click()
    page.get_by_role("option", name="team red").click()
    page.locator("[name=max_budget_nano]").fill("2")
    page.get_by_role("button", name="Save", exact=True).click()
    key = _shown_once(page)
    with gateway.client(key) as client:
        _eventually(lambda: client.post("/v1/chat/completions", json=chat("house")).status_code == 200)
    gateway.wait_for_rows("SELECT id FROM budgets_dailyspend WHERE user_id = 'mia'", 1, timeout=30)
    page.goto("/admin/")
    expect(main).to_contain_text(re.compile(r"mia key\s+Active\s+\$0\.25 of \$2\.00\s+team red"))

    number = gateway.rows("SELECT id FROM teams_virtualkey WHERE alias = 'mia key'")[0][0]
    page.goto(f"{KEYS}{number}/rotate/")
    page.get_by_role("button", name="Rotate").click()
    rotated = _shown_once(page)
    with gateway.client(rotated) as fresh, gateway.client(key) as former:
        _eventually(lambda: former.post("/v1/chat/completions", json=chat("house")).status_code == 401)
        assert fresh.post("/v1/chat/completions", json=chat("house")).status_code == 200

    _assert_nothing_of_others(page, foreign)

    page.goto(f"{KEYS}{number}/delete/")
    page.get_by_role("button", name=re.compile("Yes")).click()
    with gateway.client(rotated) as gone:
        _eventually(lambda: gone.post("/v1/chat/completions", json=chat("house")).status_code == 401)
    assert gateway.rows("SELECT alias FROM teams_virtualkey WHERE alias LIKE '% key'") == [("canary key",)]
    acted = gateway.rows("SELECT DISTINCT actor_id FROM teams_auditentry WHERE object_label LIKE 'mia key%'")
    assert acted == [("mia",)]


def _assert_nothing_of_others(page: Page, foreign: str) -> None:
    """Not by an address, not by a search, not by the command palette."""
    own = [link.get_attribute("href") or "" for link in page.locator("#nav-sidebar a").all()]
    lists = {address for address in own if re.fullmatch(r"/admin/\w+/\w+/", address)}
    assert KEYS in lists
    asked = [f"{KEYS}{foreign}/{name}/" for name in ("change", "rotate", "delete", "history")]
    asked += [*lists, f"{KEYS}?q=canary", "/admin/search/?s=canary", "/admin/search/?s=canary&extended=1"]
    asked += ["/admin/teams/team/blue/change/", "/admin/teams/user/canary/change/"]
    asked += ["/admin/budgets/dailyspend/?by=key&format=csv"]
    for address in asked:
        text = page.request.get(address).text()
        # What was asked for may be repeated as what was asked for.
        assert "canary key" not in text, address
        assert "canary team" not in text, address
        assert "canary@example.com" not in text, address
    page.goto(f"{KEYS}?q=canary")
    expect(page.get_by_role("link", name="canary key")).to_have_count(0)

    for wanted, finds in (("virtual keys", True), ("canary", False)):
        page.goto("/admin/")
        page.keyboard.press("Control+k")
        with page.expect_response(lambda answer: "/admin/search/" in answer.url) as found:
            search_pages(page, wanted)
        assert found.value.ok
        assert ("data-title=" in found.value.text()) is finds, wanted


def _team(admin: httpx.Client, team: str, alias: str, member: str) -> None:
    """With one member, who may make keys in it."""
    _sent(admin, "/user/new", user_id=member, user_email=f"{member}@example.com", auto_create_key=False)
    _sent(
        admin, "/team/new", team_id=team, team_alias=alias, team_member_budget=5,
        members_with_roles=[{"user_id": member, "role": "user"}],
        team_member_permissions=["/key/generate", "/key/regenerate", "/key/delete"],
    )  # fmt: skip


def _sent(admin: httpx.Client, path: str, **body: object) -> dict[str, str]:
    answer = admin.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _shown_once(page: Page) -> str:
    """The secret; it is gone when the page is asked for again."""
    shown = page.get_by_text(re.compile(r"^sk-[\w-]{20,}$"))
    expect(shown).to_be_visible()
    key = shown.inner_text()
    page.goto(KEYS)
    expect(page.get_by_text(key)).to_have_count(0)
    return key


def _eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < until, "not within 15 s"
        time.sleep(0.05)
