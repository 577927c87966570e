"""The table of changes that make every process build its routing table again."""

from typing import Any

from django.db.models import Model
from django.db.models.signals import post_delete, post_save

from proxy.models import ConfigField, Deployment
from teams import revisions

WATCHED: tuple[type[Model], ...] = (Deployment, ConfigField)


def _deployments_changed(sender: type[Model], **_: Any) -> None:
    revisions.bump(revisions.DEPLOYMENTS)


def connect() -> None:
    for model in WATCHED:
        post_save.connect(_deployments_changed, sender=model, dispatch_uid=f"routes-saved-{model.__name__}")
        post_delete.connect(_deployments_changed, sender=model, dispatch_uid=f"routes-deleted-{model.__name__}")
