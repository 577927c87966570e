"""What the pages of those who spend have in common: how their budgets stand, on the page and in the list."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import display
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from budgets.directory import Entity
from budgets.models import Scope
from budgets.standing import spent_ever, standings
from budgets.standing_panel import standing_cell, standing_panel
from teams.admin.page import Fieldsets, once_a_row
from teams.admin.verbs import VerbPage

SPEND = _("Spend")


class MoneyPage(VerbPage):
    """`scope` says as what the rows are counted. With `standing_in_list`, the list has a column `budget_label`."""

    scope: Scope
    standing_in_list = False

    def entity(self, row: Any) -> Entity:
        return (self.scope, str(row.pk))

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Fieldsets:
        first, *others = super().get_fieldsets(request, obj)
        return [first, *others] if obj is None else [first, (SPEND, {"fields": ["standing"]}), *others]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "standing"]

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        super().prepare(request, rows)
        if self.standing_in_list:
            know_standing(rows, self.entity)

    @display(description=_("budgets"))
    @once_a_row
    def standing(self, row: Any) -> SafeString:
        now, entity = timezone.now(), self.entity(row)
        found = standings([entity], now=now)[entity]
        return standing_panel(found, ever_nano=spent_ever([entity])[entity], now=now, link=self.try_out_link(row))

    def try_out_link(self, row: Any) -> str:
        return ""

    @display(description=_("spent of budget"))
    def budget_label(self, row: Any) -> SafeString:
        return standing_cell(row.standings, ever_nano=row.ever_nano)

    def page_of(self, row: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[quote(row.pk)])


def know_standing(rows: Sequence[Any], entity_of: Any) -> None:
    """For many rows together; where there is no budget, what was spent ever."""
    entities = {row.pk: entity_of(row) for row in rows}
    found = standings(entities.values(), now=timezone.now(), with_projection=False)
    ever = spent_ever(entity for entity in entities.values() if not found[entity])
    for row in rows:
        row.standings, row.ever_nano = found[entities[row.pk]], ever.get(entities[row.pk], 0)
