"""One browser, and one gateway a store, for all walks of the package; for each test a page that nobody used."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import chromium, watched_page
from tests.conftest import each_store, started
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.gateway import Gateway, Store, model

store = pytest.fixture(scope="package", params=["sqlite", "postgres"])(each_store)


@pytest.fixture(scope="package")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    yield from started(chromium(), request)


@pytest.fixture(scope="package")
def provider() -> Iterator[FakeUpstream]:
    """Of the groups `house` and `spare`."""
    with FakeUpstream() as server:
        yield server


@pytest.fixture(scope="package")
def frail() -> Iterator[FakeUpstream]:
    """Of the group `frail`, scripted by the one walk that uses it."""
    with FakeUpstream() as server:
        yield server


@pytest.fixture(scope="package")
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as server:
        yield server


@pytest.fixture(scope="package")
def gateway(
    tmp_path_factory: pytest.TempPathFactory,
    store: Store,
    provider: FakeUpstream,
    frail: FakeUpstream,
    slack: FakeSlack,
) -> Iterator[Gateway]:
    """With PostgreSQL, of two processes."""
    priced = {"input_cost_per_request": 0.25}
    config = {
        "model_list": [
            model("house", provider.url, **priced),
            model("spare", provider.url, **priced),
            model("frail", frail.url, **priced),
        ],
        "general_settings": {"alerting": ["slack"], "alerting_threshold": 300},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    address = {"SLACK_WEBHOOK_URL": f"{slack.url}/services/T/B/secret"}
    arguments = ("--num_workers", "2") if store.database_url else ()
    folder = tmp_path_factory.mktemp("gateway")
    with Gateway(folder, config, store=store, environment=address, arguments=arguments) as running:
        yield running
    assert "Traceback" not in running.log(), running.log()


@pytest.fixture
def page(browser: Browser, gateway: Gateway) -> Iterator[Page]:
    """At the gateway, by nobody yet. It fails the test for whatever `chromium.Watch` sees."""
    with watched_page(browser, gateway.url) as opened:
        yield opened
