"""The audit trail: what changed on a watched row, recorded in the change's own transaction, told once it is committed.

A door (admin, API, command) does nothing for it: saving or deleting the row is enough. `QuerySet.update` and
`bulk_create` send no signals and must not be used on watched rows.
"""

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, models, transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.utils import timezone

import alerts.services
from alerts.encrypted import EncryptedTextField
from alerts.events import Event
from teams import actor, revisions
from teams.models import AuditEntry
from teams.models.grants import NanoDollarsField
from teams.money import to_dollars
from teams.secrets import MASK, is_secret_name, masked

logger = logging.getLogger(__name__)

CREATED, UPDATED, DELETED = "created", "updated", "deleted"
Values = dict[str, Any]
# Longer texts are cut in the trail: a row must stay readable, and bounded.
_LONGEST_TEXT = 2000


@dataclass(frozen=True)
class Story:
    """The entries of one object in one transaction, merged: what a management alert is about."""

    change_id: uuid.UUID
    action: str
    object_type: str
    object_id: str
    label: str
    entry: AuditEntry
    before: Values
    after: Values


@dataclass(frozen=True)
class Watched:
    """How a model appears in the trail. `events` gives the alerts for a story, the most particular first.

    `part_of` are columns that name what it belongs to, with the object type of that.
    """

    object_type: str
    events: Callable[[Story], Sequence[Event]] = lambda _: ()
    ignored: frozenset[str] = frozenset()
    changed: Callable[[models.Model], None] = lambda _: None
    many: Sequence[str] = field(default_factory=tuple)
    part_of: Mapping[str, str] = field(default_factory=dict)


_watched: dict[str, Watched] = {}
_unwatched: ContextVar[bool] = ContextVar("unwatched", default=False)


@contextmanager
def unwatched() -> Iterator[None]:
    """What is changed in here is no change by anybody, such as the demo's rows: not in the trail, and not told.

    Whoever does it counts the revisions up.
    """
    token = _unwatched.set(True)
    try:
        yield
    finally:
        _unwatched.reset(token)


_NEVER_TOLD = frozenset({"created_at", "updated_at", "created_by", "updated_by", "last_login", "date_joined"})


def watch(model: type[models.Model], watched: Watched) -> None:
    """From now on changes of these rows are recorded. `changed` is called for each real change, in its transaction."""
    _watched[watched.object_type] = watched
    name = model._meta.label_lower

    def before_save(instance: models.Model, *, raw: bool = False, **_: Any) -> None:
        if connection.in_atomic_block:
            revisions.hold()
        instance._stored = None if raw else _stored(instance)  # type: ignore[attr-defined]
        _stamp(instance)

    def after_save(instance: models.Model, *, created: bool, raw: bool = False, **_: Any) -> None:
        stored: models.Model | None = instance.__dict__.pop("_stored", None)
        if raw:
            return
        before = values_of(stored, watched) if stored is not None and not created else {}
        after = values_of(instance, watched)
        if created:
            _record(watched, instance, CREATED, None, filled(after))
        elif different := [name for name in after if after[name] != before.get(name)]:
            _record(
                watched,
                instance,
                UPDATED,
                {name: before.get(name) for name in different},
                {name: after[name] for name in different},
                secrets=changed_secrets(stored, instance),
            )
        elif secrets := changed_secrets(stored, instance):
            _record(watched, instance, UPDATED, {}, {}, secrets=secrets)
        else:
            return
        watched.changed(instance)

    def after_delete(instance: models.Model, **_: Any) -> None:
        _record(watched, instance, DELETED, filled(values_of(instance, watched)), None)
        watched.changed(instance)

    pre_save.connect(_while_watched(before_save), sender=model, weak=False, dispatch_uid=f"audit-before-{name}")
    post_save.connect(_while_watched(after_save), sender=model, weak=False, dispatch_uid=f"audit-saved-{name}")
    post_delete.connect(_while_watched(after_delete), sender=model, weak=False, dispatch_uid=f"audit-deleted-{name}")
    for relation in watched.many:
        _watch_relation(model, watched, relation)


def _while_watched(receiver: Callable[..., None]) -> Callable[..., None]:
    def receive(instance: models.Model, **facts: Any) -> None:
        if not _unwatched.get():
            receiver(instance, **facts)

    return receive


def name(watched: Watched) -> None:
    """For what is only noted: whose rows are facts that nobody changes."""
    _watched[watched.object_type] = watched


def _watch_relation(model: type[models.Model], watched: Watched, relation: str) -> None:
    through = getattr(model, relation).through

    def related(instance: models.Model, *, action: str, reverse: bool, pk_set: set[Any] | None, **_: Any) -> None:
        if reverse or action not in ("post_add", "post_remove", "post_clear"):
            return
        if action != "post_clear" and not pk_set:
            return
        names = sorted(str(other) for other in getattr(instance, relation).all())
        _record(watched, instance, UPDATED, {}, {relation: names})
        watched.changed(instance)

    m2m_changed.connect(
        _while_watched(related), sender=through, weak=False, dispatch_uid=f"audit-many-{through._meta.label_lower}"
    )


def _stored(instance: models.Model) -> models.Model | None:
    """The row as the database holds it, locked where it can be, so that no other change falls between."""
    if instance._state.adding:
        return None
    rows = type(instance)._base_manager.filter(pk=instance.pk)
    if connection.in_atomic_block:
        rows = rows.select_for_update()
    return rows.first()


def _stamp(instance: models.Model) -> None:
    if hasattr(instance, "updated_by"):
        who = actor.current().id[:255]
        instance.updated_by = who or instance.updated_by
        if instance._state.adding and not instance.created_by:  # type: ignore[attr-defined]
            instance.created_by = who  # type: ignore[attr-defined]


def values_of(instance: models.Model, watched: Watched) -> Values:
    """Every column as JSON, secrets left out or masked."""
    skipped = watched.ignored | _NEVER_TOLD
    return {
        field.name.removesuffix("_nano"): _plain(field, field.value_from_object(instance))
        for field in instance._meta.concrete_fields
        if field.name not in skipped and not _is_secret(field)
    }


def _is_secret(field: "models.Field[Any, Any]") -> bool:
    return isinstance(field, EncryptedTextField) or is_secret_name(field.name)


def changed_secrets(stored: models.Model | None, instance: models.Model) -> list[str]:
    """The names of secret columns whose value differs."""
    if stored is None:
        return []
    return [
        field.name
        for field in instance._meta.concrete_fields
        if _is_secret(field) and field.value_from_object(stored) != field.value_from_object(instance)
    ]


def _plain(field: "models.Field[Any, Any]", value: Any) -> Any:
    if isinstance(field, NanoDollarsField) and value is not None:
        return to_dollars(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, str):
        return value.replace("\x00", "")[:_LONGEST_TEXT]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (dict, list)):
        return masked(value)
    return str(value)


def filled(values: Values) -> Values:
    """Without what is empty."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


class _Telling:
    """Called when the transaction is committed; its id joins the entries of the transaction."""

    def __init__(self) -> None:
        self.change_id = uuid.uuid4()

    def __call__(self) -> None:
        tell(self.change_id)


def _record(
    watched: Watched,
    instance: models.Model,
    action: str,
    before: Values | None,
    after: Values | None,
    *,
    secrets: Sequence[str] = (),
) -> None:
    waiting = [hook[1] for hook in connection.run_on_commit if isinstance(hook[1], _Telling)]
    telling = waiting[0] if connection.in_atomic_block and waiting else _Telling()
    if secrets:
        before = {**(before or {}), **dict.fromkeys(secrets, MASK)}
        after = {**(after or {}), **dict.fromkeys(secrets, f"{MASK} (changed)")}
    who = actor.current()
    AuditEntry.objects.create(
        at=timezone.now(),
        change_id=telling.change_id,
        action=action,
        object_type=watched.object_type,
        object_id=str(instance.pk)[:255],
        object_label=str(instance).replace("\x00", "")[:255],
        source=who.source,
        actor_id=who.id[:255],
        actor_role=who.role,
        actor_key=who.key[:255],
        actor_key_hash=who.key_hash,
        address=who.address[:64],
        changed_by=who.changed_by[:255],
        before=before,
        after=after,
    )
    if telling not in waiting:
        transaction.on_commit(telling, robust=True)


def tell(change_id: uuid.UUID) -> None:
    """Decide the management alerts of one transaction, exactly once however often this is called."""
    with transaction.atomic():
        entries = list(AuditEntry.objects.select_for_update().filter(change_id=change_id, told=False).order_by("id"))
        if not entries:
            return
        # An entry never changes; this column says only that its alert is decided.
        AuditEntry.objects.filter(pk__in=[entry.pk for entry in entries], told=False).update(told=True)
        stories = _stories(entries)
        for story in stories:
            if not _goes_without_saying(story, stories):
                alerts.services.tell(_watched[story.object_type].events(story))


def _goes_without_saying(story: Story, stories: Sequence[Story]) -> bool:
    """Whether it came, or went, with what it is a part of: that is told, and is one change."""
    known = {**story.before, **story.after}
    wholes = {(kind, str(known.get(column))) for column, kind in _watched[story.object_type].part_of.items()}
    return story.action != UPDATED and any(
        one.action == story.action and (one.object_type, one.object_id) in wholes for one in stories
    )


def tell_forgotten(*, now: datetime) -> int:
    """What a process recorded and did not live to tell. Returns how many transactions that were."""
    late = AuditEntry.objects.filter(told=False, at__lt=now - timedelta(seconds=30)).order_by()
    forgotten = list(late.values_list("change_id", flat=True).distinct()[:1000])
    for change_id in forgotten:
        tell(change_id)
    return len(forgotten)


def _stories(entries: Sequence[AuditEntry]) -> list[Story]:
    by_object: dict[tuple[str, str], list[AuditEntry]] = {}
    for entry in entries:
        by_object.setdefault((entry.object_type, entry.object_id), []).append(entry)
    return [story for group in by_object.values() if (story := _merge(group)) is not None]


def _merge(group: Sequence[AuditEntry]) -> Story | None:
    """One story of an object's entries; none of an object that came and went in the same transaction."""
    first, last = group[0], group[-1]
    if first.action == CREATED and last.action == DELETED:
        return None
    action = DELETED if last.action == DELETED else first.action
    before: Values = {}
    after: Values = {}
    for entry in group:
        before = {**(entry.before or {}), **before}
        after.update(entry.after or {})
    story = Story(
        change_id=first.change_id,
        action=action,
        object_type=first.object_type,
        object_id=first.object_id,
        label=last.object_label,
        entry=last,
        before=before,
        after=after,
    )
    # Changed and changed back is no news either.
    return None if action == UPDATED and not changed_fields(story) else story


def changed_fields(story: Story) -> Mapping[str, tuple[Any, Any]]:
    """Old and new value of what differs in the end."""
    pairs = {name: (story.before.get(name), story.after.get(name)) for name in {**story.before, **story.after}}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def note(object_type: str, instance: models.Model, *, before: Values, after: Values) -> None:
    """Record a change that is not one of the row's own columns, such as what it counts as having spent."""
    _record(_watched[object_type], instance, UPDATED, before, after)
