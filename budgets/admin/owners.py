"""The pages of keys, teams and users, of organizations, customers, tags and shared budgets, with their money."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.utils.html import format_html
from django.utils.safestring import SafeString

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
from teams.admin.teams import TeamPage
from teams.admin.verbs import VerbPage
from teams.models import Budget, Customer, Organization, Tag, Team, User, VirtualKey

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

    @display(description="spent of budget", ordering="max_budget_nano")
    def budget_label(self, row: Any) -> SafeString:
        shown = super().budget_label(row)
        if row.max_budget_nano is not None or not row.budget_id:
            return shown
        return format_html('{}<span class="block text-subtle">shared: {}</span>', shown, row.budget_id)


@admin.register(Team)
class TeamMoneyPage(TriesLimits, TeamPage):
    scope = Scope.TEAM
    standing_in_list = True
    inlines = (TeamMembersWithSpend,)
    verbs = (
        *TeamPage.verbs,
        reset_verb("team", _counted_as(Scope.TEAM), may=may_raise_team),
        *raise_verbs(may=may_raise_team),
    )


@admin.register(User)
class UserMoneyPage(TriesLimits, UserPage):  # type: ignore[misc]
    scope = Scope.USER
    standing_in_list = True
    inlines = (TeamsOfUserWithSpend, OrganizationsOfUser)
    verbs = (
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
