"""The table of the catalogue for docs/metrics.md: `python -m proxy.metrics.document` writes it there."""

from pathlib import Path

from proxy.metrics.catalogue import METRICS, STANDARD, Kind, Metric, Source

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
BEGIN, END = "<!-- catalogue -->\n", "<!-- end of the catalogue -->\n"
_HEADINGS = {
    Source.REQUEST: "Requests",
    Source.LEDGER: "Calls of upstreams and what they cost: the ledger's sums",
    Source.STATE: "What is so at the scrape",
}


def tables() -> str:
    """Markdown: a heading and a table for each source."""
    parts = []
    for source, heading in _HEADINGS.items():
        rows = [_row(metric) for metric in METRICS.values() if metric.source is source]
        parts.append(f"### {heading}\n\n| name | kind | labels | meaning |\n|---|---|---|---|\n" + "".join(rows))
    return "\n".join(parts)


def _row(metric: Metric) -> str:
    names = [f"`{_exposed(metric, name)}`" for name in (metric.name, *metric.aliases)]
    labels = ", ".join(f"({label.removeprefix('?')})" if label.startswith("?") else label for label in metric.labels)
    kind = f"{metric.kind}, seconds" if metric.buckets == STANDARD else str(metric.kind)
    custom = ", *custom*" if metric.custom and labels else ""
    return f"| {'<br>'.join(names)} | {kind} | {labels}{custom} | {metric.documentation} |\n"


def _exposed(metric: Metric, name: str) -> str:
    return f"{name}_total" if metric.kind is Kind.COUNTER else name


def page() -> str:
    """docs/metrics.md as it should be."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page())
