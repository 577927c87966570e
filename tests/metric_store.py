"""A store of its own for a test that declares metrics: elsewhere, two metrics of one name share their numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

from gateway_project.metrics import store as module
from gateway_project.metrics.store import MetricStore


@contextmanager
def own_store(store: MetricStore | None = None) -> Iterator[MetricStore]:
    before, module.store = module.store, store or MetricStore()
    try:
        yield module.store
    finally:
        module.store = before
