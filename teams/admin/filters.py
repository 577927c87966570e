"""Filters of lists, as fields of one form."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
)

from teams.admin.texts import Text

_TEMPLATE = "admin/teams/filter_field.html"


class FieldFilter(DropdownFilter):
    template = _TEMPLATE
    options: tuple[tuple[str, Text], ...] = ()

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> tuple[tuple[str, Text], ...]:
        return self.options


class ChoiceFilter(ChoicesDropdownFilter):
    template = _TEMPLATE


class VisibleFilter(AutocompleteSelectFilter):
    """Names only what the person sees."""

    template = _TEMPLATE

    def choices(self, changelist: Any) -> Iterator[Any]:
        page = self.model_admin.admin_site._registry[self.field.remote_field.model]
        for choice in super().choices(changelist):
            choice["form"].fields[self.lookup_kwarg].queryset = page.get_queryset(self.request).order_by()
            yield choice


class KeyStateFilter(FieldFilter):
    title = _("state")
    parameter_name = "state"
    options = (("active", _("Active")), ("expired", _("Expired")), ("blocked", _("Blocked")))

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        now = timezone.now()
        conditions = {
            "active": Q(blocked=False) & (Q(expires_at=None) | Q(expires_at__gt=now)),
            "expired": Q(expires_at__lte=now),
            "blocked": Q(blocked=True),
        }
        return queryset.filter(conditions[self.value()]) if self.value() in conditions else queryset


class BudgetFilter(FieldFilter):
    title = _("budget")
    parameter_name = "has_budget"
    options = (("yes", _("Has a budget")), ("no", _("Has none")))

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        none = Q(max_budget_nano=None, budget=None) if hasattr(queryset.model, "budget") else Q(max_budget_nano=None)
        return queryset.filter({"yes": ~none, "no": none}[self.value()]) if self.value() in ("yes", "no") else queryset
