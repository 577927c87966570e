"""Buttons about money: letting spend begin anew, and raising a budget for a while."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from budgets.directory import Entity
from budgets.resets import reset_spend
from budgets.standing_panel import instant
from teams import audit
from teams.admin.reach import only_reads, reach_of
from teams.admin.texts import dollars, said
from teams.admin.verbs import Done, Verb
from teams.models import Membership, Team, User
from teams.models.grants import DollarsFormField
from teams.money import LARGEST_NANO, to_dollars

May = Callable[[HttpRequest, Any], bool]


def may_change(request: HttpRequest, row: Any) -> bool:
    """As the page's permission to change says."""
    return bool(admin.site._registry[type(row)].has_change_permission(request, row))


def may_raise_team(request: HttpRequest, team: Team) -> bool:
    """Those above it: who administers only the team does not say what it may cost."""
    return may_change(request, team) and reach_of(request).administers_organization(team.organization_id)


def may_raise_user(request: HttpRequest, user: User) -> bool:
    return may_change(request, user) and reach_of(request).governs_user(user)


def may_raise_member(request: HttpRequest, member: Membership) -> bool:
    reach = reach_of(request)
    allowed = request.user.has_perm("teams.change_membership") and not only_reads(request)
    return bool(allowed) and reach.administers_organization(member.team.organization_id)


def may_everything(request: HttpRequest, row: Any) -> bool:
    return reach_of(request).is_admin and may_change(request, row)


def reset_verb(object_type: str, entity: Callable[[Any], Entity], *, may: May = may_change) -> Verb:
    """`object_type` is the row's name in the audit trail."""

    def reset(request: HttpRequest, row: Any, __: dict[str, Any]) -> Done:
        spent = reset_spend(entity(row), now=timezone.now(), actor_id=str(request.user.pk))
        if not spent:
            return Done(said(gettext_lazy("%(row)s has spent nothing in this period."), row=row))
        audit.note(object_type, row, before={"spend": to_dollars(spent)}, after={"spend": 0.0})
        sentence = gettext_lazy("%(row)s counts as having spent nothing; before, it was %(spent)s.")
        return Done(said(sentence, row=row, spent=dollars(spent)))

    return Verb(
        name="reset_spend", title=gettext_lazy("Reset spend"), icon="restart_alt", may=may, do=reset, for_many=True,
        question=gettext_lazy(
            "What was spent in the current period no longer counts against the budget. The ledger stays as it is."
        ),
    )  # fmt: skip


class RaiseForm(forms.Form):
    amount = DollarsFormField(
        label=gettext_lazy("By how much"), help_text=gettext_lazy("US dollars, on top of the budget.")
    )
    until = forms.DateTimeField(
        label=gettext_lazy("Until"),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("In UTC. Then it ends by itself."),
    )

    def clean_amount(self) -> int:
        amount: int = self.cleaned_data["amount"]
        if amount <= 0:
            raise ValidationError(_("Enter more than nothing."))
        return amount

    def clean_until(self) -> Any:
        until = self.cleaned_data["until"]
        if until <= timezone.now():
            raise ValidationError(_("That is over already."))
        return until


_RAISE = ["temp_budget_increase_nano", "temp_budget_expiry", "updated_at", "updated_by"]


def raise_budget(request: HttpRequest, row: Any, given: dict[str, Any]) -> Done:
    # Beyond what a column holds nothing is kept, and nobody spends it.
    row.temp_budget_increase_nano = min(given["amount"], LARGEST_NANO - row.max_budget_nano)
    row.temp_budget_expiry = given["until"]
    row.save(update_fields=_RAISE)
    until = instant(given["until"], timezone.get_default_timezone())
    more = dollars(row.temp_budget_increase_nano)
    return Done(said(gettext_lazy("%(row)s may spend %(more)s more until %(until)s."), row=row, more=more, until=until))


def end_raise(request: HttpRequest, row: Any, __: dict[str, Any]) -> Done:
    row.temp_budget_increase_nano = row.temp_budget_expiry = None
    row.save(update_fields=_RAISE)
    sentence = gettext_lazy("%(row)s may spend %(limit)s, as before the raise.")
    return Done(said(sentence, row=row, limit=dollars(row.max_budget_nano)))


def _is_raised(row: Any) -> bool:
    ends = row.temp_budget_expiry
    return bool(row.temp_budget_increase_nano) and (ends is None or ends > timezone.now())


def raise_verbs(*, may: May) -> tuple[Verb, Verb]:
    """For rows with limits of their own; a limit that stands in a shared budget is raised there."""
    return (
        Verb(name="raise_budget", title=gettext_lazy("Raise for a while"), icon="trending_up", may=may, do=raise_budget,
             form=RaiseForm, fits=lambda row: row.max_budget_nano is not None,
             question=gettext_lazy(
                 "More may be spent in the running period, until the time given. A raise that is in force is replaced."
             )),
        Verb(name="end_raise", title=gettext_lazy("End the raise"), icon="trending_down", may=may, do=end_raise,
             fits=_is_raised, question=gettext_lazy("The budget is again what it was. What was spent stays spent.")),
    )  # fmt: skip
