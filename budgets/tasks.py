"""Celery's doors to money; each makes one call."""

from celery import shared_task
from django.utils import timezone

from budgets import customers, late_rollup, projected, verify
from teams.actor import Actor, acting
from teams.models import ActorSource

_SYSTEM = Actor(source=ActorSource.SYSTEM)


@shared_task
def note_customers() -> None:
    with acting(_SYSTEM):
        customers.note_customers(now=timezone.now())


@shared_task
def roll_up_ledger() -> None:
    late_rollup.roll_up_or_tell(now=timezone.now())


@shared_task
def mend_totals() -> None:
    verify.mend_totals(now=timezone.now())


@shared_task
def tell_projected_budgets() -> None:
    projected.tell_projected(now=timezone.now())
