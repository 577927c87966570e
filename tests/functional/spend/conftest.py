"""One gateway whose books are known: on SQLite, or on PostgreSQL and Redis with TEST_STORE=postgres."""

from collections.abc import Iterator

import httpx
import pytest

from tests.fakes.upstream import FakeUpstream
from tests.functional.management.callers import Callers
from tests.functional.management.conftest import shared_store
from tests.functional.spend.books import days_with, fill, ledger_rows, store
from tests.gateway import Gateway, Store, model

__all__ = ["shared_store"]


@pytest.fixture(scope="package")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, shared_store: Store, shared_upstream: FakeUpstream
) -> Iterator[Gateway]:
    priced = {"input_cost_per_token": 0.000002, "output_cost_per_token": 0.00001}
    config = {
        "model_list": [model("gpt-4o", shared_upstream.url, **priced), model("unpriced", shared_upstream.url)],
        "router_settings": {"provider_budget_config": {"openai": {"budget_limit": 12.5, "time_period": "1d"}}},
        "litellm_settings": {"max_budget": 100},
    }
    with Gateway(tmp_path_factory.mktemp("spend"), config, store=shared_store) as running:
        yield running
    assert "Traceback" not in running.log(), running.log()


@pytest.fixture(scope="package")
def callers(gateway: Gateway) -> Callers:
    """The cast of the access tests, with books."""
    cast = Callers.make(gateway)
    fill(gateway, cast)
    entries = ledger_rows(cast)
    store(gateway, *entries, *days_with(entries))
    return cast


@pytest.fixture
def admin(gateway: Gateway, callers: Callers) -> Iterator[httpx.Client]:
    """With the master key, once the books are filled."""
    with gateway.client() as client:
        yield client
