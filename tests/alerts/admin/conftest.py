"""Who looks at the pages."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client


@pytest.fixture
def page(client: Client) -> Client:
    """A superuser's browser, which checks for forged requests as the product does."""
    users: Any = get_user_model()
    client.force_login(users.objects.create_superuser("ada", "ada@example.com", "pw", id="ada"))
    return client


@pytest.fixture
def viewer() -> Client:
    """Somebody who may look at every page of alerts, and change none."""
    users: Any = get_user_model()
    looks = users.objects.create(id="vic", username="vic", is_staff=True)
    views = Permission.objects.filter(codename__startswith="view_", content_type__app_label="alerts")
    looks.user_permissions.set([*views, Permission.objects.get(codename="view_everything")])
    client = Client()
    client.force_login(looks)
    return client
