"""The login leads to the admin, wherever a person began."""

import pytest
from django.test import Client

from teams.models import Role, User

pytestmark = pytest.mark.django_db


def test_who_opens_the_login_itself_comes_to_the_admin(client: Client) -> None:
    user = User(id="ada", username="ada", role=Role.PROXY_ADMIN, is_staff=True, is_superuser=True)
    user.set_password("a-long-enough-pass-phrase")
    user.save()
    answer = client.post("/admin/login/", {"username": "ada", "password": "a-long-enough-pass-phrase"}, follow=True)

    assert answer.redirect_chain == [("/admin/", 302)]
    assert answer.status_code == 200
