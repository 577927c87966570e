"""One gateway for the tests that only spend in it, on answers as long as they may be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.upstream import FakeUpstream
from tests.functional.budgets.money import config
from tests.gateway import Gateway


@pytest.fixture(scope="package")
def gateway(tmp_path_factory: pytest.TempPathFactory, shared_upstream: FakeUpstream) -> Iterator[Gateway]:
    """SQLite. Tests must not depend on what others left in it."""
    data: Path = tmp_path_factory.mktemp("budgets")
    with Gateway(data, config(shared_upstream)) as started:
        yield started
    assert "Traceback" not in started.log(), started.log()


@pytest.fixture(autouse=True)
def _long_answers(shared_upstream: FakeUpstream) -> Iterator[None]:
    shared_upstream.completion_tokens = 1_000_000
    yield
    shared_upstream.completion_tokens = None
    shared_upstream.latency_seconds = 0.0
