"""Which model groups fell back to which in a period, and what came of it: from the ledger.

Of a request that several groups were asked for, each attempt is an entry. One that was answered at once by another
group than the one that was asked for (nobody there could be asked) is a fallback as well; what was asked for by
another name is not.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, QuerySet, Subquery

from alerts.events import FallbackReport
from alerts.services import Report, Span
from budgets.models import LedgerEntry
from budgets.report_spans import dates_of
from budgets.spend_report import defused
from proxy.models import ConfigField, Deployment, Section
from teams.models import Team, VirtualKey
from teams.periods import Calendar

LISTED = 30


@dataclass(frozen=True, slots=True)
class Fallback:
    """`succeeded` and `failed` are requests: whether the group that was fallen back to gave the answer."""

    asked: str
    answered: str
    succeeded: int
    failed: int

    @property
    def requests(self) -> int:
        return self.succeeded + self.failed


def fallback_report(*, job: str, span: Span, calendar: Calendar) -> Report:
    found = fallbacks_in(span)
    if not found:
        return Report(silence="nothing fell back")
    first, last = dates_of(span, calendar=calendar)
    succeeded, requests = sum(one.succeeded for one in found), sum(one.requests for one in found)
    heading = f"Fallbacks ({LISTED} of {len(found):,})" if len(found) > LISTED else "Fallbacks"
    event = FallbackReport(
        job=job,
        period=span.key,
        headline=f"Fallback report for {first.isoformat()} to {last.isoformat()}",
        facts=(
            ("Fallbacks", f"{requests:,}"),
            ("Succeeded", f"{succeeded:,} ({succeeded / requests:.1%})"),
            ("Failed", f"{requests - succeeded:,}"),
        ),
        parts=((heading, tuple(map(_line, found[:LISTED]))),),
    )
    return Report(content={"fallbacks": [asdict(one) for one in found[:LISTED]]}, events=(event,), csv=_file(found))


def fallbacks_in(span: Span) -> list[Fallback]:
    """The most frequent first."""
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for asked, answered, requests, succeeded in (*_between_attempts(span), *_at_once(span)):
        good, bad = counts.get((asked, answered), (0, 0))
        counts[asked, answered] = good + succeeded, bad + requests - succeeded
    found = [Fallback(asked, answered, good, bad) for (asked, answered), (good, bad) in counts.items()]
    return sorted(found, key=lambda one: (-one.requests, one.asked, one.answered))


_SUCCEEDED = Exists(
    LedgerEntry.objects.filter(request_id=OuterRef("request_id"), model_group=OuterRef("model_group"), status="success")
)
_REQUESTS: dict[str, Any] = {
    "requests": Count("request_id", distinct=True),
    "good": Count("request_id", distinct=True, filter=_SUCCEEDED),
}


def _between_attempts(span: Span) -> Any:
    before = LedgerEntry.objects.filter(request_id=OuterRef("request_id"), attempt=OuterRef("attempt") - 1)
    # A correction is numbered like an attempt.
    before = before.filter(corrects__isnull=True).order_by()
    rows = _entries(span).filter(attempt__gt=0).annotate(before=Subquery(before.values("model_group")[:1]))
    changed = rows.filter(before__isnull=False).exclude(before=F("model_group"))
    return changed.values_list("before", "model_group").annotate(**_REQUESTS)


def _at_once(span: Span) -> Any:
    groups = set(Deployment.objects.order_by().values_list("model_name", flat=True).distinct()) - _other_names()
    rows = _entries(span).filter(attempt=0).exclude(requested_model=F("model_group"))
    found: Any = rows.values_list("requested_model", "model_group").annotate(**_REQUESTS)
    return [row for row in found.iterator(chunk_size=2000) if row[0] in groups]


def _other_names() -> set[str]:
    """What stands for a model group by somebody's word."""
    stored = ConfigField.objects.filter(section=Section.ROUTER, name="model_group_alias").values_list(
        "value", flat=True
    )
    names = {name for value in stored if isinstance(value, dict) for name in value}
    for model, column in ((Team, "model_aliases"), (VirtualKey, "aliases")):
        rows: Any = model.objects.exclude(**{column: {}}).order_by().values_list(column, flat=True)
        names.update(name for value in rows.iterator(chunk_size=2000) for name in value)
    return names


def _entries(span: Span) -> QuerySet[LedgerEntry]:
    within = LedgerEntry.objects.of_clients().filter(started_at__gte=span.starts_at, started_at__lt=span.ends_at)
    return within.filter(corrects__isnull=True).order_by()


def _line(one: Fallback) -> str:
    return f"{one.asked} -> {one.answered}: {one.succeeded:,} of {one.requests:,} succeeded"


def _file(found: Sequence[Fallback]) -> str:
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(["model_group", "fallback", "succeeded", "failed"])
    rows.writerows([defused(one.asked), defused(one.answered), one.succeeded, one.failed] for one in found)
    return written.getvalue()
