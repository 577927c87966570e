"""Sessions that are over do not stay in the database."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from gateway_project.tasks import forget_sessions
from tests.gateway_project.pages import superuser

pytestmark = pytest.mark.django_db


def test_sessions_that_are_over_are_forgotten_and_others_stay(client: Client) -> None:
    root = superuser()
    for _ in range(2):
        Client().force_login(root)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    client.force_login(root)

    forget_sessions()

    assert list(Session.objects.values_list("session_key", flat=True)) == [client.session.session_key]
