"""Ledger entries as LiteLLM's spend log has them (api.md section 7): which, in what order, and in what shape."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.expressions import CombinedExpression

from budgets.core.pricing import NANO, dollars
from budgets.group_spend import chunks
from budgets.models import HEALTH_CHECK_KEY, LedgerEntry
from budgets.payer_entries import of_payer
from proxy.management.base import Call
from proxy.management.key_lists import hashed
from proxy.management.schemas.spend_logs import LogList
from proxy.management.spend_names import hashes_of
from proxy.runtime import running
from teams.errors import Invalid
from teams.models import Team
from teams.money import to_nano

ROWS_AT_ONCE = 2000
SORTS: Mapping[str, F | CombinedExpression] = {
    "startTime": F("started_at"),
    "endTime": F("ended_at"),
    "spend": F("amount_nano"),
    "total_tokens": F("prompt_tokens") + F("completion_tokens"),
    "request_duration_ms": F("ended_at") - F("started_at"),
    "model": F("model"),
}


Moments = tuple[datetime | None, datetime | None]


def visible_entries(
    call: Call, *, api_key: str | None, user_id: str | None, moments: Moments = (None, None)
) -> QuerySet[LedgerEntry]:
    """Of everybody for who sees everything, else the caller's own whatever they ask; in no order yet.

    `moments` are the first that counts and the first after it that does not.

    The gateway's own health checks are there only for who asks for their key.
    """
    asks_for_checks = api_key and hashed(api_key) == HEALTH_CHECK_KEY
    rows: QuerySet[LedgerEntry] = LedgerEntry.objects.all() if asks_for_checks else LedgerEntry.objects.of_clients()
    first, end = moments
    if first is not None:
        rows = rows.filter(started_at__gte=first)
    if end is not None:
        rows = rows.filter(started_at__lt=end)
    if owner := user_id if call.reach.sees_everything else call.reach.user_id:
        rows = of_payer(rows, "user_id", owner, since=first, until=end)
    return rows.filter(key_hash__in=hashes_of(api_key)) if api_key else rows


def of_request(rows: QuerySet[LedgerEntry], name: str) -> QuerySet[LedgerEntry]:
    """By an id of ours, x-litellm-call-id, or the id of the answer."""
    own = Q(call_id=name)
    if (number := _uuid(name)) is not None:
        own |= Q(pk=number) | Q(request_id=number)
    found = rows.filter(own)
    # What the upstream called it has no index, and is looked for only when the others say nothing.
    return found if found.exists() else rows.filter(upstream_id=name)


def matching(rows: QuerySet[LedgerEntry], query: LogList, *, moments: Moments) -> QuerySet[LedgerEntry]:
    """Raises Invalid for a bound that is no amount."""
    first, end = moments
    for column, payer in (("team_id", query.team_id), ("end_user", query.end_user)):
        if payer:
            rows = of_payer(rows, column, payer, since=first, until=end)
    exact = {
        "status": query.status_filter,
        "deployment_id": query.model_id,
        "model_group": query.model_group,
        "key_alias": query.key_alias,
    }
    rows = rows.filter(**{column: value for column, value in exact.items() if value})
    if query.session_id:
        number = _uuid(query.session_id)
        rows = rows.filter(request_id=number) if number else rows.none()
    if query.model:
        provider, _, model = query.model.partition("/")
        rows = rows.filter(Q(model=query.model) | Q(provider=provider, model=model))
    if query.min_spend is not None:
        rows = rows.filter(amount_nano__gte=_nano("min_spend", query.min_spend))
    if query.max_spend is not None:
        rows = rows.filter(amount_nano__lte=_nano("max_spend", query.max_spend))
    if query.error_code:
        code = query.error_code
        known = code.isascii() and code.isdigit() and len(code) == 3
        rows = rows.filter(status="failure", status_code=int(code)) if known else rows.none()
    if query.error_message:
        rows = rows.filter(status="failure", error_class__icontains=query.error_message)
    if query.cache_hit_filter and query.cache_hit_filter.lower() in ("true", "hit", "cache_hit"):
        rows = rows.none()
    return of_request(rows, query.request_id) if query.request_id else rows


def in_order(rows: QuerySet[LedgerEntry], sort_by: str, direction: str) -> QuerySet[LedgerEntry]:
    column = SORTS[sort_by]
    if direction == "asc":
        return rows.order_by(column.asc(), "started_at", "pk")
    return rows.order_by(column.desc(), "-started_at", "-pk")


def newest_first(rows: QuerySet[LedgerEntry]) -> Iterator[LedgerEntry]:
    """All of them, a part at a time, each from where the last one ended."""
    ordered = rows.order_by("-started_at", "-pk")
    found = list(ordered[:ROWS_AT_ONCE])
    while found:
        yield from found
        last = found[-1]
        older = Q(started_at__lt=last.started_at) | Q(started_at=last.started_at, pk__lt=last.pk)
        # The first condition follows from the second, and is the one that an index serves.
        found = list(ordered.filter(older, started_at__lte=last.started_at)[:ROWS_AT_ONCE])


def log_rows(entries: Iterable[LedgerEntry], *, shows_addresses: bool) -> list[dict[str, Any]]:
    """Two questions for all of them."""
    entries = list(entries)
    aliases: dict[str, str] = {}
    for some in chunks(sorted({entry.team_id for entry in entries if entry.team_id})):
        aliases |= dict(Team.objects.filter(pk__in=some).order_by().values_list("pk", "alias"))
    bases = {one.id: one.api_base for one in running().table.all_deployments()} if shows_addresses else {}
    return [_row(entry, aliases.get(entry.team_id, ""), bases.get(entry.deployment_id, "")) for entry in entries]


def _row(entry: LedgerEntry, team_alias: str, api_base: str) -> dict[str, Any]:
    started, ended = _time(entry.started_at), _time(entry.ended_at)
    return {
        "request_id": request_id_of(entry),
        "call_type": entry.call_type,
        "api_key": entry.key_hash,
        "spend": dollars(entry.amount_nano),
        "total_tokens": entry.prompt_tokens + entry.completion_tokens,
        "prompt_tokens": entry.prompt_tokens,
        "completion_tokens": entry.completion_tokens,
        "startTime": started,
        "endTime": ended,
        "completionStartTime": _time(entry.first_token_at) if entry.first_token_at else None,
        "request_duration_ms": _milliseconds(entry),
        "model": qualified(entry.provider, entry.model) or entry.requested_model,
        "model_id": entry.deployment_id,
        "model_group": entry.model_group,
        "custom_llm_provider": entry.provider,
        "api_base": api_base,
        "user": entry.user_id,
        "metadata": _metadata(entry, team_alias),
        "cache_hit": "False",
        "cache_key": "Cache OFF",
        "request_tags": entry.tags,
        "team_id": entry.team_id or None,
        "organization_id": entry.organization_id or None,
        "end_user": entry.end_user or None,
        "requester_ip_address": None,
        "session_id": str(entry.request_id),
        "status": entry.status,
        "litellm_call_id": entry.call_id,
        "messages": {},
        "response": {},
        "proxy_server_request": {},
        "created_at": ended,
        "updated_at": ended,
    }


def _metadata(entry: LedgerEntry, team_alias: str) -> dict[str, Any]:
    """`ledger_id`, `attempt`, `basis` and `corrects` are ours."""
    original = entry.amount_nano if entry.original_nano is None else entry.original_nano
    return {
        "user_api_key": entry.key_hash,
        "user_api_key_alias": entry.key_alias or None,
        "user_api_key_user_id": entry.user_id or None,
        "user_api_key_team_id": entry.team_id or None,
        "user_api_key_team_alias": team_alias or None,
        "user_api_key_org_id": entry.organization_id or None,
        "spend_logs_metadata": None,
        "litellm_call_id": entry.call_id,
        "status": entry.status,
        "usage_object": {
            "prompt_tokens": entry.prompt_tokens,
            "completion_tokens": entry.completion_tokens,
            "total_tokens": entry.prompt_tokens + entry.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": entry.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": entry.reasoning_tokens},
            "cache_creation_input_tokens": entry.cache_creation_tokens,
            "cache_read_input_tokens": entry.cached_tokens,
        },
        "cost_breakdown": {
            "total_cost": dollars(entry.amount_nano),
            "original_cost": dollars(original),
            "service_tier": entry.service_tier or None,
        },
        "error_information": _error(entry),
        "attempted_retries": entry.attempt,
        "ledger_id": str(entry.pk),
        "attempt": entry.attempt,
        "basis": entry.basis,
        "corrects": str(entry.corrects) if entry.corrects else None,
    }


def _error(entry: LedgerEntry) -> dict[str, Any] | None:
    if entry.status == "success":
        return None
    return {
        "error_code": str(entry.status_code),
        "error_class": entry.error_class,
        "llm_provider": entry.provider,
        "error_message": "",
    }


LOG_TITLES = (
    "startTime", "endTime", "request_id", "litellm_call_id", "call_type", "status", "status_code", "model_group",
    "model", "custom_llm_provider", "model_id", "api_key", "key_alias", "user", "team_id", "organization_id",
    "end_user", "request_tags", "prompt_tokens", "completion_tokens", "spend",
)  # fmt: skip


def log_line(entry: LedgerEntry) -> tuple[object, ...]:
    """A line of a CSV file, under LOG_TITLES; dollars to the last nano-dollar."""
    return (
        entry.started_at, entry.ended_at, request_id_of(entry), entry.call_id, entry.call_type, entry.status,
        entry.status_code, entry.model_group, entry.model, entry.provider, entry.deployment_id, entry.key_hash,
        entry.key_alias, entry.user_id, entry.team_id, entry.organization_id, entry.end_user,
        ",".join(map(str, entry.tags)), entry.prompt_tokens, entry.completion_tokens, exact(entry.amount_nano),
    )  # fmt: skip


def exact(nano: int) -> Decimal:
    return Decimal(nano) / NANO


def qualified(provider: str, model: str) -> str:
    """A deployment's model as LiteLLM's books have it."""
    return f"{provider}/{model}" if provider and model else model


def request_id_of(entry: LedgerEntry) -> str:
    return entry.upstream_id if entry.status == "success" and entry.upstream_id else entry.call_id


def _milliseconds(entry: LedgerEntry) -> int:
    return round((entry.ended_at - entry.started_at).total_seconds() * 1000)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _uuid(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def _nano(name: str, amount: float) -> int:
    try:
        return to_nano(amount)
    except ValueError:
        raise Invalid(f"{name} is no amount: {amount}", param=name) from None
