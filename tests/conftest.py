"""What every test may ask for."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest
from django.db import connection

from budgets.models import LedgerEntry, LedgerHorizon
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.gateway import Store, migrate
from tests.services import Missing, postgres, redis

S = TypeVar("S")


def started(service: AbstractContextManager[S], request: pytest.FixtureRequest) -> Iterator[S]:
    """A server for a test, or a word about why there is none: a skip, and in CI a failure."""
    try:
        with service as running:
            yield running
    except Missing as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must run everything: {reason}")
        pytest.skip(f"not run for want of a component: {reason}")


@pytest.fixture(autouse=True)
def _ledger_can_be_emptied(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test that commits, its tables are emptied, which the ledger refuses for what is not long ago."""
    marker = request.node.get_closest_marker("django_db")
    commits = "transactional_db" in request.fixturenames or bool(marker and marker.kwargs.get("transaction"))
    if commits:
        # So that it is taken down after this one.
        request.getfixturevalue("_django_db_helper")
    yield
    if commits and connection.vendor == "sqlite":
        LedgerHorizon.objects.create(before=datetime.max.replace(tzinfo=UTC))
        LedgerEntry.objects.all().delete()


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as server:
        yield server


def each_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Where a gateway keeps its rows: SQLite, and PostgreSQL with Redis."""
    if request.param == "sqlite":
        yield Store()
        return
    for database in started(postgres(durable=True, prepare=migrate), request):
        for cache in started(redis(), request):
            yield Store(database_url=database.url, redis_url=cache.url)


store = pytest.fixture(params=["sqlite", "postgres"])(each_store)


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Nothing is skipped silently."""
    skipped = terminalreporter.stats.get("skipped", [])
    for reason in sorted({str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple)}):
        terminalreporter.write_line(f"SKIPPED: {reason}", red=True)
