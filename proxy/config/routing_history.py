"""What was changed of fallbacks and aliases, by whom, and how it is taken back: read from the audit trail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from proxy.core.rerouting import SETTINGS, Difference, Edits, differences, entries_of, reversed_edits
from proxy.models import Section
from teams.models import AuditEntry
from teams.secrets import MASK

_LABELS = [f"{section}.{name}" for section in (Section.ROUTER, Section.LITELLM) for name in SETTINGS]


@dataclass(frozen=True, slots=True)
class Past:
    """One change. `why_not` is why it cannot be taken back; empty when it can."""

    change_id: UUID
    last_id: int
    at: datetime
    who: str
    source: str
    differences: Sequence[Difference]
    why_not: str = ""

    @property
    def reversal(self) -> Edits:
        return {} if self.why_not else reversed_edits(self.differences)


def past(*, before: int | None = None, limit: int) -> list[Past]:
    """The newest first, those whose entries have a lower id than `before`. One query."""
    rows = _entries()
    if before is not None:
        rows = rows.filter(pk__lt=before)
    newest = list(rows[: limit * len(_LABELS)])
    return [_past(list(group)) for _id, group in groupby(newest, lambda row: row.change_id)][:limit]


def find(change_id: UUID) -> Past | None:
    rows = list(_entries().filter(change_id=change_id))
    return _past(rows) if rows else None


def _entries() -> "QuerySet[AuditEntry]":
    return AuditEntry.objects.filter(object_type="config_field", object_label__in=_LABELS).order_by("-pk")


def _past(rows: Sequence[AuditEntry]) -> Past:
    """`rows` are of one transaction, the last first."""
    found: list[Difference] = []
    problems: list[str] = []
    for row in reversed(rows):
        setting = row.object_label.partition(".")[2]
        old, new = _values(row)
        try:
            found += differences(setting, entries_of(setting, old), entries_of(setting, new))
        except ValueError:
            problems.append(_("What it changed is not all readable: it held what the router could not use."))
        if _holds_mask(old) or _holds_mask(new):
            problems.append(_("The audit trail holds a part of it masked, as something that may be secret."))
    if not found:
        problems.append(_("It changed no fallback and no alias, but only where the setting comes from."))
    last = rows[0]
    return Past(
        change_id=last.change_id,
        last_id=rows[-1].pk,
        at=last.at,
        who=last.actor_id,
        source=last.get_source_display(),
        differences=found,
        why_not=problems[0] if problems else "",
    )


def _values(row: AuditEntry) -> tuple[Any, Any]:
    """Of the setting, before and after; where only its source changed, nothing did."""
    before: Mapping[str, Any] = row.before or {}
    after: Mapping[str, Any] = row.after or {}
    return before.get("value"), after.get("value")


def _holds_mask(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_mask(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_holds_mask(inner) for inner in value)
    return bool(value == MASK)
