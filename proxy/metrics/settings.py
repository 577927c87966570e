"""What `litellm_settings` says of metrics: which there are, with which labels and buckets (metrics.md, section 2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from proxy.metrics.catalogue import METRICS, NOT_OFFERED, STANDARD, Metric, Source
from proxy.metrics.idle import Idleness
from proxy.metrics.labels import CustomLabels

# The labels that a setting asks for, and which.
_OPTIONAL = {
    "stream": "prometheus_emit_stream_label",
    "input_sequence_length": "prometheus_emit_input_sequence_length_label",
    "rate_limit_category": "prometheus_emit_rate_limit_labels",
    "rate_limit_type": "prometheus_emit_rate_limit_labels",
    "client_ip": "prometheus_emit_client_labels",
    "user_agent": "prometheus_emit_client_labels",
    "user_alias": "prometheus_user_budget_label_include_email_alias",
    "user_email": "prometheus_user_budget_label_include_email_alias",
}
_CALLERS = {
    "api_key_alias": ("api_key_alias",),
    "user_email": ("user_email",),
    "both": ("api_key_alias", "user_email"),
}
_MOST_SERIES = 10_000
_RESERVED = frozenset({"le", "quantile", "job", "instance"})


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """`metrics` are those that are wanted, by name, with the labels that they have here.

    `names` are all names that custom labels may have; of each metric some of them, if it says so.
    """

    custom: CustomLabels = field(default_factory=CustomLabels)
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    tracks_end_users: bool = False
    shows_clients: bool = False
    shows_older_names: bool = True
    most_series: int = _MOST_SERIES
    idleness: Idleness = field(default_factory=Idleness)

    @classmethod
    def read(cls, litellm: Mapping[str, Any]) -> Self:
        """Raises ValueError, a sentence, for what cannot be as it is asked for."""
        custom = CustomLabels(
            metadata=_texts(litellm, "custom_prometheus_metadata_labels"),
            tags=_texts(litellm, "custom_prometheus_tags"),
        )
        _ensure_fit(custom)
        resolved = {name: _with_labels(metric, litellm, custom) for name, metric in METRICS.items()}
        resolved = _chosen(resolved, litellm)
        if (buckets := _buckets(litellm)) is not None:
            resolved = {
                name: replace(metric, buckets=buckets) if metric.buckets == STANDARD else metric
                for name, metric in resolved.items()
            }
        return cls(
            custom=custom,
            metrics=resolved,
            tracks_end_users=_tracks_end_users(litellm),
            shows_clients=litellm.get("prometheus_emit_client_labels") is True,
            shows_older_names=litellm.get("prometheus_emit_older_names") is not False,
            most_series=_count(litellm, "prometheus_metrics_max_series_per_metric") or _MOST_SERIES,
            # What the ledger adds up to stays: its sum on the page is the ledger's.
            idleness=Idleness.read(litellm, {one.name for one in METRICS.values() if one.source is Source.REQUEST}),
        )


def _with_labels(metric: Metric, litellm: Mapping[str, Any], custom: CustomLabels) -> Metric:
    labels = [
        label.removeprefix("?")
        for label in metric.labels
        if not label.startswith("?") or litellm.get(_OPTIONAL[label[1:]]) is True
    ]
    if metric.caller and "api_key_alias" in labels:
        at = labels.index("api_key_alias")
        labels[at : at + 1] = _caller(litellm)
    if metric.custom:
        # LiteLLM leaves out a custom label where a metric has one of that name; then it would mean two things.
        if clash := sorted(set(labels) & set(custom.names)):
            raise ValueError(f"custom Prometheus labels clash with labels of {metric.name}: {', '.join(clash)}")
        labels += custom.names
    return replace(metric, labels=tuple(dict.fromkeys(labels)))


def _caller(litellm: Mapping[str, Any]) -> tuple[str, ...]:
    given = litellm.get("prometheus_deployment_and_latency_caller_identity") or "api_key_alias"
    if given not in _CALLERS:
        names = ", ".join(_CALLERS)
        raise ValueError(f"prometheus_deployment_and_latency_caller_identity must be one of {names}, not {given!r}")
    return _CALLERS[given]


def _ensure_fit(custom: CustomLabels) -> None:
    if unfit := [name for name in custom.names if not name or name.startswith("__")]:
        raise ValueError(f"custom Prometheus labels need a name, and not one beginning with __: {unfit}")
    twice = {name for name in custom.names if custom.names.count(name) > 1} | _RESERVED.intersection(custom.names)
    if twice:
        raise ValueError(f"custom Prometheus labels clash with other labels: {', '.join(sorted(twice))}")


def _chosen(metrics: Mapping[str, Metric], litellm: Mapping[str, Any]) -> dict[str, Metric]:
    """By `prometheus_metrics_config` a list of what is wanted, by the others what is not."""
    found = dict(metrics)
    if groups := litellm.get("prometheus_metrics_config"):
        found = _listed(found, groups)
    for name in _texts(litellm, "prometheus_exclude_metrics"):
        if (known := _known(name, "prometheus_exclude_metrics")) is not None:
            found.pop(known, None)
    if without := set(_texts(litellm, "prometheus_exclude_labels")):
        anywhere = {label for metric in metrics.values() for label in metric.labels}
        every = anywhere | set(_OPTIONAL)
        if unknown := sorted(without - every):
            raise ValueError(f"prometheus_exclude_labels: no metric has a label {', '.join(map(repr, unknown))}")
        found = {
            name: replace(metric, labels=tuple(label for label in metric.labels if label not in without))
            for name, metric in found.items()
        }
    return found


def _listed(metrics: Mapping[str, Metric], groups: Any) -> dict[str, Metric]:
    wanted: dict[str, set[str] | None] = {}
    for group in groups if isinstance(groups, list) else [groups]:
        if not isinstance(group, Mapping) or not isinstance(group.get("group"), str) or not group.get("metrics"):
            raise ValueError("prometheus_metrics_config: each entry needs a `group` (a name) and `metrics` (a list)")
        where = f"prometheus_metrics_config, group {group['group']!r}"
        include = set(_texts(group, "include_labels", where)) if group.get("include_labels") is not None else None
        for name in _texts(group, "metrics", where):
            if (known := _known(name, where)) is None:
                continue
            if include is not None and (missing := sorted(include - set(metrics[known].labels))):
                raise ValueError(f"{where}: {known} has no label {', '.join(map(repr, missing))}")
            before = wanted.get(known, set())
            # Of several groups all that any of them wants.
            wanted[known] = None if include is None or before is None else before | include
    return {
        name: metric
        if (labels := wanted[name]) is None
        else replace(metric, labels=tuple(label for label in metric.labels if label in labels))
        for name, metric in metrics.items()
        if name in wanted
    }


def _known(name: str, where: str) -> str | None:
    """The registered name, given with or without `_total` or as an older one; None for what is not offered here."""
    for form in (name, name.removesuffix("_total")):
        if form in METRICS:
            return form
        if form in NOT_OFFERED:
            return None
        if (named := _BY_ALIAS.get(form)) is not None:
            return named
    raise ValueError(f"{where}: there is no metric {name!r}")


_BY_ALIAS = {alias: metric.name for metric in METRICS.values() for alias in metric.aliases}


def _buckets(litellm: Mapping[str, Any]) -> tuple[float, ...] | None:
    if (given := litellm.get("prometheus_latency_buckets")) is None:
        return None
    is_list = isinstance(given, list) and given
    numbers = [one for one in given if isinstance(one, (int, float)) and not isinstance(one, bool)] if is_list else []
    if not numbers or len(numbers) != len(given) or sorted(set(numbers)) != numbers or numbers[0] <= 0:
        raise ValueError("prometheus_latency_buckets must be a list of rising seconds, all above 0")
    return tuple(map(float, numbers))


def _tracks_end_users(litellm: Mapping[str, Any]) -> bool:
    """As LiteLLM has it: off, and only the word `true` switches it on."""
    is_wanted = litellm.get("enable_end_user_cost_tracking_prometheus_only") is True
    return is_wanted and not litellm.get("disable_end_user_cost_tracking")


def _count(litellm: Mapping[str, Any], name: str) -> int | None:
    if (value := litellm.get(name)) is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number above 0")
    return value


def _texts(given: Mapping[str, Any], name: str, where: str = "") -> list[str]:
    value = given.get(name) or []
    values: Iterable[Any] = value if isinstance(value, list) else [value]
    if wrong := [one for one in values if not isinstance(one, str)]:
        raise ValueError(f"{where + ': ' if where else ''}{name} must be a list of texts, not {wrong[0]!r}")
    return list(values)
