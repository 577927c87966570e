"""What a dashboard is made of, and its JSON: only what Grafana 10 and later need, and nothing that it would fill in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

COLUMNS = 24
SCHEMA_VERSION = 39
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


class Kind(StrEnum):
    GRAPH = "timeseries"
    STAT = "stat"
    TABLE = "table"
    BARS = "bargauge"
    HEATMAP = "heatmap"
    STATES = "state-timeline"


class Unit(StrEnum):
    NUMBER = "short"
    PER_SECOND = "reqps"
    PERCENT = "percentunit"
    SECONDS = "s"
    DOLLARS = "currencyUSD"
    BYTES = "bytes"
    MOMENT = "dateTimeFromNow"


@dataclass(frozen=True)
class Query:
    """`legend` as Grafana has it: {{label}}. In a table, the name of the column."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Level:
    """From `value` on a number has this colour."""

    value: float
    color: str


@dataclass(frozen=True)
class Panel:
    """`width` of 24 columns. `levels` colour numbers; `texts` stand for numbers. `hidden` are columns of a table."""

    title: str
    queries: Sequence[Query]
    unit: Unit = Unit.NUMBER
    kind: Kind = Kind.GRAPH
    width: int = 8
    height: int = 8
    description: str = ""
    levels: Sequence[Level] = ()
    texts: tuple[tuple[float, str, str], ...] = ()
    is_stacked: bool = False
    hidden: Sequence[str] = ()
    units: tuple[tuple[str, Unit], ...] = ()


@dataclass(frozen=True)
class Row:
    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Variable:
    """A choice of any number of values of a label."""

    name: str
    label: str
    metric: str
    of: str


@dataclass(frozen=True)
class Board:
    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["tollkeeper"],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "timezone": "",
            "links": [_LINKS],
            "templating": {"list": [_CHOICE_OF_DATASOURCE, *map(_variable, self.variables)]},
            "annotations": {"list": []},
            "panels": list(_placed(self.rows)),
        }


TEAM = Variable("team", "Team", "litellm_proxy_total_requests_metric_total", "team_alias")
MODEL = Variable("model", "Model", "litellm_proxy_total_requests_metric_total", "requested_model")
KEY = Variable("key", "Key", "litellm_proxy_total_requests_metric_total", "api_key_alias")
CHOSEN = 'team_alias=~"$team",requested_model=~"$model",api_key_alias=~"$key"'

GREEN, YELLOW, RED = "green", "yellow", "red"


def rising(warning: float, critical: float) -> tuple[Level, ...]:
    """The more, the worse."""
    return (Level(warning, YELLOW), Level(critical, RED))


def quantile(part: float, metric: str, labels: str = "", by: str = "") -> str:
    """Of a histogram, over the interval that suits the graph."""
    names = f"le, {by}" if by else "le"
    return f"histogram_quantile({part}, sum by ({names}) (rate({metric}_bucket{{{labels}}}[$__rate_interval])))"


_LINKS = {
    "type": "dashboards",
    "title": "Tollkeeper",
    "tags": ["tollkeeper"],
    "asDropdown": True,
    "keepTime": True,
    "includeVars": True,
}
_CHOICE_OF_DATASOURCE = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _variable(variable: Variable) -> dict[str, Any]:
    query = f"label_values({variable.metric}, {variable.of})"
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": variable.name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _placed(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Side by side from the left, in the order in which they are written."""
    number, top = 1, 0
    for row in rows:
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
        }
        number, top, left, tallest = number + 1, top + 1, 0, 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            yield {"id": number, **_panel(panel), "gridPos": place}
            number, left, tallest = number + 1, left + panel.width, max(tallest, panel.height)
        top += tallest


def _panel(panel: Panel) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": panel.kind.value,
        "title": panel.title,
        "datasource": DATASOURCE,
        "targets": [_target(panel, query, place) for place, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": _overrides(panel)},
        "options": _OPTIONS[panel.kind],
    }
    if panel.description:
        found["description"] = panel.description
    if panel.kind is Kind.TABLE:
        found["transformations"] = _joined(panel)
    return found


def _target(panel: Panel, query: Query, place: int) -> dict[str, Any]:
    is_instant = panel.kind in (Kind.TABLE, Kind.BARS)
    return {
        "refId": chr(ord("A") + place),
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": is_instant,
        "range": not is_instant,
        "format": {Kind.TABLE: "table", Kind.HEATMAP: "heatmap"}.get(panel.kind, "time_series"),
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": GREEN, "value": None}]
    steps += [{"color": level.color, "value": level.value} for level in panel.levels]
    if panel.levels and panel.levels[0].color == GREEN:
        # What is good begins somewhere, so below it is bad.
        steps[0]["color"] = RED
    found: dict[str, Any] = {"unit": panel.unit.value, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind is Kind.GRAPH:
        found["custom"] = {
            "fillOpacity": 30 if panel.is_stacked else 5,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.is_stacked else "none"},
            "thresholdsStyle": {"mode": "dashed" if panel.levels else "off"},
        }
        found["min"] = 0
    elif panel.kind is Kind.BARS:
        found |= {"min": 0, "max": 1} if panel.unit is Unit.PERCENT else {"min": 0}
    if panel.texts:
        options = {f"{number:g}": {"text": text, "color": color} for number, text, color in panel.texts}
        found["mappings"] = [{"type": "value", "options": options}]
    return found


def _overrides(panel: Panel) -> list[dict[str, Any]]:
    return [
        {"matcher": {"id": "byName", "options": column}, "properties": [{"id": "unit", "value": unit.value}]}
        for column, unit in panel.units
    ]


def _joined(panel: Panel) -> list[dict[str, Any]]:
    """One row for each set of labels, one column for each query."""
    names = {f"Value #{chr(ord('A') + place)}": query.legend for place, query in enumerate(panel.queries)}
    if len(panel.queries) == 1:
        names = {"Value": panel.queries[0].legend}
    left_out = dict.fromkeys(["Time", *panel.hidden], True)
    return [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": left_out, "renameByName": names}},
    ]


_LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: dict[Kind, dict[str, Any]] = {
    Kind.GRAPH: {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    Kind.STAT: {"reduceOptions": _LAST, "colorMode": "value", "graphMode": "area"},
    Kind.TABLE: {"showHeader": True, "cellHeight": "sm"},
    Kind.BARS: {"reduceOptions": _LAST, "orientation": "horizontal", "displayMode": "lcd"},
    Kind.HEATMAP: {"calculate": False, "yAxis": {"unit": "s"}, "color": {"scheme": "Oranges", "mode": "scheme"}},
    Kind.STATES: {"showValue": "never", "legend": {"displayMode": "list", "placement": "bottom"}},
}
