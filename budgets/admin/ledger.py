"""Admin pages of the ledger, the prices it was charged by, and adjustments."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin import DateFieldListFilter, SimpleListFilter, display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminTextInputWidget

from budgets.core.pricing import Unit
from budgets.corrections import can_be_corrected, correct_amount, corrected_nano
from budgets.models import (
    HEALTH_CHECK_KEY,
    NEEDS_NO_PRICE,
    Basis,
    DailySpend,
    Facet,
    LedgerEntry,
    PriceSnapshot,
    SpendAdjustment,
)
from budgets.payer_entries import PAYERS, of_payer
from teams.admin.page import as_text
from teams.admin.reach import reach_of
from teams.admin.texts import Text, dollars, said
from teams.admin.verbs import Done, Verb, VerbPage
from teams.models import Organization
from teams.models.grants import DollarsFormField


class FactsOnly:
    """They are written by the gateway and only looked at here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class ReadOnlyPage(FactsOnly, ModelAdmin):
    pass


@admin.register(PriceSnapshot)
class PriceSnapshotPage(ReadOnlyPage):
    fields = ("provider", "model", "source", "shown_rates", "created_at")
    readonly_fields = ("shown_rates",)
    list_display = ("provider", "model", "source", "created_at")
    list_filter = ("source", "provider")
    search_fields = ("provider", "model")

    @display(description=_("rates"))
    def shown_rates(self, price: PriceSnapshot) -> SafeString | str:
        """Nano-dollars per million tokens, images, milliseconds, characters, queries."""
        return as_text(price.rates)


class KindFilter(SimpleListFilter):
    """Health checks are in the ledger since their provider bills them, and would hide what clients asked for."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, Text], ...]:
        return (("health", _("Health checks")), ("all", _("All")))

    def choices(self, changelist: Any) -> Iterator[Any]:
        requests, *others = super().choices(changelist)
        yield {**requests, "display": _("Requests")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[LedgerEntry]) -> QuerySet[LedgerEntry]:
        if self.value() == "health":
            return queryset.filter(key_hash=HEALTH_CHECK_KEY)
        return queryset if self.value() == "all" else queryset.exclude(key_hash=HEALTH_CHECK_KEY)


class OrganizationFilter(SimpleListFilter):
    """The entries keep its id alone."""

    title = _("organization")
    parameter_name = "organization_id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, Text], ...]:
        rows = admin.site._registry[Organization].get_queryset(request).order_by("alias", "pk")
        names = {row.pk: str(row) for row in rows[:_MOST_CHOICES]}
        if chosen := self.value():
            # It may be gone, and its entries are not.
            names.setdefault(chosen, chosen)
        return tuple(names.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[LedgerEntry]) -> QuerySet[LedgerEntry]:
        return queryset.filter(organization_id=self.value()) if self.value() else queryset


class ProviderFilter(SimpleListFilter):
    """Those with a price, and those of some of the last two days' sums: to name all, the ledger would be read whole."""

    title = _("provider")
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        yesterday = timezone.now().date() - timedelta(days=1)
        priced = PriceSnapshot.objects.order_by().values_list("provider", flat=True).distinct()
        lately = DailySpend.objects.filter(facet=Facet.CALLS, day__gte=yesterday).order_by()
        names = {*priced, *lately.values_list("provider", flat=True)[:_MOST_LATELY], self.value() or ""}
        return [(name, name) for name in sorted(names - {""})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[LedgerEntry]) -> QuerySet[LedgerEntry]:
        return queryset.filter(provider=self.value()) if self.value() else queryset


class PriceFilter(SimpleListFilter):
    """What was served without a price, though it needs one."""

    title = _("price")
    parameter_name = "price"

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, Text], ...]:
        return (("none", _("No price was known")), ("known", _("Priced")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[LedgerEntry]) -> QuerySet[LedgerEntry]:
        if self.value() == "none":
            return queryset.filter(price=None).exclude(basis__in=NEEDS_NO_PRICE)
        return queryset.exclude(price=None) if self.value() == "known" else queryset


_MOST_CHOICES, _MOST_LATELY = 100, 10_000


class CorrectionForm(forms.Form):
    amount = DollarsFormField(label=_("What it costs in truth"), help_text=_("US dollars, all corrections included."))
    reason = forms.CharField(
        label=_("Reason"), max_length=500, widget=UnfoldAdminTextInputWidget, help_text=_("For the audit trail.")
    )


def may_correct(request: HttpRequest, entry: LedgerEntry) -> bool:
    return reach_of(request).is_admin


def correct(request: HttpRequest, entry: LedgerEntry, given: dict[str, Any]) -> Done:
    to_nano, reason = given["amount"], given["reason"]
    by_nano = correct_amount(entry, to_nano=to_nano, reason=reason, now=timezone.now(), actor_id=str(request.user.pk))
    changed = f"{'+' if by_nano > 0 else ''}{dollars(by_nano)}"
    sentence = _("It costs %(amount)s now (%(changed)s). Reason: %(reason)s")
    return Done(said(sentence, amount=dollars(to_nano), changed=changed, reason=reason))


CORRECT = Verb(
    name="correct", title=_("Correct the amount"), icon="edit_note", may=may_correct, do=correct, fits=can_be_corrected,
    form=CorrectionForm,
    question=_(
        "The entry stays as it is. Another one holds the difference, in the same period and for the same payers."
    ),
)  # fmt: skip


@admin.register(LedgerEntry)
class LedgerEntryPage(FactsOnly, VerbPage):
    """There may be tens of millions: they are neither counted nor put in an order that no index has."""

    paginator = InfinitePaginator
    sortable_by = ("started_at",)
    verbs = (CORRECT,)
    facts = ("corrections",)
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
    list_filter = (
        KindFilter, ("started_at", DateFieldListFilter), "status", "basis", PriceFilter, OrganizationFilter, "stream",
        "unit", ProviderFilter,
    )  # fmt: skip
    search_fields = ("=call_id", "=upstream_id", "=key_hash")
    search_help_text = _("A call id, an upstream id or the hash of a key.")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """A list of one payer's, as the page of spend links to it, is found by the payer's keys."""
        rows: QuerySet[Any] = super().get_queryset(request)
        since, until = (_moment(request.GET.get(f"started_at__{bound}")) for bound in ("gte", "lt"))
        for column in PAYERS:
            if value := request.GET.get(f"{column}__exact"):
                rows = of_payer(rows, column, value.replace("\x00", ""), since=since, until=until)
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        """By one after the other, since a search for all three at once would use no index."""
        text = search_term.strip().replace("\x00", "")
        if not text:
            return queryset, False
        for found in (queryset.filter(call_id=text), queryset.filter(upstream_id__gt="", upstream_id=text)):
            if found.order_by().exists():
                return found, False
        return queryset.filter(key_hash=text), False

    @display(description=_("units"), ordering="units")
    def counted(self, entry: LedgerEntry) -> str:
        if entry.unit == Unit.MILLISECOND:
            return f"{entry.units / 1000:,.3f} s"
        return counted(entry.unit, entry.units)

    @display(description=_("amount"), ordering="amount_nano")
    def amount(self, entry: LedgerEntry) -> str:
        needs_none = entry.price_id or not entry.amount_nano or entry.basis == Basis.CORRECTION
        return dollars(entry.amount_nano) if needs_none else gettext("no price")

    @display(description=_("corrections"))
    def corrections(self, entry: LedgerEntry) -> SafeString | str:
        if entry.corrects is not None:
            return format_html(gettext("It corrects {}."), _link(entry.corrects, str(entry.corrects)))
        rows = LedgerEntry.objects.filter(started_at=entry.started_at, corrects=entry.pk).order_by("pk")
        found = [(_link(row.pk, dollars(row.amount_nano)),) for row in rows]
        if not found:
            return "-"
        total = dollars(corrected_nano(entry))
        return format_html(gettext("{}: {} in all"), format_html_join(", ", "{}", found), total)


def _moment(text: str | None) -> datetime | None:
    """What is no time is refused by the list itself."""
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def counted(unit: str, number: int) -> str:
    if not number:
        return ""
    texts: dict[str, str] = {
        Unit.IMAGE: ngettext("%(number)s image", "%(number)s images", number),
        Unit.CHARACTER: ngettext("%(number)s character", "%(number)s characters", number),
        Unit.QUERY: ngettext("%(number)s query", "%(number)s queries", number),
    }
    return texts.get(unit, f"%(number)s {unit}") % {"number": f"{number:,}"}


def _link(pk: UUID, text: str) -> SafeString:
    address = reverse("admin:budgets_ledgerentry_change", args=[pk])
    return format_html('<a href="{}" class="text-link">{}</a>', address, text)


@admin.register(SpendAdjustment)
class SpendAdjustmentPage(ReadOnlyPage):
    list_display = ("at", "scope", "entity_id", "amount", "actor_id")
    list_filter = ("scope",)
    search_fields = ("=entity_id", "=actor_id")
    search_help_text = _("Whose it is, or who made it: an id.")
    show_full_result_count = False
    sortable_by = ()

    @display(description=_("amount"))
    def amount(self, row: SpendAdjustment) -> str:
        return dollars(row.amount_nano)
