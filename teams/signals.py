"""The table of changes that make this process and the others load their snapshot of keys again."""

from typing import Any

from django.db.models import Model
from django.db.models.signals import post_delete, post_save

from teams import revisions
from teams.models import Team, User, VirtualKey

WATCHED: tuple[type[Model], ...] = (VirtualKey, Team, User)


def _keys_changed(sender: type[Model], *, update_fields: frozenset[str] | None = None, **_: Any) -> None:
    if update_fields == frozenset({"last_login"}):
        return
    revisions.bump(revisions.KEYS)


def connect() -> None:
    for model in WATCHED:
        post_save.connect(_keys_changed, sender=model, dispatch_uid=f"keys-saved-{model.__name__}")
        post_delete.connect(_keys_changed, sender=model, dispatch_uid=f"keys-deleted-{model.__name__}")
