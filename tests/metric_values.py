"""What a metric of this process says, as tests ask for it before and after a cause."""

from collections.abc import Iterable
from typing import Any

from prometheus_client import REGISTRY


def value(name: str, **labels: str) -> float:
    """Of one series; 0 where there is none yet."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def collected(collector: Any) -> dict[str, float]:
    """Samples of a collector, as `name a b` with the values of its labels sorted by their names."""
    families: Iterable[Any] = collector.collect()
    return {
        " ".join([sample.name, *(text for _, text in sorted(sample.labels.items()))]): sample.value
        for family in families
        for sample in family.samples
    }
