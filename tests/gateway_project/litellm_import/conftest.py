"""A LiteLLM database per test, and the import as a function."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import pytest

from gateway_project.litellm_import.command import Request, apply
from gateway_project.litellm_import.report import Report
from gateway_project.litellm_import.source import open_source
from tests.conftest import started
from tests.gateway_project.litellm_import.litellm import LiteLLM, litellm_database
from tests.services import PostgresService, postgres

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BringOver = Callable[..., Report]


@pytest.fixture(scope="session")
def litellm_server(request: pytest.FixtureRequest) -> Iterator[PostgresService]:
    yield from started(postgres(), request)


@pytest.fixture
def empty_litellm(litellm_server: PostgresService) -> Iterator[LiteLLM]:
    with litellm_database(litellm_server.url) as database:
        yield database


@pytest.fixture
def litellm(empty_litellm: LiteLLM) -> LiteLLM:
    empty_litellm.create()
    return empty_litellm


@pytest.fixture
def bring_over_from() -> BringOver:
    """What the command does with a database."""

    def run(litellm: LiteLLM, *, salt_key: str = "", dry_run: bool = False, now: datetime = NOW) -> Report:
        with open_source(litellm.url) as source:
            request = Request(litellm.url, salt_key, dry_run=dry_run)
            return apply(source, request, admin_password="admin-password", now=now)

    return run


@pytest.fixture
def bring_over(litellm: LiteLLM, bring_over_from: BringOver) -> BringOver:
    """The same with the database of this test."""
    return partial(bring_over_from, litellm)
