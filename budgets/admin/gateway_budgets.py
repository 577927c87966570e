"""The page of budgets that are nobody's own: of everybody together, tags, model groups, providers and deployments."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import display
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from budgets.admin.money import MoneyPage
from budgets.admin.verbs import may_everything, reset_verb
from budgets.directory import Entity
from budgets.models import BudgetSource, GatewayBudget, Scope
from budgets.standing import Standing, spent_ever, standings
from budgets.standing_panel import standing_panel
from teams.admin.filters import ChoiceFilter
from teams.admin.forms import MONEY
from teams.admin.page import STAMPS, TECHNICAL, once_a_row
from teams.admin.scope import GlobalPage
from teams.admin.texts import unbroken
from teams.models import Tag

_FROM_CONFIG = _("It stands in config.yaml. Change it there: what is changed here, the next start would undo.")
_TAGS_OWN = _("The tag's page names a budget of the same duration, which stands in its place.")


class GatewayBudgetForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = GatewayBudget
        fields = ("scope", "entity_id", "window", "max_budget_nano", "soft_budget_nano")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        limits = [self.cleaned_data.get(name) for name in (MONEY, "soft_budget_nano")]
        if not {MONEY, "soft_budget_nano"} & self.errors.keys() and limits == [None, None]:
            self.add_error(MONEY, gettext("Enter a budget, a soft one or both."))
        scope = self.cleaned_data.get("scope", self.instance.scope)
        name = self.cleaned_data.get("entity_id", self.instance.entity_id)
        if scope and (scope == Scope.PROXY) is bool(name):
            wrong = gettext("Leave it empty: it is everybody's.") if name else gettext("Say whose budget it is.")
            self.add_error("entity_id" if "entity_id" in self.fields else None, wrong)
        self._ensure_is_the_only_one(scope, name)
        return cleaned

    def _ensure_is_the_only_one(self, scope: str, name: str) -> None:
        """Columns that are no longer on the form would keep the model's own rule from being asked."""
        if "window" not in self.cleaned_data:
            return
        same = GatewayBudget.objects.filter(scope=scope, entity_id=name, window=self.cleaned_data["window"])
        if same.exclude(pk=self.instance.pk).exists():
            self.add_error("window", gettext("There is a budget of this duration already."))


def entity_of(row: GatewayBudget) -> Entity:
    return (row.scope, row.entity_id)


@admin.register(GatewayBudget)
class GatewayBudgetPage(MoneyPage, GlobalPage):
    form = GatewayBudgetForm
    verbs = (reset_verb("gateway_budget", entity_of, may=may_everything),)
    facts = ("kept", "started_at", *STAMPS)
    list_display = ("title", "scope", "duration", "budget_label", "source", "made")
    sortable_by = ("scope", "made")
    list_filter = (("scope", ChoiceFilter), ("source", ChoiceFilter))
    list_filter_submit = True
    search_fields = ("entity_id",)
    search_help_text = _("The name of a tag, model group, provider or deployment")
    fieldsets = (
        (_("Whose"), {"fields": (("scope", "entity_id"), "kept")}),
        (_("Budget"), {"fields": ("window", ("max_budget_nano", "soft_budget_nano"))}),
        (
            TECHNICAL,
            {
                "classes": ["collapse"],
                "fields": ("started_at", ("created_at", "created_by"), ("updated_at", "updated_by")),
            },
        ),
    )

    def entity(self, row: Any) -> Entity:
        return entity_of(row)

    def readonly(self, request: HttpRequest, obj: GatewayBudget | None) -> tuple[str, ...]:
        """Another name would be another budget."""
        return ("scope", "entity_id") if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _is_ours(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_ours(obj)

    def save_model(self, request: HttpRequest, obj: GatewayBudget, form: Any, change: bool) -> None:
        """What was spent before it was made, or before its period was another, does not count in it."""
        if not change or "window" in form.changed_data:
            obj.started_at = timezone.now()
        super().save_model(request, obj, form, change)

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        super().prepare(request, rows)
        found = standings({entity_of(row) for row in rows}, now=timezone.now(), with_projection=False)
        for row in rows:
            row.standings, row.ever_nano = _own(row, found[entity_of(row)]), 0

    @display(description=_("budgets"))
    @once_a_row
    def standing(self, row: GatewayBudget) -> SafeString:
        now, entity = timezone.now(), entity_of(row)
        found = _own(row, standings([entity], now=now)[entity])
        return standing_panel(found, ever_nano=spent_ever([entity])[entity], now=now)

    @display(description=_("whose"))
    def title(self, row: GatewayBudget) -> str:
        return row.entity_id or gettext("Everybody")

    @display(description=_("duration"))
    def duration(self, row: GatewayBudget) -> SafeString:
        return unbroken(row.window or gettext("never reset"))

    @display(description=_("where it is kept"))
    def kept(self, row: GatewayBudget) -> str:
        made = gettext("Here; made by %(source)s.") % {"source": row.get_source_display()}
        told = str(_FROM_CONFIG) if row.source == BudgetSource.CONFIG else made
        return f"{told} {_TAGS_OWN}" if _has_own(row) else told


def _has_own(row: GatewayBudget) -> bool:
    """Whether the tag is linked to a budget that counts the same."""
    same = Tag.objects.filter(pk=row.entity_id, budget__budget_duration=row.window)
    return row.scope == Scope.TAG and same.exists()


def _is_ours(row: GatewayBudget | None) -> bool:
    return row is None or row.source != BudgetSource.CONFIG


def _own(row: GatewayBudget, found: tuple[Standing, ...]) -> tuple[Standing, ...]:
    """Of all the windows of its entity the row's; a tag's own budget of the same duration stands in its place."""
    return tuple(one for one in found if one.window == row.window)
