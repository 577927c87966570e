"""Rows that were read, put beside ours and written, a batch at a time."""

import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import DataError, IntegrityError, transaction
from django.db.models import CharField, Model

from gateway_project.litellm_import.kinds import Candidate, Context, Kind, Missing
from gateway_project.litellm_import.report import LEFT, MENDED, Outcome, Report
from gateway_project.litellm_import.trail import (
    IMPORTER,
    Trail,
    deleted_here,
    written_only_by_imports,
)
from gateway_project.litellm_import.values import Row, Skip
from teams import audit

BATCH = 1000
Identity = tuple[str, ...]


class Writer:
    def __init__(self, kinds: Sequence[Kind], report: Report, context: Context) -> None:
        self._kinds = {kind.model: kind for kind in kinds}
        self._report = report
        self._context = context
        self._trail = Trail(now=context.now)
        self._deleted: dict[type[Model], set[Identity]] = {}
        self.lost: dict[tuple[str, str], int] = {}

    def put(self, kind: Kind, rows: Iterable[Row]) -> None:
        self._report.found(kind.name, 0)
        for batch in _batches(rows):
            self._report.found(kind.name, len(batch))
            self._note_unsupported(kind, batch)
            self._put_batch(kind, self._candidates(kind, batch))

    def close(self) -> None:
        self._trail.close()

    def _note_unsupported(self, kind: Kind, rows: Sequence[Row]) -> None:
        for column in kind.unsupported:
            if count := sum(bool(row.values.get(column)) for row in rows):
                key = (kind.name, column)
                self.lost[key] = self.lost.get(key, 0) + count

    def _candidates(self, kind: Kind, rows: Sequence[Row]) -> list[Candidate]:
        candidates = []
        for row in rows:
            try:
                instance = kind.build(row, self._context)
            except Skip as skip:
                self._report.skip(kind.name, kind.label(row), skip.reason, skip.fact)
                continue
            _cut(row, instance)
            candidates.append(Candidate(row, instance, kind.label(row)))
        return candidates

    def _put_batch(self, kind: Kind, candidates: list[Candidate]) -> None:
        kind.settle(candidates)
        stored = _stored(kind, candidates)
        seen: set[Identity] = set()
        for candidate in candidates:
            identity = _identity(kind, candidate.instance)
            if identity in seen:
                candidate.refuse("is there twice")
            elif identity not in stored and identity in self._deleted_here(kind.model):
                candidate.refuse("was deleted here")
            seen.add(identity)
        self._resolve(kind, candidates)
        new, differing = [], []
        for candidate in candidates:
            ours = stored.get(_identity(kind, candidate.instance))
            if candidate.refused:
                self._report.skip(kind.name, candidate.label, *candidate.refused)
            elif ours is None:
                new.append(candidate)
            elif columns := [name for name in kind.compared if _differs(ours, candidate.instance, name)]:
                differing.append((candidate, ours, columns))
            else:
                self._accept(kind, candidate, Outcome.UNCHANGED)
        self._create(kind, new)
        self._change(kind, differing)

    def _resolve(self, kind: Kind, candidates: Sequence[Candidate]) -> None:
        """See that what the rows name is here."""
        for name, missing in kind.references.items():
            open_ones = [candidate for candidate in candidates if not candidate.refused]
            other: type[Model] = kind.model._meta.get_field(name).related_model  # type: ignore[assignment]
            named = {getattr(candidate.instance, f"{name}_id") for candidate in open_ones} - {None, ""}
            known = set(other._base_manager.filter(pk__in=named).order_by().values_list("pk", flat=True))
            made = self._make(other, sorted(named - known)) if missing is Missing.MADE else set()
            for candidate in open_ones:
                value = getattr(candidate.instance, f"{name}_id")
                if value in made:
                    candidate.row.repair(f"names a {name} that LiteLLM has no row of, so an empty one was made", value)
                elif value and value not in known:
                    _unlink(candidate, name, missing)

    def _make(self, model: type[Model], ids: Sequence[str]) -> set[str]:
        """The ids of those that could be made."""
        kind = self._kinds[model]
        wanted = [object_id for object_id in ids if (object_id,) not in self._deleted_here(model)]
        candidates = self._candidates(kind, [Row(dict.fromkeys(kind.order, object_id)) for object_id in wanted])
        kind.settle(candidates)
        return {candidate.instance.pk for candidate in self._create(kind, candidates)}

    def _create(self, kind: Kind, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Those that the database took: all, unless it knows a rule that we have not thought of."""
        for candidate in candidates:
            _stamp(candidate.instance)
        if not candidates:
            return []
        try:
            with transaction.atomic():
                kind.model._base_manager.bulk_create([candidate.instance for candidate in candidates])
        except (IntegrityError, DataError):
            if len(candidates) > 1:
                return [made for candidate in candidates for made in self._create(kind, [candidate])]
            self._report.skip(kind.name, candidates[0].label, "is refused by the database")
            return []
        self._trail.created([candidate.instance for candidate in candidates])
        for candidate in candidates:
            self._accept(kind, candidate, Outcome.NEW)
        return list(candidates)

    def _change(self, kind: Kind, differing: Sequence[tuple[Candidate, Any, list[str]]]) -> None:
        ours = written_only_by_imports(kind.model, [str(stored.pk) for _, stored, _ in differing])
        for candidate, stored, columns in differing:
            if str(stored.pk) not in ours:
                self._report.count(kind.name, Outcome.LEFT)
                self._report.tell(LEFT, kind.name, candidate.label, f"LiteLLM's differs in {', '.join(columns)}")
            elif self._update(kind, candidate, stored, columns):
                self._accept(kind, candidate, Outcome.CHANGED)

    def _update(self, kind: Kind, candidate: Candidate, stored: Any, columns: list[str]) -> bool:
        if "budget_duration" in columns or getattr(stored, "budget_started_at", self._context.now) is None:
            # Another length is another count, and counting has to begin sometime.
            columns = [*columns, "budget_started_at"]
        before = self._trail.values_of(stored)
        secrets = audit.changed_secrets(stored, candidate.instance)
        values = {name: getattr(candidate.instance, name) for name in columns}
        if hasattr(stored, "updated_at"):
            values["updated_at"] = self._context.now
        if hasattr(stored, "updated_by"):
            values["updated_by"] = IMPORTER.id
        try:
            with transaction.atomic():
                kind.model._base_manager.filter(pk=stored.pk).update(**values)
        except (IntegrityError, DataError):
            self._report.skip(kind.name, candidate.label, "is refused by the database")
            return False
        for name, value in values.items():
            setattr(stored, name, value)
        self._trail.changed(stored, before=before, secrets=[name for name in secrets if name in columns])
        return True

    def _accept(self, kind: Kind, candidate: Candidate, outcome: Outcome) -> None:
        self._report.count(kind.name, outcome)
        for reason, fact in candidate.row.repairs:
            self._report.tell(MENDED, kind.name, candidate.label, reason, fact)

    def _deleted_here(self, model: type[Model]) -> set[Identity]:
        if model not in self._deleted:
            self._deleted[model] = deleted_here(model, self._kinds[model].identity)
        return self._deleted[model]


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while batch := list(itertools.islice(iterator, BATCH)):
        yield batch


def _cut(row: Row, instance: Model) -> None:
    """Texts to what their columns hold. Ids are never cut: another row could have the rest."""
    for name, longest in _text_columns(type(instance)):
        value = getattr(instance, name)
        if isinstance(value, str) and len(value) > longest:
            row.repair(f"its {name} is longer than {longest} characters, and cut")
            setattr(instance, name, value[:longest])


@functools.cache
def _text_columns(model: type[Model]) -> list[tuple[str, int]]:
    return [
        (field.attname, field.max_length)
        for field in model._meta.concrete_fields
        if isinstance(field, CharField) and field.max_length and not field.primary_key
    ]


def _identity(kind: Kind, instance: Model) -> Identity:
    return tuple(str(getattr(instance, attribute)) for attribute in kind.attributes)


def _stored(kind: Kind, candidates: Sequence[Candidate]) -> dict[Identity, Any]:
    wanted = {
        f"{attribute}__in": {getattr(candidate.instance, attribute) for candidate in candidates}
        for attribute in kind.attributes
    }
    rows = kind.model._base_manager.filter(**wanted) if candidates else []
    return {_identity(kind, row): row for row in rows}


def _unlink(candidate: Candidate, name: str, missing: Missing) -> None:
    attribute = f"{name}_id"
    value = getattr(candidate.instance, attribute)
    if missing is Missing.DROPPED:
        candidate.row.repair(f"its {name} is not here, so it has none", value)
    elif hasattr(candidate.instance, "blocked"):
        candidate.row.repair(f"its {name} is not here, so it is blocked", value)
        candidate.instance.blocked = True
    else:
        candidate.refuse(f"its {name} is not here", value)
        return
    setattr(candidate.instance, attribute, None)


def _differs(stored: Any, wanted: Any, name: str) -> bool:
    return bool(getattr(stored, name) != getattr(wanted, name))


def _stamp(instance: Any) -> None:
    if hasattr(instance, "created_by"):
        instance.created_by = instance.created_by or IMPORTER.id
        instance.updated_by = IMPORTER.id
