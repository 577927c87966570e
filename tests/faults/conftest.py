"""At full length each test runs on both stores; in the suite on one of them, the next test on the other."""

import os
from pathlib import Path

import pytest

_LENGTHS = ("FAULT_CYCLES", "FAULT_SECONDS", "FAULT_OUTAGE")
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if any(os.environ.get(name) for name in _LENGTHS):
        return
    stores: dict[str, list[pytest.Item]] = {}
    for item in items:
        if _HERE in item.path.parents and _store(item):
            stores.setdefault(item.nodeid.partition("[")[0], []).append(item)
    both = [name for name, of_test in sorted(stores.items()) if len({_store(one) for one in of_test}) == 2]
    kept = {name: ("sqlite", "postgres")[number % 2] for number, name in enumerate(both)}
    left = [one for name in both for one in stores[name] if _store(one) != kept[name]]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


def _store(item: pytest.Item) -> str:
    spec = getattr(item, "callspec", None)
    return str(spec.params.get("store", "")) if spec else ""
