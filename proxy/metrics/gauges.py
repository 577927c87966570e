"""How collectors of state make their families: what is wanted, spelled as the settings say, and never too many."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field

from proxy.exposition import TextFamily, label_text
from proxy.metrics.catalogue import Metric
from proxy.metrics.labels import NONE, label_value
from proxy.metrics.settings import MetricSettings

DROPPED = "tollkeeper_metrics_dropped_series"
Labels = Mapping[str, str]


def alias_value(alias: str) -> str:
    """LiteLLM's gauges of budgets have "" where there is no alias, and not `None`."""
    return label_value(alias) if alias else ""


@dataclass(slots=True)
class Gauges:
    """`dropped` is how many series each metric lacked at the last scrape; of all collectors together."""

    settings: MetricSettings
    dropped: MutableMapping[str, int] = field(default_factory=dict)

    def wanted(self, name: str) -> Metric | None:
        return self.settings.metrics.get(name)

    def family(self, metric: Metric, values: Mapping[str, float], *, left_out: int = 0) -> Iterable[TextFamily]:
        """With its older names, where these are shown. `values` are by labels as they are spelled."""
        if left_out:
            self.dropped[metric.name] = left_out
        else:
            self.dropped.pop(metric.name, None)
        for name in (metric.name, *(metric.aliases if self.settings.shows_older_names else ())):
            yield TextFamily(name, "gauge", metric.documentation, values)

    def of(
        self, name: str, found: Iterable[tuple[Labels, float]], *, choose: Callable[[float, float], float] = max
    ) -> Iterable[TextFamily]:
        """What is found first is kept where there is too much; of what the settings make the same, `choose`."""
        if (metric := self.wanted(name)) is None:
            return
        values: dict[str, float] = {}
        left_out, most = 0, self.settings.most_series
        for labels, value in found:
            text = spelled(metric.labels, labels)
            if (known := values.get(text)) is not None:
                values[text] = choose(known, value)
            elif len(values) >= most:
                left_out += 1
            else:
                values[text] = value
        yield from self.family(metric, values, left_out=left_out)


def spelled(names: Iterable[str], labels: Labels) -> str:
    return label_text({name: labels.get(name, NONE) for name in names})


@dataclass(slots=True, eq=False)
class DroppedSeries:
    """A collector, to be registered after all others."""

    gauges: Gauges
    label: str = "dropped_series"

    def describe(self) -> list[TextFamily]:
        return []

    def collect(self) -> Iterable[TextFamily]:
        if (metric := self.gauges.wanted(DROPPED)) is not None:
            dropped = sorted(self.gauges.dropped.items())
            # As many as there are metrics at most: of these none is left out.
            yield from self.gauges.family(metric, {spelled(metric.labels, {"metric": name}): n for name, n in dropped})
