"""Celery's doors to what is no app's; each makes one call."""

from celery import shared_task
from django.utils import timezone

from gateway_project.login import throttle


@shared_task
def forget_login_tries() -> None:
    throttle.forget_old(now=timezone.now())
