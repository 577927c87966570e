"""What is known of requests that were: their traces, for those who may see them, with what the ledger says of each."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from budgets.models import LedgerEntry
from proxy.models import RequestTrace
from teams.access import Reach
from teams.models import RetiredToken, Team
from teams.money import to_dollars

MOST_REQUESTS = 20


def visible(reach: Reach) -> QuerySet[RequestTrace]:
    """Of the own key, the own user, and the teams that one administers; of all, for who sees everything."""
    rows = RequestTrace.objects.order_by("-at", "-id")
    if reach.sees_everything:
        return rows
    mine = Q(team_id__in=_teams(reach))
    if reach.key_hash:
        former = RetiredToken.objects.filter(key__token_hash=reach.key_hash).order_by().values_list("pk", flat=True)
        mine |= Q(key_hash__in=[reach.key_hash, *former])
    if reach.user_id:
        mine |= Q(user_id=reach.user_id)
    return rows.filter(mine)


def _teams(reach: Reach) -> list[str]:
    of_organizations: Iterable[str] = ()
    if reach.administered_organizations:
        found = Team.objects.filter(organization__in=reach.administered_organizations).order_by()
        of_organizations = found.values_list("pk", flat=True)
    return sorted({*reach.administered_teams, *of_organizations})


def named(rows: QuerySet[RequestTrace], name: str) -> QuerySet[RequestTrace]:
    """By the call id, which a client may use again, or by our own request id."""
    condition = Q(call_id=name)
    if (request_id := _uuid(name)) is not None:
        condition |= Q(pk=request_id)
    return rows.filter(condition)


def _uuid(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def explain(rows: Sequence[RequestTrace]) -> list[dict[str, Any]]:
    """JSON objects, in the order given. One question to the ledger for all."""
    entries: dict[UUID, list[dict[str, Any]]] = {}
    asked = LedgerEntry.objects.filter(request_id__in=[row.pk for row in rows]).order_by("attempt")
    for entry in asked:
        entries.setdefault(entry.request_id, []).append(_entry(entry))
    return [{**_request(row), "ledger": entries.get(row.pk, [])} for row in rows]


def _request(row: RequestTrace) -> dict[str, Any]:
    return {
        "request_id": str(row.pk),
        "call_id": row.call_id,
        "at": row.at,
        "route": row.route,
        "operation": row.operation,
        "model": row.model,
        "model_group": row.model_group,
        "deployment": row.deployment or None,
        "status": row.status,
        # The client was told this very sentence; what upstreams said that a retry made good is in no trace.
        "error": {"class": row.error_class, "message": row.message} if row.error_class or row.message else None,
        "duration_ms": round(row.seconds * 1000, 2),
        "caller": {
            "key": row.key_hash,
            "key_alias": row.key_alias or None,
            "user_id": row.user_id or None,
            "team_id": row.team_id or None,
            "end_user": row.end_user or None,
        },
        "tags": row.tags,
        "stream": row.stream,
        "attempts": row.attempts,
        "cost": {
            "amount": to_dollars(row.amount_nano),
            "amount_nano": row.amount_nano,
            "price": row.price or None,
        },
        "steps": row.steps,
    }


_ENTRY_COLUMNS = (
    "attempt", "deployment_id", "provider", "model", "status", "status_code", "error_class", "prompt_tokens",
    "completion_tokens", "cached_tokens", "amount_nano", "basis", "started_at", "ended_at",
)  # fmt: skip


def _entry(entry: LedgerEntry) -> dict[str, Any]:
    return {column: getattr(entry, column) for column in _ENTRY_COLUMNS}
