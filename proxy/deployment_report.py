"""How deployments did in a period, from the ledger: failures, seconds per output token, time to first token.

Three passes over the period's entries, all of it grouped by the database: what comes back is at most some hundred rows
a deployment, whatever the traffic.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Count, F, FloatField, Func, IntegerField, Max, Q, QuerySet
from django.db.models.functions import Cast, Floor, Ln

from alerts.events import DeploymentReport
from alerts.services import Report, Span
from budgets.core.percentiles import SCALE, percentile
from budgets.models import LedgerEntry
from budgets.spend_report import defused
from proxy.models import Deployment
from teams.periods import Calendar

TOP = 5
LISTED = 50
# What the client sent was wrong: that says nothing about the deployment.
_CLIENTS_OWN = (400, 413, 422)


@dataclass(frozen=True, slots=True)
class Health:
    """Percentiles are seconds, None where no answer had tokens, or none was streamed."""

    deployment_id: str
    name: str
    model: str
    requests: int
    failures: int
    per_token_p50: float | None = None
    per_token_p95: float | None = None
    first_token_p95: float | None = None

    @property
    def error_rate(self) -> float:
        return self.failures / self.requests

    @property
    def title(self) -> str:
        return f"{self.name} ({self.model}, {_shortened(self.deployment_id)})"


def deployment_report(*, job: str, span: Span, calendar: Calendar) -> Report:
    """Deployments without traffic are left out; without any there is nothing to tell."""
    found = deployment_health(span)
    if not found:
        return Report(silence="no deployment was asked")
    requests, failures = sum(one.requests for one in found), sum(one.failures for one in found)
    starts, ends = (at.astimezone(calendar.zone).isoformat(timespec="minutes") for at in (span.starts_at, span.ends_at))
    event = DeploymentReport(
        job=job,
        period=span.key,
        headline=f"Deployment report for {starts} to {ends}",
        facts=(
            ("Requests", f"{requests:,}"),
            ("Failed requests", f"{failures:,} ({failures / requests:.2%})"),
            ("Deployments", f"{len(found):,}"),
        ),
        parts=tuple((heading, lines) for heading, lines in _parts(found) if lines),
    )
    content = {"starts_at": starts, "ends_at": ends, "deployments": [asdict(one) for one in found[:LISTED]]}
    return Report(content=content, events=(event,), csv=_file(found))


def deployment_health(span: Span) -> list[Health]:
    """The busiest first."""
    asked: Any = _entries(span).values_list("deployment_id").annotate(**_COUNTS)
    per_token = _histograms(
        _entries(span).filter(status="success", completion_tokens__gt=0), Seconds("ended_at", "started_at") / _TOKENS
    )
    first_token = _histograms(
        _entries(span).filter(first_token_at__isnull=False), Seconds("first_token_at", "started_at")
    )
    names = dict(Deployment.objects.order_by().values_list("pk", "model_name"))
    found = [
        Health(
            deployment_id=pk,
            name=names.get(pk, group),
            model=f"{provider}/{model}",
            requests=requests,
            failures=failures,
            per_token_p50=percentile(per_token.get(pk, {}), 0.5),
            per_token_p95=percentile(per_token.get(pk, {}), 0.95),
            first_token_p95=percentile(first_token.get(pk, {}), 0.95),
        )
        for pk, requests, failures, group, provider, model in asked
    ]
    return sorted(found, key=lambda one: (-one.requests, one.deployment_id))


class Seconds(Func):
    """Between two columns, the later one first. SQLite counts in milliseconds."""

    output_field = FloatField()
    arg_joiner = " - "
    template = "EXTRACT(EPOCH FROM (%(expressions)s))"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        later, earlier = (compiler.compile(one) for one in self.get_source_expressions())
        sql = f"((julianday({later[0]}) - julianday({earlier[0]})) * 86400.0)"
        return sql, [*later[1], *earlier[1]]


_TOKENS = Cast("completion_tokens", FloatField())
_COUNTS: Mapping[str, Any] = {
    "calls": Count("pk"),
    "failed": Count("pk", filter=~Q(status="success") & ~Q(status_code__in=_CLIENTS_OWN)),
    "group": Max("model_group"),
    "whose": Max("provider"),
    "what": Max("model"),
}


def _entries(span: Span) -> QuerySet[LedgerEntry]:
    within = LedgerEntry.objects.of_clients().filter(started_at__gte=span.starts_at, started_at__lt=span.ends_at)
    return within.filter(corrects__isnull=True).order_by()


def _histograms(rows: QuerySet[LedgerEntry], seconds: Any) -> dict[str, dict[int, int]]:
    """By deployment, how many entries each bucket has."""
    counted: Any = (
        rows.annotate(seconds=seconds)
        .filter(seconds__gt=0)
        .annotate(bucket=Cast(Floor(Ln(F("seconds")) * SCALE), IntegerField()))
        .values_list("deployment_id", "bucket")
        .annotate(entries=Count("pk"))
    )
    found: dict[str, dict[int, int]] = {}
    for pk, bucket, entries in counted.iterator(chunk_size=2000):
        found.setdefault(pk, {})[bucket] = entries
    return found


def _parts(found: Sequence[Health]) -> list[tuple[str, tuple[str, ...]]]:
    failing = sorted((one for one in found if one.failures), key=lambda one: (-one.failures, one.deployment_id))
    timed = [(one.per_token_p95, one) for one in found if one.per_token_p95 is not None]
    slow = [one for _, one in sorted(timed, key=lambda pair: (-pair[0], pair[1].deployment_id))]
    left = len(found) - LISTED
    listed = f"Deployments ({LISTED} of {len(found):,}, the busiest)" if left > 0 else "Deployments"
    return [
        ("Most failed requests", tuple(f"{one.title}: {_failed(one)}" for one in failing[:TOP])),
        ("Slowest, by output token", tuple(f"{one.title}: {_speed(one)}" for one in slow[:TOP])),
        (listed, tuple(f"{one.title}: {_failed(one)}; {_speed(one)}" for one in found[:LISTED])),
    ]


def _failed(one: Health) -> str:
    return f"{one.failures:,} of {one.requests:,} failed ({one.error_rate:.2%})"


def _speed(one: Health) -> str:
    if one.per_token_p50 is None or one.per_token_p95 is None:
        return "no tokens"
    # They are known to one percent: a third digit would say more than that.
    text = f"{one.per_token_p50:.2g} s/token, 95 % within {one.per_token_p95:.2g}"
    return text if one.first_token_p95 is None else f"{text}; first token within {one.first_token_p95:.2g} s"


def _shortened(pk: str) -> str:
    """Ids that were made up of digests say enough with their beginning."""
    return pk if len(pk) <= 32 else f"{pk[:12]}…"


_COLUMNS = (
    "deployment_id", "name", "model", "requests", "failures", "error_rate", "seconds_per_output_token_p50",
    "seconds_per_output_token_p95", "seconds_to_first_token_p95",
)  # fmt: skip


def _file(found: Sequence[Health]) -> str:
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(_COLUMNS)
    for one in found:
        numbers = (one.error_rate, one.per_token_p50, one.per_token_p95, one.first_token_p95)
        rows.writerow(
            [
                *(defused(text) for text in (one.deployment_id, one.name, one.model)),
                one.requests,
                one.failures,
                *("" if number is None else f"{number:.6g}" for number in numbers),
            ]
        )
    return written.getvalue()
