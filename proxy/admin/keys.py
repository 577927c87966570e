"""The page of keys where somebody makes a key who is no admin of everything: what may be in it, the API says."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.request import Request
from unfold.widgets import UnfoldAdminTextInputWidget

from budgets.admin.owners import KeyMoneyPage
from proxy.management import key_policy
from proxy.management.base import Call
from proxy.management.key_fields import apply_fields
from proxy.offered_models import offered_models
from teams.access import Reach
from teams.admin.key_form import KeyForm
from teams.admin.page import Fieldsets
from teams.admin.reach import reach_of
from teams.errors import ManagementError
from teams.models import User, VirtualKey
from teams.money import to_dollars
from teams.principal import Principal

admin.site.unregister(VirtualKey)
_ROUTE = "/key/generate"
_MOST_MODELS = 50
# The API's names of what stands in the form.
_FIELDS = {
    "alias": "key_alias", "user": "user_id", "team": "team_id", "allowed_models": "models",
    "max_budget_nano": "max_budget", "budget_duration": "budget_duration", "rpm_limit": "rpm_limit",
    "tpm_limit": "tpm_limit", "max_parallel_requests": "max_parallel_requests", "duration": "duration",
}  # fmt: skip
_PLACES = {name: place for place, name in _FIELDS.items()}


class OwnKeyForm(KeyForm):
    """`caller` is who asks, as a caller of the API."""

    caller: Call
    duration = forms.CharField(
        label=gettext_lazy("Works for"),
        required=False,
        max_length=32,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy('Such as "30d" or "12h"; empty: for ever.'),
    )

    def clean(self) -> dict[str, Any] | None:
        if self._is_own() and "user" not in self.fields:
            self.cleaned_data["user"] = User.objects.filter(pk=self.reach.user_id).first()
        return super().clean()

    def _is_own(self) -> bool:
        """A new one, of somebody who is no admin of everything."""
        return self.instance._state.adding and not self.reach.is_admin

    def _post_clean(self) -> None:
        """The row that is saved is the one that the API would make of the same fields."""
        super()._post_clean()  # type: ignore[misc]
        if not self._is_own() or self.errors:
            return
        now = timezone.now()
        row = VirtualKey(created_at=now)
        try:
            given = key_policy.prepare(self._given(), self.caller, settings=key_policy.stored_settings())
            apply_fields(row, given, self.caller, route=_ROUTE, now=now)
        except ManagementError as error:
            place = _PLACES.get(error.param or "", "")
            self.add_error(place if place in self.fields else None, error.message)
            return
        self.instance = row

    def _given(self) -> dict[str, Any]:
        """As the body of a request has it; what is left empty is not said."""
        found = {name: self.cleaned_data.get(place) for place, name in _FIELDS.items()}
        team, user, nano = found["team_id"], found["user_id"], found["max_budget"]
        found |= {"team_id": team and team.pk, "max_budget": None if nano is None else to_dollars(nano)}
        found["user_id"] = user.pk if user else None
        return {name: value for name, value in found.items() if value not in (None, "", [])}


@admin.register(VirtualKey)
class KeyPage(KeyMoneyPage):
    form = OwnKeyForm

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Fieldsets:
        """A person fills in what a key is for and what it may use; the rest can be changed on the key's own page."""
        if obj is not None or reach_of(request).is_admin:
            return super().get_fieldsets(request, obj)
        return [
            (None, {"fields": ("alias", *_owners(reach_of(request)))}),
            (_("What it may call"), {"fields": ("allowed_models",)}),
            (
                _("Budget and limits"),
                {
                    "fields": (
                        ("max_budget_nano", "budget_duration"), ("rpm_limit", "tpm_limit"),
                        ("max_parallel_requests", "duration"),
                    ),
                },
            ),
        ]  # fmt: skip

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Without the buttons beside a choice, for who has nothing to make or change behind them."""
        field = super().formfield_for_dbfield(db_field, request, **options)
        if isinstance(getattr(field, "widget", None), RelatedFieldWidgetWrapper) and not reach_of(request).is_admin:
            field.widget = field.widget.widget
        return field

    def get_form(
        self, request: HttpRequest, obj: VirtualKey | None = None, change: bool = False, **options: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        form.caller = _caller(request)
        if obj is not None or reach_of(request).is_admin:
            form.base_fields.pop("duration", None)
        elif names := offered_models(reach_of(request), limit=_MOST_MODELS):
            form.base_fields["allowed_models"].help_text = _(
                "One a line; empty: all that you may call. There are: %(names)s."
            ) % {"names": ", ".join(names)}
        return form


def _owners(reach: Reach) -> list[tuple[str, ...]]:
    """The fields that say whose it is, without those that leave nothing to choose."""
    if reach.administered_teams or reach.administered_organizations:
        return [("user", "team")]
    return [("team",)] if any(reach.may_in_team(team_id, _ROUTE) for team_id in reach.team_ids) else []


def _caller(request: HttpRequest) -> Call:
    """Whom the API would meet if the person had a key without limits of its own."""
    reach = reach_of(request)
    principal = Principal(key_hash="", user_id=reach.user_id, role=reach.role)
    return Call(request=Request(request), principal=principal, path=request.path)
