"""Admin pages of prices, the ledger and its adjustments, and what the page of keys says about money."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter, display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from budgets.core.pricing import Unit
from budgets.models import HEALTH_CHECK_KEY, LedgerEntry, PriceSnapshot, Scope, SpendAdjustment
from budgets.spend import adjust, spend_of_keys
from teams import audit
from teams.admin.keys import VirtualKeyPage, may_govern
from teams.admin.texts import dollars
from teams.admin.verbs import Done, Verb
from teams.models import VirtualKey
from teams.money import to_dollars


class ReadOnlyPage(ModelAdmin):
    """Facts: they are written by the gateway and only looked at here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(PriceSnapshot)
class PriceSnapshotPage(ReadOnlyPage):
    list_display = ("provider", "model", "source", "created_at")
    list_filter = ("source", "provider")
    search_fields = ("provider", "model")


class KindFilter(SimpleListFilter):
    """Health checks are in the ledger since their provider bills them, and would hide what clients asked for."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, str], ...]:
        return (("health", "Health checks"), ("all", "All"))

    def choices(self, changelist: Any) -> Iterator[Any]:
        requests, *others = super().choices(changelist)
        yield {**requests, "display": "Requests"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[LedgerEntry]) -> QuerySet[LedgerEntry]:
        if self.value() == "health":
            return queryset.filter(key_hash=HEALTH_CHECK_KEY)
        return queryset if self.value() == "all" else queryset.exclude(key_hash=HEALTH_CHECK_KEY)


_PLURALS: dict[str, str] = {Unit.IMAGE: "images", Unit.CHARACTER: "characters", Unit.QUERY: "queries"}


@admin.register(LedgerEntry)
class LedgerEntryPage(ReadOnlyPage):
    list_display = (
        "started_at",
        "model_group",
        "key_alias",
        "team_id",
        "status_code",
        "prompt_tokens",
        "completion_tokens",
        "counted",
        "amount",
        "basis",
    )
    list_filter = (KindFilter, "status", "basis", "stream", "unit", "provider")
    search_fields = ("=call_id", "=upstream_id", "=key_hash")
    search_help_text = "A call id, an upstream id or the hash of a key."
    date_hierarchy = "started_at"
    show_full_result_count = False

    @display(description="units", ordering="units")
    def counted(self, entry: LedgerEntry) -> str:
        if entry.unit == Unit.MILLISECOND:
            return f"{entry.units / 1000:,.3f} s"
        named = entry.unit if entry.units == 1 else _PLURALS.get(entry.unit, entry.unit)
        return f"{entry.units:,} {named}" if entry.units else ""

    @display(description="amount", ordering="amount_nano")
    def amount(self, entry: LedgerEntry) -> str:
        return dollars(entry.amount_nano) if entry.price_id or not entry.amount_nano else "no price"


@admin.register(SpendAdjustment)
class SpendAdjustmentPage(ReadOnlyPage):
    list_display = ("at", "scope", "entity_id", "amount", "actor_id")
    list_filter = ("scope",)
    search_fields = ("=entity_id", "=actor_id")
    search_help_text = "Whose it is, or who made it: an id."
    show_full_result_count = False
    sortable_by = ()

    @display(description="amount")
    def amount(self, row: SpendAdjustment) -> str:
        return dollars(row.amount_nano)


def reset_spend(request: HttpRequest, key: VirtualKey, _: dict[str, Any]) -> Done:
    now = timezone.now()
    spent = spend_of_keys([key], now=now)[key.pk].period_nano
    if not spent:
        return Done(f"{key} has spent nothing in this period.")
    adjust(Scope.KEY, str(key.pk), by_nano=-spent, at=now, actor_id=str(request.user.pk))
    audit.note("key", key, before={"spend": to_dollars(spent)}, after={"spend": 0.0})
    return Done(f"{key} counts as having spent nothing; before, it was {dollars(spent)}.")


RESET_SPEND = Verb(
    name="reset_spend", title="Reset spend", icon="restart_alt", may=may_govern, do=reset_spend, for_many=True,
    question="What was spent in the current period no longer counts against the budget. The ledger stays as it is.",
)  # fmt: skip

admin.site.unregister(VirtualKey)


@admin.register(VirtualKey)
class KeyPageWithSpend(VirtualKeyPage):
    verbs = (*VirtualKeyPage.verbs, RESET_SPEND)
    facts = (*VirtualKeyPage.facts, "spent")

    def get_fieldsets(self, request: HttpRequest, obj: VirtualKey | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        for title, options in fieldsets if obj is not None else ():
            if title == "Budget and limits":
                options["fields"] = ["spent", *options["fields"]]
        return fieldsets

    @display(description="spent")
    def spent(self, key: VirtualKey) -> str:
        spend = spend_of_keys([key], now=timezone.now())[key.pk]
        return f"{dollars(spend.period_nano)} of the budget, {dollars(spend.total_nano)} ever"
