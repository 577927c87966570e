"""The pages of keys, teams and users, of organizations, customers, tags and shared budgets, with their money."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from budgets.admin.dry_runs import TriesLimits
from budgets.admin.members import TeamMembersWithSpend, TeamsOfUserWithSpend
from budgets.admin.money import MoneyPage
from budgets.admin.verbs import (
    may_change,
    may_everything,
    may_raise_team,
    may_raise_user,
    raise_verbs,
    reset_verb,
)
from budgets.directory import Entity
from budgets.models import Scope
from teams.admin.keys import VirtualKeyPage, may_govern
from teams.admin.members import OrganizationsOfUser
from teams.admin.organizations import OrganizationPage
from teams.admin.payers import BudgetPage, CustomerPage, TagPage
from teams.admin.people import UserPage
from teams.admin.reach import reach_of
from teams.admin.teams import TeamPage
from teams.admin.verbs import VerbPage
from teams.models import Budget, Customer, Membership, Organization, Tag, Team, User, VirtualKey
from teams.models.grants import OrLeast

for _model in (VirtualKey, Team, User, Organization, Customer, Tag, Budget):
    admin.site.unregister(_model)


def _counted_as(scope: Scope) -> Any:
    def entity(row: Any) -> Entity:
        return (scope, str(row.pk))

    return entity


@admin.register(VirtualKey)
class KeyMoneyPage(TriesLimits, VirtualKeyPage):
    scope = Scope.KEY
    standing_in_list = True
    verbs = (
        *VirtualKeyPage.verbs,
        reset_verb("key", _counted_as(Scope.KEY), may=may_govern),
        *raise_verbs(may=may_everything),
    )

    @display(description=gettext_lazy("spent of budget"), ordering=OrLeast("max_budget_nano"))
    def budget_label(self, row: Any) -> SafeString:
        shown = super().budget_label(row)
        if row.max_budget_nano is not None or not row.budget_id:
            return shown
        return format_html(
            '{}<span class="block text-subtle">{}</span>', shown, _("shared: %(budget)s") % {"budget": row.budget_id}
        )


@admin.register(Team)
class TeamMoneyPage(TriesLimits, TeamPage):
    """Its admins see what all of the team spends, its members the part that is their own."""

    scope = Scope.TEAM
    standing_in_list = True
    inlines = (TeamMembersWithSpend,)
    verbs = (
        *TeamPage.verbs,
        reset_verb("team", _counted_as(Scope.TEAM), may=may_raise_team),
        *raise_verbs(may=may_raise_team),
    )

    def entity(self, row: Any) -> Entity:
        return getattr(row, "own_part", (self.scope, str(row.pk)))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            _know_own_parts(request, [row])
        return row

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        _know_own_parts(request, rows)
        super().prepare(request, rows)

    def try_out_link(self, row: Any) -> str:
        return "" if hasattr(row, "own_part") else super().try_out_link(row)

    def try_limits(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """It answers with the calls of everybody in the team."""
        row = self.get_object(request, unquote(object_id))
        if row is not None and hasattr(row, "own_part"):
            raise PermissionDenied
        return super().try_limits(request, object_id)


def _know_own_parts(request: HttpRequest, rows: Sequence[Any]) -> None:
    """Put the membership into those of the teams that the person belongs to and does not look after."""
    reach = reach_of(request)
    if reach.sees_everything:
        return
    others = [row.pk for row in rows if not reach.administers_team(row)]
    parts = Membership.objects.filter(user=reach.user_id, team__in=others).order_by()
    numbers = dict(parts.values_list("team_id", "pk")) if others else {}
    for row in rows:
        if row.pk in numbers:
            row.own_part = (Scope.MEMBER, str(numbers[row.pk]))


@admin.register(User)
class UserMoneyPage(TriesLimits, UserPage):  # type: ignore[misc]
    scope = Scope.USER
    standing_in_list = True
    inlines = (TeamsOfUserWithSpend, OrganizationsOfUser)
    verbs = (
        *UserPage.verbs,
        reset_verb("user", _counted_as(Scope.USER), may=may_raise_user),
        *raise_verbs(may=may_raise_user),
    )


@admin.register(Organization)
class OrganizationMoneyPage(MoneyPage, OrganizationPage):
    scope = Scope.ORGANIZATION
    verbs = (reset_verb("organization", _counted_as(Scope.ORGANIZATION), may=may_everything),)


@admin.register(Customer)
class CustomerMoneyPage(MoneyPage, CustomerPage):
    scope = Scope.CUSTOMER
    verbs = (*CustomerPage.verbs, reset_verb("customer", _counted_as(Scope.CUSTOMER)))


@admin.register(Tag)
class TagMoneyPage(MoneyPage, TagPage):
    scope = Scope.TAG
    verbs = (reset_verb("tag", _counted_as(Scope.TAG)),)


@admin.register(Budget)
class BudgetMoneyPage(VerbPage, BudgetPage):
    """What it limits is spent by those who are linked to it; the raise is for all of them."""

    verbs = raise_verbs(may=may_change)
