"""The pages of customers, tags and budgets."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin import display as plain_display
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from teams.admin.filters import VisibleFilter
from teams.admin.forms import LIMIT_FIELDS, LimitsForm, RowForm
from teams.admin.page import STAMPS, TECHNICAL, once_a_row
from teams.admin.scope import GlobalPage
from teams.admin.teams import BlockedFilter
from teams.admin.texts import Text, budget_of, dollars, state_badge
from teams.admin.verbs import Verb, VerbPage, block_verbs
from teams.models import (
    Budget,
    Customer,
    Membership,
    Organization,
    OrganizationMembership,
    Tag,
    Team,
    VirtualKey,
)
from teams.services import discard_budgets

_STAMPS = (("created_at", "created_by"), ("updated_at", "updated_by"))
# Where budgets are linked from: how it is called, by which column, and the list that shows it, where there is one.
_USES: tuple[tuple[Text, type[Model], str, str], ...] = (
    (_("keys"), VirtualKey, "budget", "teams_virtualkey"),
    (_("team members"), Membership, "budget", ""),
    (_("teams, as their members' default"), Team, "member_budget", "teams_team"),
    (_("organizations"), Organization, "budget", "teams_organization"),
    (_("organization members"), OrganizationMembership, "budget", ""),
    (_("customers"), Customer, "budget", "teams_customer"),
    (_("tags"), Tag, "budget", "teams_tag"),
)


class PayerPage(GlobalPage):
    """With a budget by a link: one that was made for this row alone goes with it."""

    form = RowForm
    list_select_related = ("budget",)
    autocomplete_fields = ("budget",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "budget" in form.changed_data:
            discard_budgets([form.initial.get("budget")])

    def delete_row(self, row: Any) -> None:
        budget_id = row.budget_id
        row.delete()
        discard_budgets([budget_id])


def may_block(request: HttpRequest, customer: Customer) -> bool:
    return bool(admin.site._registry[Customer].has_change_permission(request, customer))


@admin.register(Customer)
class CustomerPage(VerbPage, PayerPage):
    facts = ("state", *STAMPS)
    verbs: Sequence[Verb] = block_verbs(
        may_block, consequence=_("Requests in this customer's name are refused from the next one on.")
    )
    list_display = ("id", "alias", "state", "budget", "made")
    sortable_by = ("id",)
    list_filter = (BlockedFilter, ("budget", VisibleFilter))
    list_filter_submit = True
    search_fields = ("id", "alias")
    fieldsets = (
        (_("Identity"), {"fields": ("id", "alias", "state")}),
        (_("What may serve it"), {"fields": ("allowed_models", "default_model", "allowed_model_region")}),
        (_("Budget"), {"fields": ("budget",)}),
        (TECHNICAL, {"classes": ["collapse"], "fields": _STAMPS}),
    )

    def readonly(self, request: HttpRequest, obj: Customer | None) -> tuple[str, ...]:
        return ("id",) if obj else ()

    @plain_display(description=_("state"))
    def state(self, customer: Customer) -> SafeString:
        return state_badge(customer, now=timezone.now())


@admin.register(Tag)
class TagPage(PayerPage):
    list_display = ("name", "description", "budget", "made")
    sortable_by = ("name",)
    search_fields = ("name", "description")
    fieldsets = (
        (_("Identity"), {"fields": ("name", "description")}),
        (_("What it chooses"), {"fields": ("deployment_ids",)}),
        (_("Budget"), {"fields": ("budget",)}),
        (TECHNICAL, {"classes": ["collapse"], "fields": ("model_info", *_STAMPS)}),
    )

    def readonly(self, request: HttpRequest, obj: Tag | None) -> tuple[str, ...]:
        return ("name",) if obj else ()


@admin.register(Budget)
class BudgetPage(GlobalPage):
    form = LimitsForm
    facts = ("uses", *STAMPS)
    list_display = ("id", "budget_label", "soft_label", "tpm_limit", "rpm_limit", "made")
    sortable_by = ("id",)
    search_fields = ("id",)
    fieldsets = (
        (_("Identity"), {"fields": ("id", "uses")}),
        (_("Budget and limits"), {"fields": LIMIT_FIELDS}),
        (_("Of team members"), {"fields": ("allowed_models",)}),
        (TECHNICAL, {"classes": ["collapse"], "fields": _STAMPS}),
    )

    def readonly(self, request: HttpRequest, obj: Budget | None) -> tuple[str, ...]:
        return ("id",) if obj else ()

    @plain_display(description=_("budget"))
    def budget_label(self, budget: Budget) -> str:
        return budget_of(budget)

    @plain_display(description=_("soft budget"))
    def soft_label(self, budget: Budget) -> str:
        return dollars(budget.soft_budget_nano)

    @plain_display(description=_("where it is used"))
    @once_a_row
    def uses(self, budget: Budget) -> SafeString | str:
        """Whom a change of these limits binds."""
        shown = [
            _use(f"{number:,} {title}", page, **{f"{link}__id__exact": budget.pk})
            for title, model, link, page in _USES
            if (number := model._default_manager.filter(**{link: budget}).count())
        ]
        return format_html_join(", ", "{}", ((one,) for one in shown)) if shown else gettext("nowhere")


def _use(text: str, page: str, **conditions: str) -> SafeString | str:
    if not page:
        return text
    return format_html(
        '<a href="{}" class="text-link">{}</a>', reverse(f"admin:{page}_changelist", query=conditions), text
    )
