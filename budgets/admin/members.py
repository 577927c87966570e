"""The page of one member of a team, and the tables of members with what each has spent."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from budgets.admin.money import MoneyPage, know_standing
from budgets.admin.verbs import may_raise_member, reset_verb
from budgets.directory import Entity
from budgets.models import Scope
from budgets.standing_panel import standing_cell
from teams.access import Reach
from teams.admin.members import TeamMembers, TeamsOfUser
from teams.admin.scope import ScopedPage
from teams.admin.search import owner_named
from teams.models import Membership
from teams.services import remove_member


def entity_of_member(row: Membership) -> Entity:
    return (Scope.MEMBER, str(row.pk))


class WithSpend:
    """A column of an inline; asked for the rows of one page of it together."""

    def get_formset(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        formset = super().get_formset(request, obj, **options)  # type: ignore[misc]

        class Known(formset):  # type: ignore[misc, valid-type]
            def get_queryset(self) -> Any:
                rows = super().get_queryset()
                if not hasattr(self, "_known"):
                    self._known = True
                    know_standing(list(rows), entity_of_member)
                return rows

        return Known

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), "spent")  # type: ignore[misc]

    @display(description=_("spent of budget"))
    def spent(self, row: Any) -> SafeString | str:
        if not hasattr(row, "standings"):
            return "-"
        page = reverse("admin:teams_membership_change", args=[row.pk])
        cell = standing_cell(row.standings, ever_nano=row.ever_nano)
        return format_html('<a href="{}" class="block text-link">{}</a>', page, cell)


class TeamMembersWithSpend(WithSpend, TeamMembers):
    fields = (*TeamMembers.fields, "spent")


class TeamsOfUserWithSpend(WithSpend, TeamsOfUser):
    fields = (*TeamsOfUser.fields, "spent")


@admin.register(Membership)
class MemberPage(MoneyPage, ScopedPage):
    """To look at, and for what is done about a member's spend; who belongs to a team is said at the team's page."""

    scope = Scope.MEMBER
    standing_in_list = True
    verbs = (reset_verb("team_member", entity_of_member, may=may_raise_member),)
    facts = ()
    list_display = ("user", "team", "role", "budget", "budget_label")
    list_select_related = ("user", "team", "budget")
    sortable_by = ()
    ordering = ("-pk",)
    search_fields = ("user", "team")
    search_help_text = _("User or team")
    fieldsets = ((_("Member"), {"fields": ("user", "team", "role", "budget", "created_at")}),)

    def visible(self, reach: Reach) -> QuerySet[Membership]:
        rows = Membership.objects.select_related("user", "team", "budget")
        if reach.sees_everything:
            return rows
        return rows.filter(
            team__in=reach.teams().order_by().values("pk"), user__in=reach.users().order_by().values("pk")
        )

    def governs(self, reach: Reach, row: Membership) -> bool:
        return reach.administers_team(row.team)

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        return queryset.filter(owner_named(text)), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_row(self, row: Membership) -> None:
        remove_member(row)
