"""What dashboards and rules ask Prometheus, and which names and labels they use."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

DEPLOY = Path(__file__).parents[3] / "deploy"
# What Grafana puts in place of its variables when everything is chosen.
_VARIABLES = {"$__rate_interval": "1m", "$__range": "10m", "$__interval": "15s"}
_WORDS = frozenset(
    re.findall(
        r"\w+",
        "and or unless by without on ignoring group_left group_right bool offset sum min max avg count topk sort "
        "sort_desc rate increase histogram_quantile vector scalar absent time label_replace sum_over_time "
        "avg_over_time max_over_time resets changes",
    )
)
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_BY = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_MATCHERS = re.compile(r"\{([^}]*)\}")
# Of Prometheus itself, whatever it scrapes.
OF_PROMETHEUS = frozenset({"up", "ALERTS", "scrape_duration_seconds"})


def of_dashboards() -> Iterator[tuple[str, str]]:
    """Where it stands, and the expression with every value chosen."""
    for path in sorted((DEPLOY / "grafana/dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                expr = target["expr"]
                for variable, value in _VARIABLES.items():
                    expr = expr.replace(variable, value)
                yield f"{path.stem}: {panel['title']} {target['refId']}", re.sub(r"\$\w+", ".*", expr)


def of_rules() -> Iterator[tuple[str, str]]:
    for path in sorted((DEPLOY / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                yield f"{path.stem}: {rule.get('alert') or rule['record']}", rule["expr"]


def recorded() -> set[str]:
    """Names that rules make."""
    return {where.partition(": ")[2] for where, _ in of_rules() if where.startswith("recording: ")}


def names(expr: str) -> set[str]:
    """Of the metrics."""
    plain = re.sub(r'"[^"]*"', "", expr)
    plain = _BY.sub(" ", _MATCHERS.sub(" ", plain))
    plain = re.sub(r"\[[^\]]*\]", " ", plain)
    return {word for word in re.findall(rf"(?<![\w.]){_NAME}", plain) if word not in _WORDS}


def labels(expr: str) -> set[str]:
    """Those that are chosen or grouped by, but for what label_replace makes."""
    found = {name for group in _BY.findall(expr) for name in re.findall(_NAME, group)}
    for matchers in _MATCHERS.findall(expr):
        found |= set(re.findall(rf"({_NAME})\s*(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', '""', matchers)))
    return found - {"le", "metric_name", "__name__"}


class Page:
    """`/metrics`, as text: families by their declarations, and labels of samples by name."""

    def __init__(self, text: str) -> None:
        self.families: dict[str, str] = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
        self.labels: dict[str, set[str]] = {}
        for line in text.splitlines():
            if line and not line.startswith("#") and (found := re.match(rf"({_NAME})(?:\{{(.*)\}})? ", line)):
                words = re.sub(r'"(?:[^"\\]|\\.)*"', '""', found.group(2) or "")
                self.labels.setdefault(found.group(1), set()).update(re.findall(rf"({_NAME})=", words))

    def has(self, name: str) -> bool:
        base = re.sub(r"_(bucket|count|sum)$", "", name)
        return name in self.families or self.families.get(base) in ("histogram", "summary")
