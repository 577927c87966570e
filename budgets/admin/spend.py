"""The page of spend: filtered, by day as a chart, by whom as a table that one goes down into."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from budgets.admin.ledger import ReadOnlyPage
from budgets.admin.spend_form import CHOICES, FILTERS, NAME_OF, SpendForm, name_of
from budgets.models import DailySpend, LedgerEntry
from budgets.reports import NO_SPEND, By, Group, Question, Sums, spend_by, total
from budgets.spend_chart import day_chart
from budgets.standing_panel import cents
from teams.admin.csv_export import csv_of
from teams.models import Organization, RetiredToken, Team, User, VirtualKey
from teams.money import NANO

_SHOWN = 100
_IN_FILE = 10_000
_TEMPLATE = "admin/budgets/spend.html"
# What one looks at next, having chosen one of these.
_NEXT = {
    By.ORGANIZATION: By.TEAM, By.TEAM: By.KEY, By.USER: By.KEY, By.KEY: By.MODEL_GROUP, By.CUSTOMER: By.MODEL_GROUP,
    By.TAG: By.MODEL_GROUP, By.MODEL_GROUP: By.KEY, By.PROVIDER: By.MODEL_GROUP,
}  # fmt: skip
# By which column the ledger's page is filtered; it has none for a tag.
_IN_LEDGER = {
    By.KEY: "key_hash__in", By.TEAM: "team_id__exact", By.USER: "user_id__exact",
    By.ORGANIZATION: "organization_id__exact", By.CUSTOMER: "end_user__exact", By.MODEL_GROUP: "model_group__exact",
    By.PROVIDER: "provider__exact", By.MODEL: "model__exact", By.DEPLOYMENT: "deployment_id__exact",
    By.CALL_TYPE: "call_type__exact",
}  # fmt: skip
_NAMED: Mapping[By, Any] = {By.TEAM: Team, By.USER: User, By.ORGANIZATION: Organization}


@dataclass(frozen=True, slots=True)
class Line:
    """`value` is what a filter takes, `title` what it is called; `hashes` are all those of a key."""

    value: str
    title: str
    sums: Sums
    hashes: tuple[str, ...] = ()
    share: str = ""
    inside: str = ""
    ledger: str = ""

    @property
    def amount(self) -> str:
        return cents(self.sums.amount_nano)

    @property
    def numbers(self) -> tuple[str, ...]:
        sums = self.sums
        return tuple(
            f"{number:,}" for number in (sums.requests, sums.failures, sums.prompt_tokens, sums.completion_tokens)
        )


@admin.register(DailySpend)
class SpendPage(ReadOnlyPage):
    """Sums alone: a row of the roll-up has no page of its own."""

    def get_urls(self) -> list[URLPattern]:
        return [path("", self.admin_site.admin_view(self.changelist_view), name="budgets_dailyspend_changelist")]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = SpendForm(request, site=self.admin_site, today=timezone.now().astimezone(UTC).date())
        if form.is_valid() and request.GET.get("format") == "csv":
            with translation.override(settings.LANGUAGE_CODE):
                return _file(request, form)
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": _("Spend"),
            "form": form,
            "found": self._found(request, form) if form.is_valid() else None,
        }
        return TemplateResponse(request, _TEMPLATE, context)

    def _found(self, request: HttpRequest, form: SpendForm) -> dict[str, Any]:
        question, by = form.question(), form.grouped_by
        # Read once: what all of it comes to is what the days come to.
        days = spend_by(question, By.DAY)
        whole = sum((group.sums for group in days), NO_SPEND)
        amounts = {group.values[0]: group.sums.amount_nano for group in days}
        ledger = self.admin_site._registry.get(LedgerEntry)
        links = _Links(request, question, by, ledger is not None and ledger.has_view_permission(request))
        lines = _day_lines(days) if by == By.DAY else _lines(request, question, by, limit=_SHOWN)
        shown = sum((line.sums for line in lines), NO_SPEND)
        chart = day_chart(amounts, first=form.cleaned_data["first"], last=form.cleaned_data["last"])
        return {
            "chart": chart,
            "bars": [(bar, links.of_day(bar.day)) for bar in chart.bars],
            "lines": [links.added(line, share=_share(line.sums, whole)) for line in lines],
            "total": Line("", gettext("All"), whole),
            "others": _others(whole, shown) if len(lines) >= _SHOWN and by not in (By.CUSTOMER, By.TAG) else None,
            "title": dict(CHOICES)[by],
            "counted_often": by == By.TAG,
            "csv": _address(request, format="csv"),
        }


class _Links:
    def __init__(self, request: HttpRequest, question: Question, by: By, sees_ledger: bool) -> None:
        self._request, self._question, self._by, self._sees_ledger = request, question, by, sees_ledger

    def added(self, line: Line, *, share: str) -> Line:
        return replace(line, share=share, inside=self._inside(line.value), ledger=self._of_group(line))

    def _inside(self, value: str) -> str:
        if self._by == By.DAY:
            return _address(self._request, first=value, last=value, by=name_of(By.MODEL_GROUP))
        if self._by not in NAME_OF or not value:
            return ""
        return _address(self._request, **{NAME_OF[self._by]: value, "by": name_of(_NEXT[self._by])})

    def _of_group(self, line: Line) -> str:
        if self._by == By.DAY:
            return self.of_day(date.fromisoformat(line.value))
        first, last = self._question.first, self._question.last
        if self._by not in _IN_LEDGER or not line.value or first is None or last is None:
            return ""
        return self._ledger(first, last, {self._by: line.hashes or (line.value,)})

    def of_day(self, day: date) -> str:
        return self._ledger(day, day, {})

    def _ledger(self, first: date, last: date, more: Mapping[By, Sequence[str]]) -> str:
        where = {**self._question.where, **more}
        if not self._sees_ledger or not where.keys() <= _IN_LEDGER.keys():
            return ""
        query = {_IN_LEDGER[by]: ",".join(values) for by, values in where.items()}
        query["started_at__gte"] = _midnight(first)
        query["started_at__lt"] = _midnight(last + timedelta(days=1))
        return reverse("admin:budgets_ledgerentry_changelist", query=query)


def _midnight(day: date) -> str:
    return datetime.combine(day, time(), UTC).isoformat()


def _address(request: HttpRequest, **changed: str) -> str:
    """The same page with some of the filters changed."""
    query = {name: request.GET[name] for name in ("first", "last", "by", *FILTERS) if request.GET.get(name)}
    return reverse("admin:budgets_dailyspend_changelist", query={**query, **changed})


def _lines(request: HttpRequest, question: Question, by: By, *, limit: int) -> list[Line]:
    """The dearest first, save for days."""
    if by == By.DAY:
        return _day_lines(spend_by(question, by))
    groups = spend_by(question, by, limit=limit)
    if by == By.KEY:
        return _key_lines(request, groups)
    names = _names(request, by, [group.values[0] for group in groups])
    return [
        Line(value, names.get(value, value) or gettext("None"), group.sums)
        for group in groups
        for value in group.values
    ]


def _day_lines(groups: Sequence[Group]) -> list[Line]:
    """The last first."""
    in_order = sorted(groups, key=lambda group: group.values, reverse=True)
    return [Line(str(group.values[0]), str(group.values[0]), group.sums) for group in in_order]


def _key_lines(request: HttpRequest, groups: Sequence[Group]) -> list[Line]:
    """A regenerated key is one: by the hash that it has now."""
    hashes = [group.values[0] for group in groups]
    former = dict(RetiredToken.objects.filter(pk__in=hashes).order_by().values_list("pk", "key__token_hash"))
    sums: dict[str, Sums] = {}
    known: dict[str, tuple[str, ...]] = {}
    for group in groups:
        present = former.get(group.values[0], group.values[0])
        sums[present] = sums.get(present, NO_SPEND) + group.sums
        known[present] = (*known.get(present, ()), group.values[0])
    rows = admin.site._registry[VirtualKey].get_queryset(request).filter(token_hash__in=sums).order_by()
    names = {token_hash: alias or name for token_hash, alias, name in rows.values_list("token_hash", "alias", "name")}
    lines = [Line(one, names.get(one, _short(one)), amount, known[one]) for one, amount in sums.items()]
    return sorted(lines, key=lambda line: -line.sums.amount_nano)


def _short(token_hash: str) -> str:
    return f"{token_hash[:12]}…" if len(token_hash) == 64 else token_hash


def _names(request: HttpRequest, by: By, ids: Sequence[str]) -> dict[str, str]:
    """Of what the person sees; the rest keeps its id."""
    if (model := _NAMED.get(by)) is None:
        return {}
    rows = admin.site._registry[model].get_queryset(request).filter(pk__in=ids).order_by()
    return {row.pk: str(row) for row in rows}


def _share(sums: Sums, whole: Sums) -> str:
    return f"{sums.amount_nano * 100 / whole.amount_nano:.1f} %" if whole.amount_nano else "-"


def _others(whole: Sums, shown: Sums) -> Line:
    left = Sums(
        amount_nano=whole.amount_nano - shown.amount_nano,
        requests=whole.requests - shown.requests,
        failures=whole.failures - shown.failures,
        prompt_tokens=whole.prompt_tokens - shown.prompt_tokens,
        completion_tokens=whole.completion_tokens - shown.completion_tokens,
    )
    return Line("", gettext("All others"), left, share=_share(left, whole))


def _file(request: HttpRequest, form: SpendForm) -> HttpResponseBase:
    question, by = form.question(), form.grouped_by
    titles = (
        str(dict(CHOICES)[by]), "id", "spend, USD", "share", "requests", "failures", "prompt tokens",
        "completion tokens",
    )  # fmt: skip
    lines = _lines(request, question, by, limit=_IN_FILE)
    return csv_of(request, titles, _cells(lines, total(question)), filename=f"spend-by-{name_of(by)}.csv")


def _cells(lines: Sequence[Line], whole: Sums) -> Iterator[Sequence[object]]:
    for line in lines:
        sums = line.sums
        yield (
            line.title, line.value, Decimal(sums.amount_nano) / NANO, _share(sums, whole), sums.requests,
            sums.failures, sums.prompt_tokens, sums.completion_tokens,
        )  # fmt: skip
