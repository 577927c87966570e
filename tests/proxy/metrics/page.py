"""A page of some collectors, as a scraper reads it."""

from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from gateway_project.metrics.page import Wanted, render
from gateway_project.metrics.store import Sums


class Page:
    def __init__(self, *collectors: Any) -> None:
        self._registry = CollectorRegistry()
        for collector in collectors:
            self._registry.register(collector)

    def text(self) -> str:
        return render(self._registry, Sums({}, {}), Wanted()).decode()

    def samples(self, name: str) -> list[tuple[dict[str, str], float]]:
        return [
            (sample.labels, sample.value)
            for family in text_string_to_metric_families(self.text())
            for sample in family.samples
            if sample.name == name
        ]

    def value(self, name: str, **labels: str) -> float:
        """The one sample that has these labels."""
        ((_, value),) = [one for one in self.samples(name) if labels.items() <= one[0].items()]
        return value
