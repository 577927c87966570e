"""The tables of docs/moving-from-litellm.md: `python -m gateway_project.moving_document` writes them there."""

from collections.abc import Sequence
from pathlib import Path

from alerts.events import OFF_BY_DEFAULT, AlertType
from gateway_project.moving import (
    ALERTS_DIFFER,
    AREAS,
    IGNORED_HEADERS,
    NO_ALERTS,
    NO_EFFECT,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    Area,
)
from proxy.metrics.catalogue import METRICS, NOT_OFFERED

PAGE = Path(__file__).parents[1] / "docs" / "moving-from-litellm.md"
_ANSWERS = """
Of every answer of a virtual key: {always}. Where there is something to say: the other parts of the cost, the key's
limits (`x-litellm-key-max-budget`, ...), `x-litellm-max-retries`, `x-litellm-timeout`, `x-ratelimit-...`. Those of
the upstream come as `llm_provider-...`. A stream has no headers of cost: the cost is known when it ends. Not offered:
`x-litellm-cache-key` (there is no cache), `x-litellm-callback-duration-ms` (there are no callbacks),
`x-litellm-model-region`.
"""
_NO_METRICS = """{theirs} metrics have LiteLLM's names. Not offered, since what they measure is not there (caches,
guardrails, MCP, batches, files, callbacks) or is said otherwise: {missing}.
A `prometheus_metrics_config` that names them is no mistake.
"""


def page() -> str:
    """docs/moving-from-litellm.md as it should be."""
    text = PAGE.read_text()
    tables = {"keys": _keys(), "routes": _routes(), "headers": _headers(), "alerts": _alerts(), "metrics": _metrics()}
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def _table(heads: str, rows: Sequence[tuple[str, ...]]) -> str:
    line = "|---" * (heads.count("|") + 1) + "|"
    return "\n".join([f"| {heads} |", line, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _keys() -> str:
    by_reason: dict[tuple[str, str], list[str]] = {}
    for key, reason in NO_EFFECT.items():
        section, _, name = key.rpartition(".")
        by_reason.setdefault((section, reason), []).append(f"`{name}`")
    rows = [(f"`{section}`", ", ".join(names), reason) for (section, reason), names in by_reason.items()]
    return _table("section | keys without effect | why", rows)


def _routes() -> str:
    return "\n".join(_area(area) for area in AREAS)


def _area(area: Area) -> str:
    works = [f"`{method} {path}`" for method, path in area.named()]
    notes = [(f"`{name}`", "differs", note) for name, note in area.differs.items()]
    notes += [(f"`{name}`", "not offered", reason) for name, reason in area.missing.items()]
    return f"### {area.title}\n\n{', '.join(works)}\n\n" + _table("route | | ", notes)


def _headers() -> str:
    rows = [(_each(names), "works", note) for names, note in REQUEST_HEADERS.items()]
    rows += [(_each(names), "ignored", note) for names, note in IGNORED_HEADERS.items()]
    answers = ", ".join(f"`{name}`" for name in RESPONSE_HEADERS)
    return _table("request header | | ", rows) + _ANSWERS.format(always=answers)


def _each(names: str) -> str:
    return ", ".join(f"`{name}`" for name in names.split(", "))


def _alerts() -> str:
    rows = [
        (f"`{kind}`", "differs" if kind in ALERTS_DIFFER else "works", ALERTS_DIFFER.get(kind) or _switch(kind))
        for kind in AlertType
    ]
    rows += [(f"`{name}`", "not offered", reason) for name, reason in NO_ALERTS.items()]
    return _table("alert type | | ", rows)


def _switch(kind: AlertType) -> str:
    return "off by default" if kind in OFF_BY_DEFAULT else ""


def _metrics() -> str:
    theirs = sum(1 for name in METRICS if name.startswith("litellm_"))
    missing = ", ".join(f"`{name}`" for name in sorted(NOT_OFFERED))
    return _NO_METRICS.format(theirs=theirs, missing=missing)


if __name__ == "__main__":
    PAGE.write_text(page())
