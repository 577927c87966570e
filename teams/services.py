"""Verbs on keys and users."""

import secrets

from django.db import transaction

from teams.keys import hash_key, mask_key, new_key
from teams.models import Role, User, VirtualKey

ADMIN_USER_ID = "default_user_id"


def issue_key(row: VirtualKey) -> str:
    """Save a new row with a fresh key and return the key in clear: the only time it can be seen."""
    key = new_key(token=secrets.token_urlsafe)
    row.token_hash = hash_key(key)
    row.name = mask_key(key)
    row.save(force_insert=True)
    return key


@transaction.atomic
def ensure_admin(*, username: str, password: str) -> User:
    """The first admin, whom the master key acts for. An admin who exists keeps name and password."""
    if found := User.objects.filter(id=ADMIN_USER_ID).first():
        return found
    if User.objects.filter(username=username).exists():
        username = ADMIN_USER_ID
    user = User(
        id=ADMIN_USER_ID, username=username, role=Role.PROXY_ADMIN, is_staff=True, is_superuser=True, alias="Admin"
    )
    user.set_password(password)
    user.save()
    return user
