"""The page of teams."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin import display as plain_display
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from teams.access import Reach
from teams.admin.filters import BudgetFilter, FieldFilter, VisibleFilter
from teams.admin.forms import LIMIT_FIELDS, MONEY, RATES, LimitsForm
from teams.admin.members import SavesMembers, TeamMembers
from teams.admin.page import STAMPS, TECHNICAL
from teams.admin.reach import reach_of
from teams.admin.scope import ScopedPage
from teams.admin.texts import budget_of, state_badge
from teams.admin.verbs import Verb, VerbPage, block_verbs
from teams.models import Membership, Organization, Team, VirtualKey
from teams.services import delete_team, discard_budgets

# What admins of a team change of it; rates only downwards, models only to fewer.
_TEAM_ADMINS = frozenset(
    {"alias", "allowed_models", "model_aliases", "member_permissions", "default_member_models", *RATES}
)


def numbers_of(model: type[Model], link: str, rows: Sequence[Model]) -> Mapping[str, int]:
    """How many rows of a model point at each of these."""
    found = model._default_manager.filter(**{f"{link}__in": rows}).order_by().values_list(link)
    return dict(found.annotate(number=Count("pk")))


def link_to_keys(number: int, **conditions: str) -> SafeString:
    """How many, which leads to the list of these keys."""
    address = reverse("admin:teams_virtualkey_changelist", query=conditions)
    return format_html('<a href="{}" class="text-link">{}</a>', address, f"{number:,}")


class TeamForm(LimitsForm):
    instance: Team

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        organization = self.cleaned_data.get("organization", self.instance.organization)
        if not self.reach.is_admin:
            self._ensure_may_own(organization)
        if organization is not None:
            self._ensure_within_organization(organization)
        if self.changed("default_member_models"):
            granted = self.cleaned_data.get("allowed_models", self.instance.allowed_models)
            self.ensure_within(granted, whose=_("the team's models"), field="default_member_models")
        return cleaned

    def _ensure_may_own(self, organization: Organization | None) -> None:
        if not self.reach.administers_organization(organization.pk if organization else None):
            if self.instance._state.adding:
                self.add_error("organization", _("Teams of yours stand in an organization that you administer."))
            self._ensure_only_less()

    def _ensure_only_less(self) -> None:
        former = Team.objects.filter(pk=self.instance.pk).first()
        if former is None:
            return
        self.ensure_not_above(
            former, [name for name in RATES if self.changed(name)], whose=_("the present"), none_too=True
        )
        if self.changed("allowed_models") and former.allowed_models:
            self.ensure_within(former.allowed_models, whose=_("the team's present models"))
            if not self.cleaned_data.get("allowed_models"):
                self.add_error("allowed_models", _("Empty means every model, and the team has not every one."))

    def _ensure_within_organization(self, organization: Organization) -> None:
        if self.changed("allowed_models", "organization"):
            self.ensure_within(organization.allowed_models, whose=_("the organization's models"))
        if organization.budget is not None:
            given = [name for name in (MONEY, *RATES) if self.changed(name, "organization")]
            self.ensure_not_above(organization.budget, given, whose=_("the organization's"))


class BlockedFilter(FieldFilter):
    title = _("state")
    parameter_name = "state"
    options = (("active", _("Active")), ("blocked", _("Blocked")))

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        known = {"active": False, "blocked": True}
        return queryset.filter(blocked=known[self.value()]) if self.value() in known else queryset


def may_block(request: HttpRequest, team: Team) -> bool:
    """As in the API: admins of everything, and of the team's organization."""
    may_change = admin.site._registry[Team].has_change_permission(request, team)
    return bool(may_change) and reach_of(request).administers_organization(team.organization_id)


@admin.register(Team)
class TeamPage(SavesMembers, VerbPage, ScopedPage):
    form = TeamForm
    verbs: Sequence[Verb] = block_verbs(
        may_block, consequence=_("Each of its keys is refused from its next request on.")
    )
    list_display = (
        "__str__",
        "id",
        "organization",
        "state",
        "member_number",
        "key_number",
        "budget_label",
        "made",
    )
    sortable_by = ("__str__", "id", "made")
    list_filter = (BlockedFilter, ("organization", VisibleFilter), BudgetFilter)
    list_filter_submit = True
    list_select_related = ("organization",)
    search_fields = ("id", "alias")
    autocomplete_fields = ("organization", "member_budget")
    inlines = (TeamMembers,)
    facts = ("state", "keys_link", *STAMPS)
    goes_along = ((VirtualKey, "team"), (Membership, "team"))
    fieldsets = (
        (_("Identity"), {"fields": ("alias", "id", "organization")}),
        (_("State"), {"fields": ("state", "keys_link")}),
        (_("What it may call"), {"fields": (("allowed_models", "model_aliases"),)}),
        (_("Budget and limits"), {"fields": LIMIT_FIELDS}),
        (_("Its members"), {"fields": ("member_budget", ("default_member_models", "member_permissions"))}),
        (
            TECHNICAL,
            {
                "classes": ["collapse"],
                "fields": ("metadata", "router_settings", ("created_at", "created_by"), ("updated_at", "updated_by")),
            },
        ),
    )

    def visible(self, reach: Reach) -> QuerySet[Team]:
        return reach.teams()

    def governs(self, reach: Reach, row: Team) -> bool:
        return reach.administers_team(row)

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        members, keys = numbers_of(Membership, "team", rows), numbers_of(VirtualKey, "team", rows)
        for row in rows:
            row.member_number, row.key_number = members.get(row.pk, 0), keys.get(row.pk, 0)

    def readonly(self, request: HttpRequest, obj: Team | None) -> tuple[str, ...]:
        # Keys and ledger entries refer to the id.
        facts = ("id",) if obj else ()
        reach = reach_of(request)
        if obj is None or reach.administers_organization(obj.organization_id):
            budget = () if reach.is_admin else ("member_budget",)
            owner = () if obj is None or reach.is_admin else ("organization",)
            return (*facts, *budget, *owner)
        return (*facts, *(field.name for field in Team._meta.concrete_fields if field.name not in _TEAM_ADMINS))

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "member_budget" in form.changed_data:
            discard_budgets([form.initial.get("member_budget")])

    def delete_row(self, row: Team) -> None:
        delete_team(row)

    @plain_display(description=_("state"))
    def state(self, team: Team) -> SafeString:
        return state_badge(team, now=timezone.now())

    @plain_display(description=_("budget"))
    def budget_label(self, team: Team) -> str:
        return budget_of(team)

    @plain_display(description=_("members"))
    def member_number(self, team: Any) -> int:
        return int(team.member_number)

    @plain_display(description=_("keys"))
    def key_number(self, team: Any) -> SafeString:
        return link_to_keys(team.key_number, team__id__exact=team.pk)

    @plain_display(description=_("keys"))
    def keys_link(self, team: Team) -> SafeString:
        return link_to_keys(team.keys.count(), team__id__exact=team.pk)
