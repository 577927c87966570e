"""From an identity to a user: found, bound by a verified e-mail, or made; with the role that their groups give."""

from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gateway_project.models import SsoIdentity
from gateway_project.sso.configuration import Sso
from gateway_project.sso.provider import Identity, SignInFailed
from teams.invitations import ROLE_GROUPS
from teams.models import Invitation, Role, User, VirtualKey

_LONGEST = 255
_SEE_EVERYTHING = frozenset({Role.PROXY_ADMIN, Role.PROXY_ADMIN_VIEWER})


@transaction.atomic
def user_of(identity: Identity, sso: Sso) -> User:
    """Raises SignInFailed for who may not come in."""
    email = _verified_email(identity, sso)
    role = sso.role_of(_groups(identity.claims.get(sso.group_claim)))
    if not role:
        raise SignInFailed("none of the person's groups has a role", _("You may not use this gateway: ask its admins."))
    user = _known(identity) or _bound(identity, email, role=Role(role) if sso.roles else None)
    if user is None:
        user = _made(identity, email, name=_text(identity.claims.get(sso.name_claim)), role=Role(role))
    elif not user.is_active:
        raise SignInFailed("the user is deactivated", _("Your account is deactivated: ask the admins."))
    elif sso.roles:
        _give_role(user, Role(role))
    return user


def _verified_email(identity: Identity, sso: Sso) -> str:
    email = _text(identity.claims.get(sso.email_claim))
    if "@" not in email:
        raise SignInFailed(
            "the provider names no e-mail", _("Your identity provider tells no e-mail address of yours.")
        )
    # Some providers write it as text; nothing but a plain yes counts where one is asked for.
    verified = identity.claims.get("email_verified", None if sso.asks_verified else True)
    if verified not in (True, "true"):
        raise SignInFailed(
            "the e-mail is not verified", _("Your e-mail address is not verified at the identity provider.")
        )
    if sso.domains and email.rpartition("@")[2].lower() not in sso.domains:
        raise SignInFailed("the e-mail is of another domain", _("E-mail addresses of this domain may not sign in."))
    return email


def _known(identity: Identity) -> User | None:
    found = SsoIdentity.objects.select_related("user").filter(issuer=identity.issuer, subject=identity.subject).first()
    return found.user if found else None


def _bound(identity: Identity, email: str, *, role: Role | None) -> User | None:
    """Whoever made the user, perhaps only to wait for this, may know its password or have keys of it."""
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        return None
    if SsoIdentity.objects.filter(issuer=identity.issuer, user=user).exists():
        raise SignInFailed(
            "the user is bound to another identity",
            _("This e-mail address belongs to another person here: ask the admins."),
        )
    if not user.is_superuser:
        if role in _SEE_EVERYTHING and role != user.role and VirtualKey.objects.filter(user=user).exists():
            raise SignInFailed(
                "keys of the user would become an admin's",
                _("Your account has keys from before: an admin must delete them, or give you your role, first."),
            )
        _end_passwords(user)
    SsoIdentity.objects.create(issuer=identity.issuer, subject=identity.subject, user=user)
    return user


def _end_passwords(user: User) -> None:
    """Also ends open sessions, and what invitations would lead to."""
    user.set_unusable_password()
    user.save(update_fields=["password", "updated_at", "updated_by"])
    now = timezone.now()
    Invitation.objects.filter(user=user, accepted_at=None, expires_at__gt=now).update(expires_at=now)


def _made(identity: Identity, email: str, *, name: str, role: Role) -> User:
    user = User(email=email, alias=name, role=role, is_staff=True)
    user.username = email if not User.objects.filter(username=email).exists() else user.pk
    user.set_unusable_password()
    user.save()
    user.groups.set(Group.objects.filter(name=ROLE_GROUPS[role]))
    SsoIdentity.objects.create(issuer=identity.issuer, subject=identity.subject, user=user)
    return user


def _give_role(user: User, role: Role) -> None:
    """Superusers are made and unmade by hand. Of the groups only those go and come that belong to a role."""
    if user.is_superuser:
        return
    if user.role != role or not user.is_staff:
        user.role, user.is_staff = role, True
        user.save(update_fields=["role", "is_staff", "updated_at", "updated_by"])
    mine, of_roles = set(user.groups.values_list("name", flat=True)), set(ROLE_GROUPS.values())
    if mine & of_roles != {ROLE_GROUPS[role]}:
        user.groups.set(Group.objects.filter(name__in=mine - of_roles | {ROLE_GROUPS[role]}))


def _groups(claim: Any) -> frozenset[str]:
    """A list, or one name."""
    names = claim if isinstance(claim, list) else [claim]
    return frozenset(name for name in names if isinstance(name, str))


def _text(claim: Any) -> str:
    return claim.replace("\x00", "").strip()[:_LONGEST] if isinstance(claim, str) else ""
