"""Inviting a user: a signed link, good once and for a week, behind which the person chooses a password."""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import Group
from django.core import signing
from django.db import transaction
from django.urls import reverse

import alerts.services
from alerts.services import InvitationLetter
from teams import actor, audit
from teams.errors import Invalid
from teams.groups import ADMIN, TEAM_ADMIN, VIEWER
from teams.models import Invitation, Role, User

VALID_FOR = timedelta(days=7)
_SALT = "teams.invitation"
# Where the pages let them do what their role may do; `teams.access.Reach` says with which rows.
ROLE_GROUPS = {
    Role.PROXY_ADMIN: ADMIN,
    Role.PROXY_ADMIN_VIEWER: VIEWER,
    Role.INTERNAL_USER: TEAM_ADMIN,
    Role.INTERNAL_USER_VIEWER: TEAM_ADMIN,
}


@transaction.atomic
def invite(user: User, *, now: datetime) -> Invitation:
    """Raises Invalid for who may not log in."""
    if not user.is_active:
        raise Invalid(f"User {user.pk} is deactivated.", param="user_id")
    made = Invitation.objects.create(
        user=user, created_at=now, created_by=actor.current().id, expires_at=now + VALID_FOR
    )
    audit.note("user", user, before={"invited_until": None}, after={"invited_until": made.expires_at.isoformat()})
    return made


def link(invitation: Invitation) -> str:
    """Where the person chooses a password; without PROXY_BASE_URL it begins with the path."""
    path = reverse("invitation", args=[signing.dumps(invitation.pk.hex, salt=_SALT)])
    return f"{settings.PROXY_BASE_URL.rstrip('/')}{path}"


def write_invitation(invitation: Invitation, *, now: datetime) -> bool:
    """By mail. Raises Invalid where that cannot be."""
    user = invitation.user
    ensure_can_write(user, param="user_id")
    if not settings.PROXY_BASE_URL:
        raise Invalid("PROXY_BASE_URL is not set, so a mail could hold no link that leads here.", param="user_id")
    return alerts.services.write_letter(
        InvitationLetter(
            to=user.email,
            made=invitation.pk.hex,
            text=(
                f"Somebody made an account for you, {user}, at the LLM gateway {settings.PROXY_BASE_URL}.",
                "Choose a password to log in. The link works once.",
            ),
            facts=(
                ("User name", user.username),
                ("Link valid until", invitation.expires_at.strftime("%d %B %Y, %H:%M UTC")),
            ),
            about=(("user_id", user.pk),),
            secret_links=(("Choose a password", link(invitation)),),
        ),
        now=now,
    )


def ensure_can_write(user: User | None, *, param: str) -> None:
    """Raises Invalid with what is missing for a mail to this person."""
    if user is None or not user.email:
        raise Invalid("There is nobody with a mail address to write to.", param=param)
    if problem := alerts.services.mail_problem():
        raise Invalid(f"No mail can be sent: {problem}", param=param)


def find_open(token: str, *, now: datetime) -> Invitation | None:
    """Whose link it is, as long as it is good."""
    try:
        pk = uuid.UUID(signing.loads(token, salt=_SALT, max_age=VALID_FOR))
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        return None
    rows = Invitation.objects.select_related("user").filter(accepted_at=None, expires_at__gt=now)
    return rows.filter(user__is_active=True, pk=pk).first()


@transaction.atomic
def accept(invitation: Invitation, *, password: str, now: datetime) -> bool:
    """The user gets the password and may log in. False when somebody was faster; no other link of theirs works then."""
    if not Invitation.objects.filter(pk=invitation.pk, accepted_at=None, expires_at__gt=now).update(accepted_at=now):
        return False
    user = User.objects.select_for_update().get(pk=invitation.user_id)
    Invitation.objects.filter(user=user, accepted_at=None, expires_at__gt=now).update(expires_at=now)
    user.set_password(password)
    user.is_staff = True
    user.save(update_fields=["password", "is_staff", "updated_at", "updated_by"])
    if not user.is_superuser and not user.groups.exists():
        user.groups.set(Group.objects.filter(name=ROLE_GROUPS[Role(user.role)]))
    return True
