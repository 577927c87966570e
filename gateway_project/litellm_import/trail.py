"""The audit trail of rows that are written many at a time, without signals: the same entries, written in batches.

Of a small import the management alerts are told as for any other change; a large one would send a million.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Model

from proxy.models import Deployment
from proxy.signals import WATCHED as WATCHED_DEPLOYMENTS
from teams import audit, revisions
from teams.actor import Actor
from teams.audit import Values, Watched
from teams.models import ActorSource, AuditEntry
from teams.secrets import MASK
from teams.signals import WATCHED as WATCHED_PEOPLE

IMPORTER = Actor(source=ActorSource.COMMAND, id="import-litellm")
MOST_TOLD = 100
_WATCHED: dict[type[Model], Watched] = {**WATCHED_PEOPLE, **WATCHED_DEPLOYMENTS}


class Trail:
    def __init__(self, *, now: datetime) -> None:
        self._now = now
        self._change_id = uuid.uuid4()
        self._waiting: list[AuditEntry] = []
        self._models: set[type[Model]] = set()
        self._is_large = False

    def created(self, rows: Sequence[Model]) -> None:
        for row in rows:
            self._add(row, audit.CREATED, None, audit.filled(self._values(row)))
        self._write()

    def changed(self, row: Model, *, before: Values, secrets: Sequence[str]) -> None:
        """`before` is `values_of` the row as it was; `secrets` are columns whose values the trail does not keep."""
        after = self._values(row)
        different = [name for name in after if after[name] != before.get(name)]
        self._add(
            row,
            audit.UPDATED,
            {**{name: before.get(name) for name in different}, **dict.fromkeys(secrets, MASK)},
            {**{name: after[name] for name in different}, **dict.fromkeys(secrets, f"{MASK} (changed)")},
        )
        self._write()

    def values_of(self, row: Model) -> Values:
        return self._values(row)

    def close(self) -> None:
        """Write what waits, wake who holds snapshots, and have a small import told once it is committed."""
        if self._waiting:
            AuditEntry.objects.bulk_create(self._waiting)
            transaction.on_commit(partial(audit.tell, self._change_id), robust=True)
        if self._models - {Deployment}:
            revisions.bump(revisions.KEYS)
        if Deployment in self._models:
            revisions.bump(revisions.DEPLOYMENTS)

    def _write(self) -> None:
        if not self._is_large and len(self._waiting) <= MOST_TOLD:
            return
        self._is_large = True
        for entry in self._waiting:
            entry.told = True
        AuditEntry.objects.bulk_create(self._waiting)
        self._waiting = []

    def _add(self, row: Model, action: str, before: Values | None, after: Values | None) -> None:
        self._models.add(type(row))
        self._waiting.append(
            AuditEntry(
                at=self._now,
                change_id=self._change_id,
                action=action,
                object_type=object_type(type(row)),
                object_id=str(row.pk),
                object_label=str(row)[:255],
                source=IMPORTER.source,
                actor_id=IMPORTER.id,
                before=before,
                after=after,
            )
        )

    def _values(self, row: Model) -> Values:
        values: dict[str, Any] = audit.values_of(row, _WATCHED[type(row)])
        return values


def object_type(model: type[Model]) -> str:
    return _WATCHED[model].object_type


def written_only_by_imports(model: type[Model], object_ids: Sequence[str]) -> set[str]:
    """Those that an import made and nobody else has changed since."""
    entries = AuditEntry.objects.filter(object_type=object_type(model), object_id__in=object_ids).order_by()
    writers = entries.values_list("object_id", "source", "actor_id").distinct()
    ours: set[str] = set()
    others: set[str] = set()
    for object_id, source, actor_id in writers:
        (ours if (source, actor_id) == (IMPORTER.source, IMPORTER.id) else others).add(object_id)
    return ours - others


def deleted_here(model: type[Model], columns: Sequence[str]) -> set[tuple[str, ...]]:
    """What the rows that were deleted here held in these columns."""
    deleted = AuditEntry.objects.filter(object_type=object_type(model), action=audit.DELETED).order_by()
    rows = deleted.values_list("before", flat=True).iterator()
    return {tuple(str((before or {}).get(column)) for column in columns) for before in rows}
