"""Lists of keys: which, in what order, and those that are no more."""

from typing import Any

from django.db.models import F, Func, Q, QuerySet

from budgets.models import Scope
from proxy.management.base import Call
from proxy.management.by_spend import paginate_by_spend
from proxy.management.key_objects import utc_now
from proxy.management.pages import Page, numbers, paginate
from proxy.management.schemas import keys as schemas
from teams import audit
from teams.errors import Forbidden
from teams.keys import KEY_PREFIX, hash_key
from teams.models import AuditEntry, VirtualKey
from teams.models.grants import OrEmpty, OrLeast

# Keys without a budget or an alias stand at the end, or at the beginning, whatever the database thinks of NULL.
_SORTABLE: dict[str, F | Func] = {
    "max_budget": OrLeast("max_budget_nano"),
    "created_at": F("created_at"),
    "updated_at": F("updated_at"),
    "token": F("token_hash"),
    "key_alias": OrEmpty("alias"),
}


def hashed(name: str) -> str:
    """A key is named by itself or by its hash."""
    return hash_key(name) if name.startswith(KEY_PREFIX) else name


def find(call: Call, query: schemas.KeyList) -> QuerySet[VirtualKey]:
    """What the caller can see and asked for, in no order yet."""
    rows = call.reach.keys().select_related("budget", "team")
    if "user" in (query.expand or ()):
        rows = rows.select_related("budget", "team", "user")
    owners = Q(user=query.user_id) if query.user_id else Q()
    if query.user_id and query.include_team_keys:
        owners |= Q(team__memberships__user=query.user_id, team__in=call.reach.administered_teams)
    if query.user_id and query.include_created_by_keys:
        owners |= Q(created_by=query.user_id)
    rows = rows.filter(owners).distinct() if query.include_team_keys else rows.filter(owners)
    like = "icontains" if query.substring_matching else "exact"
    now = utc_now()
    conditions = {
        "team": query.team_id,
        "organization": query.organization_id,
        "token_hash": query.key_hash and hashed(query.key_hash),
        f"alias__{like}": query.key_alias,
    }
    rows = rows.filter(**{column: value for column, value in conditions.items() if value})
    if query.search:
        text = query.search
        rows = rows.filter(Q(alias__icontains=text) | Q(name__endswith=text) | Q(token_hash__startswith=text))
    unexpired = Q(expires_at=None) | Q(expires_at__gt=now)
    statuses = {"active": unexpired & Q(blocked=False), "expired": ~unexpired, "revoked": Q(blocked=True)}
    return rows.filter(statuses[query.status]) if query.status else rows


def page_of(rows: QuerySet[VirtualKey], query: schemas.KeyList) -> Page[VirtualKey]:
    if query.sort_by == "spend":
        return paginate_by_spend(rows, Scope.KEY, direction=query.sort_order, number=query.page, size=query.size)
    return paginate(_sorted(rows, query), number=query.page, size=query.size)


def _sorted(rows: QuerySet[VirtualKey], query: schemas.KeyList) -> QuerySet[VirtualKey]:
    if query.sort_by is None:
        return rows.order_by("-created_at", "-pk")
    by, pk = _SORTABLE[query.sort_by], F("pk")
    return rows.order_by(by.desc(), pk.desc()) if query.sort_order == "desc" else rows.order_by(by.asc(), pk.asc())


def list_deleted(call: Call, query: schemas.KeyList) -> dict[str, Any]:
    """Deleted keys live on in the audit trail."""
    if not call.reach.sees_everything:
        raise Forbidden("Only proxy admins can list deleted keys.")
    entries = AuditEntry.objects.filter(object_type="key", action=audit.DELETED).order_by("-id")
    conditions = {
        "before__user": query.user_id,
        "before__team": query.team_id,
        "before__token_hash": query.key_hash and hashed(query.key_hash),
        "before__alias": query.key_alias,
    }
    page: Page[AuditEntry] = paginate(
        entries.filter(**{column: value for column, value in conditions.items() if value}),
        number=query.page,
        size=query.size,
    )
    keys = [
        _deleted_key(entry) if query.return_full_object else (entry.before or {})["token_hash"] for entry in page.rows
    ]
    return {"keys": keys, **numbers(page)}


def _deleted_key(entry: AuditEntry) -> dict[str, Any]:
    """As it was: the columns it had, under the names that keys have here."""
    was = entry.before or {}
    names = {"token_hash": "token", "name": "key_name", "alias": "key_alias", "user": "user_id", "team": "team_id",
             "allowed_models": "models", "expires_at": "expires",
             "organization": "organization_id", "budget": "budget_id"}  # fmt: skip
    shown = {names.get(name, name): value for name, value in was.items()}
    return {**shown, "deleted_at": entry.at.isoformat(), "deleted_by": entry.actor_id or None}
