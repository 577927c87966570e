"""What may stand in a key's form: the rules are those of the API (proxy.management.key_fields)."""

from contextlib import suppress
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from teams.access import MODELS_ONLY
from teams.admin.forms import MONEY, RATES, LimitsForm
from teams.models import Membership, Role, Team, User, VirtualKey
from teams.periods import parse_duration

# What a kind of key may call, in LiteLLM's names for groups of routes.
ROUTES = {
    "default": [],
    "llm_api": ["llm_api_routes"],
    "management": ["management_routes"],
    "read_only": ["info_routes"],
}
# What those decide who govern a key, in its metadata, where its owner may write the rest.
PROTECTED = ("enforced_params", "guardrails", "end_user_budget_id", "throttle_on_budget_exceeded")
_ABOVE_OTHERS = (Role.PROXY_ADMIN, Role.PROXY_ADMIN_VIEWER)


def is_above_others(user: User | None) -> bool:
    """Whoever holds a key of this user sees or does everything, so that nobody else makes, rotates or changes one."""
    return user is not None and user.role in _ABOVE_OTHERS


class KeyForm(LimitsForm):
    instance: VirtualKey

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        self._set_routes()
        self._set_rotation()
        self._ensure_lives()
        if not self.reach.is_admin and self.instance._state.adding and "team" in self.cleaned_data:
            self._ensure_may_own()
        self._ensure_within_grants()
        if not self._governs():
            self._ensure_protected_stay()
        if not self.instance._state.adding and not self.reach.may_act_with(self.instance):
            self._ensure_acts_for_nobody()
        return cleaned

    def clean_alias(self) -> str | None:
        """None and not the empty text stands for no alias: aliases are unique."""
        return self.cleaned_data["alias"] or None

    def _set_routes(self) -> None:
        kind = self.cleaned_data.get("key_type")
        if kind and self.changed("key_type") and not self.changed("allowed_routes"):
            self.cleaned_data["allowed_routes"] = list(ROUTES[kind])

    def _set_rotation(self) -> None:
        """A new key's first rotation is set when the key is issued."""
        interval = self.cleaned_data.get("rotation_interval")
        if not self.cleaned_data.get("auto_rotate"):
            self.instance.rotates_at = None
        elif interval and (self.instance.rotates_at is None or self.changed("rotation_interval")):
            # What is no duration is told by the column's own rule.
            with suppress(ValueError):
                self.instance.rotates_at = parse_duration(interval).after(timezone.now())

    def _ensure_lives(self) -> None:
        ends = self.cleaned_data.get("expires_at")
        if self.changed("expires_at") and ends is not None and ends <= timezone.now():
            self.add_error("expires_at", _("This is in the past. To stop a key at once, block it."))

    def _ensure_may_own(self) -> None:
        """Of somebody who is no admin of everything. A key without an owner and a team becomes the person's own."""
        team, user = self.cleaned_data.get("team"), self.cleaned_data.get("user")
        own = user is not None and user.pk == self.reach.user_id
        if team is None:
            if not own:
                self.add_error("user", _("Without a team, you can make keys for yourself only."))
        elif not self.reach.administers_team(team):
            if not self.reach.may_in_team(team.pk, "/key/generate"):
                self.add_error("team", _("The team does not let its members make keys."))
            elif not own:
                self.add_error("user", _("In this team, you can make keys for yourself only."))
        elif user is not None and not own:
            if not Membership.objects.filter(team=team, user=user).exists():
                self.add_error("user", _("This user is no member of the team."))
            elif is_above_others(user):
                self.add_error("user", _("Keys of proxy admins are made by proxy admins."))

    def _governs(self) -> bool:
        if not self.instance._state.adding:
            return self.reach.governs_key(self.instance)
        team = self.cleaned_data.get("team")
        return self.reach.is_admin or (team is not None and self.reach.administers_team(team))

    def _ensure_protected_stay(self) -> None:
        # The instance holds what was read until the form is found good.
        stored, wanted = self.instance.metadata, self.cleaned_data.get("metadata", {})
        if changed := [name for name in PROTECTED if wanted.get(name) != stored.get(name)]:
            self.add_error("metadata", _("Not for a key's owner to set: %(names)s.") % {"names": ", ".join(changed)})

    def _ensure_acts_for_nobody(self) -> None:
        """Whoever rotated the key of somebody else has it in clear: it calls models, and stays so."""
        wanted = self.cleaned_data.get("allowed_routes")
        if self.changed("allowed_routes", "key_type") and wanted != [MODELS_ONLY]:
            self.add_error(
                "allowed_routes",
                _("A key of somebody else can only have the route %(route)s.") % {"route": MODELS_ONLY},
            )

    def _ensure_within_grants(self) -> None:
        team = self.cleaned_data.get("team", self.instance.team)
        if isinstance(team, Team):
            self._ensure_within_team(team)
        elif not self.reach.is_admin and (owner := User.objects.filter(pk=self.reach.user_id).first()):
            changed = [name for name in (MONEY, *RATES) if self.changed(name)]
            self.ensure_not_above(owner, changed, whose=_("your own"), none_too=not self.instance._state.adding)
            if self.changed("allowed_models"):
                self.ensure_within(owner.allowed_models, whose=_("your own"))

    def _ensure_within_team(self, team: Team) -> None:
        if self.changed(MONEY, "team"):
            self.ensure_not_above(team, [MONEY], whose=_("the team's"))
        if self.changed("allowed_models", "team"):
            self.ensure_within(team.allowed_models, whose=_("the team's models"))
        if not self.reach.is_admin:
            self.ensure_not_above(team, [name for name in RATES if self.changed(name)], whose=_("the team's"))
