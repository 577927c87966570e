"""Members of teams and organizations, as tables inside other pages."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import display
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from teams.admin.forms import RowForm
from teams.admin.page import TypedFields
from teams.admin.reach import only_reads, reach_of
from teams.models import Membership, Organization, OrganizationMembership, Team, User
from teams.services import discard_budgets, remove_member, remove_organization_member

# Deleting a row of a page is more than deleting the row.
REMOVE: dict[type[Model], Callable[[Any], None]] = {
    Membership: remove_member,
    OrganizationMembership: remove_organization_member,
}


class MemberForm(RowForm):
    """Who belongs where is one row: another user, or another team, is another row."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not self.instance._state.adding:
            for name in ("user", "team", "organization"):
                if name in self.fields:
                    self.fields[name].disabled = True


class MemberInline(TypedFields, TabularInline):
    form = MemberForm
    extra = 0
    per_page = 20
    hide_title = True
    verbose_name = _("member")
    verbose_name_plural = _("members")

    def governs(self, request: HttpRequest, parent: Any) -> bool:
        raise NotImplementedError

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_add_permission(request, obj)) and self._may_write(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and self._may_write(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and self._may_write(request, obj)

    def _may_write(self, request: HttpRequest, parent: Any) -> bool:
        reach = reach_of(request)
        return reach.is_admin or (parent is not None and not only_reads(request) and self.governs(request, parent))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Another budget would be another limit."""
        return () if reach_of(request).is_admin else ("budget", "budget_name")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Without a link to the page of the budget, for who may not open it."""
        shown = super().get_fields(request, obj)
        if reach_of(request).sees_everything:
            return list(shown)
        return ["budget_name" if name == "budget" else name for name in shown]

    @display(description=_("budget"))
    def budget_name(self, row: Any) -> str:
        return str(row.budget or "-")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **options)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            # In a table the buttons beside a choice take more room than the choice.
            field.widget = field.widget.widget
        return field


class TeamMembers(MemberInline):
    model = Membership
    fields: tuple[str, ...] = ("user", "role", "budget")
    autocomplete_fields = ("user", "budget")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Membership]":
        rows = Membership.objects.select_related("user", "budget").order_by("created_at", "pk")
        reach = reach_of(request)
        return rows if reach.sees_everything else rows.filter(user__in=reach.users().order_by().values("pk"))

    def governs(self, request: HttpRequest, parent: Team) -> bool:
        return reach_of(request).administers_team(parent)


class OrganizationMembers(MemberInline):
    model = OrganizationMembership
    fields = ("user", "role", "budget")
    autocomplete_fields = ("user", "budget")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[OrganizationMembership]":
        rows = OrganizationMembership.objects.select_related("user", "budget").order_by("created_at", "pk")
        reach = reach_of(request)
        return rows if reach.sees_everything else rows.filter(user__in=reach.users().order_by().values("pk"))

    def governs(self, request: HttpRequest, parent: Organization) -> bool:
        return reach_of(request).administers_organization(parent.pk)


class OfUser:
    """On a user's page: only admins of everything change where somebody belongs from here."""

    def governs(self, request: HttpRequest, parent: User) -> bool:
        return False


class TeamsOfUser(OfUser, MemberInline):
    model = Membership
    verbose_name = _("team")
    verbose_name_plural = _("teams")
    fields: tuple[str, ...] = ("team", "role", "budget")
    autocomplete_fields = ("team", "budget")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Membership]":
        rows = Membership.objects.select_related("team", "budget").order_by("created_at", "pk")
        reach = reach_of(request)
        return rows if reach.sees_everything else rows.filter(team__in=reach.teams().order_by().values("pk"))


class OrganizationsOfUser(OfUser, MemberInline):
    model = OrganizationMembership
    verbose_name = _("organization")
    verbose_name_plural = _("organizations")
    fields = ("organization", "role", "budget")
    autocomplete_fields = ("organization", "budget")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[OrganizationMembership]":
        rows = OrganizationMembership.objects.select_related("organization", "budget").order_by("created_at", "pk")
        reach = reach_of(request)
        visible = reach.organizations().order_by().values("pk")
        return rows if reach.sees_everything else rows.filter(organization__in=visible)


class SavesMembers:
    """For pages with such tables: members go with what is theirs, and budgets that were made for one alone go too."""

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        if formset.model not in REMOVE:
            super().save_formset(request, form, formset, change)  # type: ignore[misc]
            return
        formset.save(commit=False)
        for gone in formset.deleted_objects:
            REMOVE[formset.model](gone)
        for row in [*formset.new_objects, *(row for row, __ in formset.changed_objects)]:
            row.save()
        former = [one.initial.get("budget") for one in formset.initial_forms if "budget" in one.changed_data]
        discard_budgets(former)
