"""The audit routes: who changed what, when and from where."""

from typing import Any

from django.db.models import Q, QuerySet

from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.pages import paginate
from proxy.management.schemas import audit as schemas
from proxy.management.schemas.fields import Object
from teams.errors import Envelope, NotFound
from teams.models import AuditEntry

# LiteLLM's names of the tables; what it has no table for has none here.
_TABLES = {
    "key": "LiteLLM_VerificationToken",
    "team": "LiteLLM_TeamTable",
    "user": "LiteLLM_UserTable",
    "deployment": "LiteLLM_ProxyModelTable",
    "budget": "LiteLLM_BudgetTable",
    "organization": "LiteLLM_OrganizationTable",
    "customer": "LiteLLM_EndUserTable",
    "tag": "LiteLLM_TagTable",
    "team_member": "LiteLLM_TeamMembership",
    "organization_member": "LiteLLM_OrganizationMembership",
    "config_field": "LiteLLM_Config",
}
_OBJECT_TYPES = {table: object_type for object_type, table in _TABLES.items()}
_LARGEST_ID = 2**63 - 1


class Audit(ManagementViewSet):
    tag = "audit"

    @route("GET", "/audit", access=Access.ADMIN_READ, query=schemas.AuditList, answer=schemas.AuditPage,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def list(self, call: Call, query: schemas.AuditList) -> dict[str, Any]:
        """Changes, newest first."""
        page = paginate(_filtered(query), number=query.page, size=query.page_size)
        return {
            "audit_logs": [_object(entry) for entry in page.rows],
            "total": page.total,
            "page": page.number,
            "page_size": page.size,
            "total_pages": page.pages,
        }

    @route("GET", "/audit/<str:entry_id>", access=Access.ADMIN_READ, answer=schemas.AuditObject,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def info(self, call: Call, entry_id: str) -> Any:
        """One change."""
        number = int(entry_id) if entry_id.isascii() and entry_id.isdigit() and len(entry_id) < 20 else 0
        entry = AuditEntry.objects.filter(pk=number).first() if number <= _LARGEST_ID else None
        if entry is None:
            raise NotFound(f"Audit log with ID {entry_id} not found")
        return _object(entry)


def _filtered(query: schemas.AuditList) -> QuerySet[AuditEntry]:
    rows = AuditEntry.objects.order_by("-id")
    if query.changed_by:
        rows = rows.filter(Q(actor_id=query.changed_by) | Q(changed_by=query.changed_by))
    if query.table_name:
        rows = rows.filter(object_type=_OBJECT_TYPES.get(query.table_name, ""))
    conditions = {
        "actor_id": query.actor_id,
        "action": query.action,
        "object_type": query.object_type,
        "object_id": query.object_id,
        "source": query.source,
        "at__gte": query.start_date,
        "at__lte": query.end_date,
    }
    return rows.filter(**{column: value for column, value in conditions.items() if value})


def _object(entry: AuditEntry) -> Object:
    return schemas.AuditObject(
        id=str(entry.pk),
        updated_at=entry.at,
        changed_by=entry.actor_id or None,
        changed_by_api_key=entry.actor_key_hash or entry.actor_key or None,
        action=entry.action,
        table_name=_TABLES.get(entry.object_type),
        object_id=entry.object_id,
        before_value=entry.before,
        updated_values=entry.after,
        object_type=entry.object_type,
        object_label=entry.object_label,
        source=entry.source,
        actor_role=entry.actor_role or None,
        address=entry.address or None,
        acting_for=entry.changed_by or None,
        change_id=str(entry.change_id),
    ).model_dump(mode="json")
