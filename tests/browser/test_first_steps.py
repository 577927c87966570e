"""From the first login by the home's checklist to money that a request cost; nothing is given but a provider."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import field, first_password, log_in, turn_to
from tests.conftest import each_store
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.gateway import Gateway, Store, chat

PASSWORD = "a-better-one-2026"
COST = 0.25
# A database of its own: nothing has been set up in it.
store = pytest.fixture(scope="module", params=["sqlite", "postgres"])(each_store)


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeUpstream]:
    with FakeUpstream(api_key="sk-of-the-provider") as server:
        yield server


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, store: Store) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway"), {"model_list": []}, store=store) as new:
        yield new
    assert "Traceback" not in new.log(), new.log()


def test_the_checklist_leads_from_the_first_login_to_the_first_spend(
    gateway: Gateway, page: Page, provider: FakeUpstream
) -> None:
    log_in(page, first_password(gateway))
    expect(page.get_by_text("0 of 8 done")).to_be_visible()

    step(page, "Change the admin's password")
    field(page, "Old password").fill(first_password(gateway))
    field(page, "New password").fill(PASSWORD)
    field(page, "New password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    home(page, "1 of 8 done")

    step(page, "Add a deployment")
    field(page, "Model group").fill("house")
    field(page, "Litellm params").fill(
        f'{{"model": "openai/gpt-4o", "api_base": "{provider.url}/v1", "input_cost_per_request": {COST}}}'
    )
    field(page, "Credentials").fill("sk-of-the-provider")
    save(page)
    home(page, "2 of 8 done")

    with FakeSlack() as slack:
        step(page, "Add an alert channel")
        field(page, "Name").fill("ops")
        field(page, "Kind").select_option("slack")
        field(page, "Address").fill(f"{slack.url}/services/T/B/secret")
        save(page)
        home(page, "3 of 8 done")
        step(page, "Lead alerts to it")
        save(page)
        home(page, "4 of 8 done")
        step(page, "Fire a sample through it")
        page.get_by_role("button", name="Fire a sample").click()
        slack.wait_for(1)
        home(page, "5 of 8 done")

    step(page, "Make a team")
    field(page, "Alias").fill("research")
    save(page)
    home(page, "6 of 8 done")

    step(page, "Make a virtual key")
    field(page, "Alias").fill("notebook")
    save(page)
    shown = page.get_by_text(re.compile(r"^sk-[\w-]{20,}$"))
    expect(shown).to_be_visible()
    key = shown.inner_text()
    page.get_by_role("link", name="Done, show notebook").click()
    expect(page.get_by_text(key)).to_have_count(0)
    home(page, "7 of 8 done")

    with gateway.client(key) as client:
        answer = client.post("/v1/chat/completions", json=chat("house"))
    assert answer.status_code == 200, answer.text
    gateway.wait_for_metric("litellm_spend_metric_total", COST)
    page.goto("/admin/")
    expect(page.get_by_text("Getting started")).to_have_count(0)
    expect(page.get_by_text("$0.25").first).to_be_visible()

    turn_to(page, "Spend")
    field(page, "Group by").select_option("Model group")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("row", name="house")).to_contain_text("$0.25")


def step(page: Page, title: str) -> None:
    page.get_by_role("link", name=title).click()


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errorlist")).to_have_count(0)


def home(page: Page, done: str) -> None:
    page.get_by_role("link", name="Tollkeeper").first.click()
    expect(page.get_by_text(done)).to_be_visible()
