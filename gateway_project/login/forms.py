"""The admin's forms that take a password, with a limit of tries."""

import logging
import math
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db.models import Q, Value
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm

from gateway_project.login import throttle
from gateway_project.login.throttle import Try
from teams import audit
from teams.models import User

logger = logging.getLogger(__name__)


class LoginForm(AuthenticationForm):
    """`paused_until` is set when the password was not even looked at."""

    paused_until: datetime | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["username"].label = _("Username or e-mail")

    def clean(self) -> dict[str, Any]:
        name, address = self.cleaned_data.get("username"), self.request.META.get("REMOTE_ADDR", "")
        if not name or not self.cleaned_data.get("password"):
            return dict(self.cleaned_data)
        # Also what is counted: two names of one account are not twice as many tries.
        name = self.cleaned_data["username"] = _username_of(name)
        attempt = throttle.begin(throttle.of_login(name, address), now=timezone.now())
        if attempt.refused_until is not None:
            self.paused_until = attempt.refused_until
            raise ValidationError(too_many(attempt.refused_until), code="paused")
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            _tell_failure(attempt, name=name, address=address)
            raise
        throttle.succeed(attempt)
        return cleaned

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        super().confirm_login_allowed(user)
        if not settings.PASSWORD_LOGIN and not getattr(user, "is_superuser", False):
            raise ValidationError(
                _("Passwords are switched off here: sign in with your identity provider."), code="sso"
            )


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """`paused_until` is set when the old password was not even looked at."""

    paused_until: datetime | None = None

    def clean_old_password(self) -> str:
        attempt = throttle.begin(throttle.of_password_change(self.user.pk), now=timezone.now())
        if attempt.refused_until is not None:
            self.paused_until = attempt.refused_until
            raise ValidationError(too_many(attempt.refused_until), code="paused")
        old: str = super().clean_old_password()
        throttle.succeed(attempt)
        return old


def seconds_until(moment: datetime) -> int:
    """Whole seconds, at least one."""
    return max(math.ceil((moment - timezone.now()).total_seconds()), 1)


def too_many(until: datetime) -> str:
    minutes = math.ceil(seconds_until(until) / 60)
    when = ngettext("in %(minutes)d minute", "in %(minutes)d minutes", minutes) % {"minutes": minutes}
    return _("Too many attempts failed. Try again %(when)s.") % {"when": when}


def _username_of(name: str) -> str:
    """Of whoever has the name, else of whoever has the e-mail; what nobody has stays as it is."""
    if "\x00" in name:
        return name
    # As the index of addresses says it, which leaves empty ones out.
    by_address = Q(address=Lower(Value(name))) & ~Q(email="")
    known = User.objects.alias(address=Lower("email")).filter(Q(username=name) | by_address)
    usernames = list(known.order_by().values_list("username", flat=True)[:2])
    return usernames[0] if len(usernames) == 1 else name


def _tell_failure(attempt: Try, *, name: str, address: str) -> None:
    """To the log always; to the audit trail, and so to who is told of changed users, when an account is paused."""
    user = User.objects.filter(username=name).first() if "\x00" not in name else None
    facts = {"address": address, "user_id": user.pk if user else None}
    logger.warning("A login failed", extra=facts)
    if not attempt.ends:
        return
    pause = {"scopes": list(attempt.ends), "seconds": settings.LOGIN_PAUSE_SECONDS}
    logger.warning("Logins are paused after too many failures", extra={**facts, **pause})
    if user is not None and attempt.ends != (throttle.ADDRESS,):
        _note_pause(user, attempt, address=address)


def _note_pause(user: User, attempt: Try, *, address: str) -> None:
    until = throttle.paused_until(attempt.counts, now=timezone.now())
    where = "from everywhere" if throttle.ACCOUNT in attempt.ends else f"from {address}"
    words = f"{until:%Y-%m-%d %H:%M:%S UTC}, {where}" if until else where
    audit.note("user", user, before={"logins_paused_until": None}, after={"logins_paused_until": words})
