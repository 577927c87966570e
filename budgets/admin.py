"""Admin pages of budgets, prices and the ledger."""

from django.contrib import admin
from django.contrib.admin import display
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from budgets.core.pricing import NANO
from budgets.models import Budget, BudgetAssignment, LedgerEntry, PriceSnapshot


class ReadOnlyPage(ModelAdmin):
    """Facts: they are written by the gateway and only looked at here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class BudgetAssignmentInline(TabularInline):
    model = BudgetAssignment
    extra = 0


@admin.register(Budget)
class BudgetPage(ModelAdmin):
    list_display = ("id", "hard_limit", "soft_limit", "duration", "updated_at")
    search_fields = ("id", "assignments__entity_id")
    readonly_fields = ("created_at", "updated_at")
    inlines = (BudgetAssignmentInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Budget | None = None) -> tuple[str, ...]:
        return ("id", *self.readonly_fields) if obj else self.readonly_fields

    @display(description="hard limit", ordering="max_nano")
    def hard_limit(self, budget: Budget) -> str:
        return as_dollars(budget.max_nano)

    @display(description="soft limit", ordering="soft_nano")
    def soft_limit(self, budget: Budget) -> str:
        return as_dollars(budget.soft_nano)


@admin.register(PriceSnapshot)
class PriceSnapshotPage(ReadOnlyPage):
    list_display = ("provider", "model", "source", "created_at")
    list_filter = ("source", "provider")
    search_fields = ("provider", "model")


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
        "amount",
        "basis",
    )
    list_filter = ("status", "basis", "stream", "provider")
    search_fields = ("=call_id", "=upstream_id", "=key_hash")
    search_help_text = "A call id, an upstream id or the hash of a key."
    date_hierarchy = "started_at"
    show_full_result_count = False

    @display(description="amount", ordering="amount_nano")
    def amount(self, entry: LedgerEntry) -> str:
        return as_dollars(entry.amount_nano) if entry.price_id or not entry.amount_nano else "no price"


def as_dollars(nano: int | None) -> str:
    """Every digit down to the nano-dollar, without trailing zeros beyond cents."""
    if nano is None:
        return "-"
    text = f"{abs(nano) // NANO}.{abs(nano) % NANO:09d}"
    cents, rest = text[:-7], text[-7:].rstrip("0")
    return f"{'-' if nano < 0 else ''}${cents}{rest}"
