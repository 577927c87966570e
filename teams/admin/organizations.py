"""The page of organizations."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display as plain_display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from teams.access import Reach
from teams.admin.forms import RowForm
from teams.admin.members import OrganizationMembers, SavesMembers
from teams.admin.page import STAMPS, TECHNICAL
from teams.admin.reach import reach_of
from teams.admin.scope import ScopedPage
from teams.admin.teams import link_to_keys, numbers_of
from teams.models import Organization, OrganizationMembership, Team, VirtualKey
from teams.services import delete_organization, discard_budgets


@admin.register(Organization)
class OrganizationPage(SavesMembers, ScopedPage):
    form = RowForm
    list_display = ("__str__", "id", "team_number", "member_number", "budget", "made")
    sortable_by = ("__str__", "id", "made")
    list_select_related = ("budget",)
    search_fields = ("id", "alias")
    autocomplete_fields = ("budget",)
    inlines = (OrganizationMembers,)
    facts = ("teams_link", "keys_link", *STAMPS)
    goes_along = (
        (Team, "organization"), (VirtualKey, "organization"), (VirtualKey, "team__organization"),
        (OrganizationMembership, "organization"),
    )  # fmt: skip
    fieldsets = (
        (_("Identity"), {"fields": ("alias", "id")}),
        (_("What belongs to it"), {"fields": ("teams_link", "keys_link")}),
        (_("What its teams may use"), {"fields": ("allowed_models", "budget")}),
        (
            TECHNICAL,
            {
                "classes": ["collapse"],
                "fields": ("metadata", ("created_at", "created_by"), ("updated_at", "updated_by")),
            },
        ),
    )

    def visible(self, reach: Reach) -> QuerySet[Organization]:
        return reach.organizations()

    def governs(self, reach: Reach, row: Organization) -> bool:
        return reach.administers_organization(row.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and reach_of(request).is_admin

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and reach_of(request).is_admin

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        teams, members = (
            numbers_of(Team, "organization", rows),
            numbers_of(OrganizationMembership, "organization", rows),
        )
        for row in rows:
            row.team_number, row.member_number = teams.get(row.pk, 0), members.get(row.pk, 0)

    def readonly(self, request: HttpRequest, obj: Organization | None) -> tuple[str, ...]:
        facts = ("id",) if obj else ()
        # What an organization may use is for those above it to say.
        return facts if reach_of(request).is_admin else (*facts, "allowed_models", "budget")

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "budget" in form.changed_data:
            discard_budgets([form.initial.get("budget")])

    def delete_row(self, row: Organization) -> None:
        delete_organization(row)

    @plain_display(description=_("teams"))
    def team_number(self, organization: Any) -> SafeString:
        return link_to_teams(organization.team_number, organization)

    @plain_display(description=_("members"))
    def member_number(self, organization: Any) -> int:
        return int(organization.member_number)

    @plain_display(description=_("teams"))
    def teams_link(self, organization: Organization) -> SafeString:
        return link_to_teams(organization.teams.count(), organization)

    @plain_display(description=_("own keys"))
    def keys_link(self, organization: Organization) -> SafeString:
        return link_to_keys(organization.keys.count(), organization__id__exact=organization.pk)


def link_to_teams(number: int, organization: Organization) -> SafeString:
    address = reverse("admin:teams_team_changelist", query={"organization__id__exact": organization.pk})
    return format_html('<a href="{}" class="text-link">{}</a>', address, f"{number:,}")
