"""Celery's doors to what is no app's; each makes one call."""

from importlib import import_module

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from gateway_project.login import throttle


@shared_task
def forget_login_tries() -> None:
    throttle.forget_old(now=timezone.now())


@shared_task
def forget_sessions() -> None:
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
