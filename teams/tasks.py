"""Celery's doors to keys and their records; each makes one call."""

from celery import shared_task
from django.utils import timezone

from teams import audit, revisions, services
from teams.actor import Actor, acting
from teams.models import ActorSource

_SYSTEM = Actor(source=ActorSource.SYSTEM)


@shared_task
def rotate_due_keys() -> None:
    with acting(_SYSTEM):
        services.rotate_due_keys(now=timezone.now())


@shared_task
def tell_forgotten_changes() -> None:
    audit.tell_forgotten(now=timezone.now())


@shared_task
def forget_followed_changes() -> None:
    revisions.forget_changes(now=timezone.now())
