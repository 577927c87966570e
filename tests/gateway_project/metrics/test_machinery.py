"""What the documentation lists of the machinery is what there is, and a scrape finds a database that was away."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection, connections
from prometheus_client import REGISTRY, CollectorRegistry

from gateway_project.metrics import machinery, views
from gateway_project.metrics.page import Wanted
from proxy.metrics.catalogue import METRICS
from proxy.metrics.idle import NEVER
from tests.budgets.outage import hang_up

DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"
# Written at the scrape itself, or only with what it is about.
_WITHOUT_OBJECT = {
    "tollkeeper_metrics_store_up", "tollkeeper_metrics_collector_up", "tollkeeper_celery_unacknowledged",
    "tollkeeper_beat_last_tick_timestamp_seconds", "tollkeeper_otlp_pushes",
    "tollkeeper_otlp_last_success_timestamp_seconds",
}  # fmt: skip


@pytest.fixture
def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    machinery.register(made)
    return made


def _plain(name: str) -> str:
    return name.removesuffix("_total")


@pytest.mark.django_db
def test_every_name_of_the_documentation_exists(registry: CollectorRegistry) -> None:
    text = DOCUMENT.read_text(encoding="utf-8").partition("## What the machinery says")[2]
    rows = re.findall(r"^\| (`[^|]+?) \| (?:counter|gauge|histogram) \|", text, re.MULTILINE)
    documented = {_plain(name) for row in rows for name in re.findall(r"`([a-z_]+)`", row)}
    declared = {_plain(name) for name in REGISTRY._names_to_collectors} | {_plain(name) for name in METRICS}
    asked = {_plain(family.name) for collector in registry._collector_to_names for family in collector.collect()}

    assert len(documented) > 35
    assert documented - declared - asked - _WITHOUT_OBJECT == set()
    own = {name for name in asked if name.startswith("tollkeeper_")}
    assert own - documented == set()


@pytest.fixture
def scraper() -> Iterator[ThreadPoolExecutor]:
    """The thread in which pages are made, with a connection of its own."""
    with ThreadPoolExecutor(1) as thread:
        yield thread
        thread.submit(connections.close_all).result()


@pytest.mark.django_db(transaction=True)
def test_a_scrape_after_the_database_has_ended_all_connections_shows_everything(
    registry: CollectorRegistry, scraper: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "REGISTRY", registry)
    assert b"tollkeeper_ledger_lag_seconds 0.0" in scraper.submit(views._page, Wanted(), NEVER, False).result()
    if connection.vendor == "postgresql":
        hang_up()
        connection.close()

    page = scraper.submit(views._page, Wanted(), NEVER, False).result()

    assert b"tollkeeper_ledger_lag_seconds 0.0" in page
    assert b'tollkeeper_metrics_collector_up{collector="jobs"} 1' in page
