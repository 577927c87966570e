"""The admin page of the operator's own prices: what holds, what held and what will."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from budgets.core.price_fields import unit_of
from budgets.core.pricing import MILLION, NANO, Rate
from budgets.models import ModelPrice
from budgets.prices import price_of_fields
from teams.admin.filters import ChoiceFilter, FieldFilter
from teams.admin.page import STAMPS, TECHNICAL, once_a_row
from teams.admin.scope import GlobalPage
from teams.admin.texts import Text, minute

FUTURE, CURRENT, FORMER = "future", "current", "former"
_TITLES = {FUTURE: _("Future"), CURRENT: _("Current"), FORMER: _("Former")}
_COLORS = {FUTURE: "info", CURRENT: "success", FORMER: "warning"}
# A form may stay open for a while before it is sent.
_PATIENCE = timedelta(hours=1)
_FORM_FIELDS = (
    "provider", "model", "prices", "effective_from", "max_tokens", "max_input_tokens", "max_output_tokens",
    "deprecation_date", "note",
)  # fmt: skip


class ModelPriceForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ModelPrice
        fields = _FORM_FIELDS

    def clean_effective_from(self) -> datetime:
        """Now, if that is what was meant: what was asked before is charged already."""
        chosen: datetime = self.cleaned_data["effective_from"]
        now = timezone.now()
        if chosen < now - _PATIENCE:
            raise forms.ValidationError(
                gettext("A price cannot begin in the past: what was asked then is charged already.")
            )
        return max(chosen, now)


class PriceStateFilter(FieldFilter):
    title = _("state")
    parameter_name = "state"
    options = tuple((name, _TITLES[name]) for name in (CURRENT, FUTURE, FORMER))

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        now = timezone.now()
        prices = ModelPrice.objects
        chosen = {CURRENT: prices.current, FUTURE: prices.future, FORMER: prices.former}.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(pk__in=chosen(now=now).order_by().values("pk"))


@admin.register(ModelPrice)
class ModelPricePage(GlobalPage):
    form = ModelPriceForm
    facts = ("standing", "readable", "another", "source", *STAMPS)
    list_display = ("model", "provider", "state", "input", "output", "cached", "effective", "source", "note")
    list_display_links = ("model",)
    sortable_by = ("model", "provider", "effective")
    list_filter = (PriceStateFilter, ("source", ChoiceFilter))
    list_filter_submit = True
    search_fields = ("model", "provider")
    search_help_text = _("Model or provider")
    fieldsets = (
        (_("Model"), {"fields": ("provider", "model", "standing", "another")}),
        (_("Price"), {"fields": ("readable", "prices", "effective_from", "note")}),
        (_("Limits"), {"fields": ("max_input_tokens", "max_output_tokens", "max_tokens", "deprecation_date")}),
        (
            TECHNICAL,
            {
                "classes": ["collapse"],
                "fields": ("source", ("created_at", "created_by"), ("updated_at", "updated_by")),
            },
        ),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What has begun is history."""
        return bool(super().has_change_permission(request, obj)) and _is_open(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and _is_open(obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """`?of=` names the row whose place the new one takes."""
        of = request.GET.get("of", "")
        row = self.get_queryset(request).filter(pk=of).first() if of.isdecimal() else None
        if row is None:
            return dict(super().get_changeform_initial_data(request))
        return {name: getattr(row, name) for name in _FORM_FIELDS if name not in ("effective_from", "note")}

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        now = timezone.now()
        current = _current(rows, now=now)
        for row in rows:
            row.state_name, row.price = _state(row, current, now=now), price_of_fields(row.provider, row.prices)

    @display(description=_("state"), label=_COLORS)  # type: ignore[untyped-decorator]
    def state(self, row: Any) -> tuple[str, Text]:
        return row.state_name, _TITLES[row.state_name]

    @admin.display(description=_("$ / 1M in"))
    def input(self, row: Any) -> str:
        return _rate(row.price and row.price.input)

    @admin.display(description=_("$ / 1M out"))
    def output(self, row: Any) -> str:
        return _rate(row.price and row.price.output)

    @admin.display(description=_("$ / 1M cached"))
    def cached(self, row: Any) -> str:
        return _rate(row.price and row.price.cached)

    @admin.display(description=_("valid from"), ordering="effective_from")
    def effective(self, row: ModelPrice) -> SafeString:
        return minute(row.effective_from)

    @admin.display(description=_("state"))
    @once_a_row
    def standing(self, row: ModelPrice) -> Text:
        now = timezone.now()
        return _TITLES[_state(row, _current([row], now=now), now=now)]

    @admin.display(description=_("in words"))
    def readable(self, row: ModelPrice) -> SafeString | str:
        lines = [(name, *in_words(name, value)) for name, value in sorted(row.prices.items()) if value is not None]
        if not lines:
            return gettext("No price: as published.")
        cells = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", lines)
        return format_html('<table class="w-full"><tbody>{}</tbody></table>', cells)

    @admin.display(description=_("another price"))
    def another(self, row: ModelPrice) -> SafeString:
        address = reverse("admin:budgets_modelprice_add", query={"of": row.pk})
        text = gettext("Set another price from some instant on")
        return format_html('<a href="{}" class="text-link">{}</a>', address, text)


def in_words(name: str, value: Any) -> tuple[str, str]:
    """An amount and of what it is the price; what is no single number is shown as it is."""
    try:
        each = Decimal(str(value))
    except ArithmeticError:
        return str(value), ""
    unit = unit_of(name)
    if unit == "token":
        return f"${shown(each * MILLION)}", gettext("per million tokens")
    return f"${shown(each)}", gettext("per %(unit)s") % {"unit": unit}


def shown(dollars: Decimal) -> str:
    """As short as it can be written."""
    text = f"{dollars:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def _rate(rate: Rate | None) -> str:
    if rate is None:
        return "-"
    above = gettext(", %(price)s above %(tokens)s")
    more = "".join(above % {"price": _dollars(price), "tokens": f"{start:,}"} for start, price in rate.tiers)
    return f"{_dollars(rate.base)}{more}"


def _dollars(nano: int) -> str:
    return shown(Decimal(nano) / NANO)


def _current(rows: list[Any], *, now: datetime) -> set[int]:
    wanted = [row.pk for row in rows]
    return set(ModelPrice.objects.current(now=now).order_by().filter(pk__in=wanted).values_list("pk", flat=True))


def _state(row: ModelPrice, current: set[int], *, now: datetime) -> str:
    if not row.has_begun(now=now):
        return FUTURE
    return CURRENT if row.pk in current else FORMER


def _is_open(row: Any) -> bool:
    return row is None or not row.has_begun(now=timezone.now())
