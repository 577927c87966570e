"""The form of the spend page: which days, whose, and by what they are told apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from budgets.reports import By, Question
from budgets.sums import hashes_of
from budgets.totals import month_of
from teams.admin.reach import reach_of
from teams.models import RetiredToken, Team, VirtualKey

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite

MOST_DAYS = 366
# Whole months have their totals; in the first days of one, the month before is shown with it.
LEAST_DAYS = 7
CHOICES = (
    (By.TEAM, _("Team")), (By.KEY, _("Key")), (By.USER, _("User")), (By.ORGANIZATION, _("Organization")),
    (By.CUSTOMER, _("Customer")), (By.TAG, _("Tag")), (By.MODEL_GROUP, _("Model group")),
    (By.MODEL, _("Provider's model")), (By.PROVIDER, _("Provider")), (By.DEPLOYMENT, _("Deployment")),
    (By.CALL_TYPE, _("Kind of call")), (By.DAY, _("Day")),
)  # fmt: skip


def name_of(by: By) -> str:
    """In addresses."""
    return by.name.lower()


@dataclass(frozen=True)
class Filter:
    """`link` is a foreign key to what the ids name, for the choice of one."""

    by: By
    link: Any = None


FILTERS: dict[str, Filter] = {
    "team": Filter(By.TEAM, VirtualKey._meta.get_field("team")),
    "key": Filter(By.KEY, RetiredToken._meta.get_field("key")),
    "user": Filter(By.USER, VirtualKey._meta.get_field("user")),
    "organization": Filter(By.ORGANIZATION, Team._meta.get_field("organization")),
    "customer": Filter(By.CUSTOMER),
    "tag": Filter(By.TAG),
    "model": Filter(By.MODEL_GROUP),
    "provider": Filter(By.PROVIDER),
}
NAME_OF = {one.by: name for name, one in FILTERS.items()}


class IdAutocomplete(AutocompleteSelect):
    """Shows the id itself where nothing that the person sees has it: spend outlives whose it was."""

    label = ""

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        chosen = [one for one in value if one]
        empty = [self.create_option(name, "", "", False, 0)]
        return [(None, [*empty, *(self.create_option(name, one, self.label or one, True, 1) for one in chosen)], 0)]


class SpendForm(forms.Form):
    first = forms.DateField(label=_("From"), widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}))
    last = forms.DateField(label=_("To"), widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}))
    by = forms.ChoiceField(label=_("Group by"), choices=[(name_of(by), title) for by, title in CHOICES])
    team = forms.CharField(label=_("Team"), max_length=255, required=False)
    key = forms.CharField(label=_("Key"), max_length=255, required=False)
    user = forms.CharField(label=_("User"), max_length=255, required=False)
    organization = forms.CharField(label=_("Organization"), max_length=255, required=False)
    customer = forms.CharField(label=_("Customer"), max_length=255, required=False, widget=UnfoldAdminTextInputWidget)
    tag = forms.CharField(label=_("Tag"), max_length=255, required=False, widget=UnfoldAdminTextInputWidget)
    model = forms.CharField(label=_("Model group"), max_length=255, required=False, widget=UnfoldAdminTextInputWidget)
    provider = forms.CharField(label=_("Provider"), max_length=64, required=False, widget=UnfoldAdminTextInputWidget)

    def __init__(self, request: HttpRequest, *, site: "AdminSite", today: date) -> None:
        asked = {name: request.GET[name] for name in self.base_fields if request.GET.get(name)}
        start = month_of(today - timedelta(days=LEAST_DAYS - 1))
        super().__init__({"first": str(start), "last": str(today), "by": name_of(By.TEAM), **asked})
        self._request, self._site = request, site
        self.fields["by"].widget = UnfoldAdminSelectWidget(choices=self.fields["by"].choices)  # type: ignore[attr-defined]
        for name, one in FILTERS.items():
            if one.link is not None:
                widget = self.fields[name].widget = IdAutocomplete(one.link, site)
                widget.label = self._label(one.link.remote_field.model, asked.get(name, ""))

    def _label(self, model: Any, value: str) -> str:
        """The name of what is chosen, for who sees it."""
        if not value or "\x00" in value:
            return ""
        rows = self._site._registry[model].get_queryset(self._request).order_by()
        try:
            found = rows.filter(pk=value).first()
        except (ValueError, OverflowError):
            return ""
        return "" if found is None else str(found)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if first and last and not 0 <= (last - first).days < MOST_DAYS:
            wrong = gettext("From one day to the same or a later one, %(most)s days at most.")
            self.add_error("last", wrong % {"most": MOST_DAYS})
        facets = {name for name in ("customer", "tag") if self.cleaned_data.get(name)}
        facets |= {"customer", "tag"} & {str(self.cleaned_data.get("by"))}
        if len(facets) > 1:
            raise ValidationError(_("Customers and tags are counted apart: ask about one of them at a time."))
        return cleaned

    def question(self) -> Question:
        where = {one.by: [value] for name, one in FILTERS.items() if (value := self.cleaned_data[name])}
        if By.KEY in where:
            where[By.KEY] = hashes_of_name(where[By.KEY][0])
        return Question(
            first=self.cleaned_data["first"],
            last=self.cleaned_data["last"],
            where=where,
            any_of=() if reach_of(self._request).sees_everything else own_calls(self._request),
        )

    @property
    def grouped_by(self) -> By:
        return By[self.cleaned_data["by"].upper()]


def hashes_of_name(text: str) -> list[str]:
    """Of a key by its number or by a hash that it has or had; a hash of no key is itself."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
    if number is None:
        number = VirtualKey.objects.filter(token_hash=text).order_by().values_list("pk", flat=True).first()
    if number is None:
        number = RetiredToken.objects.filter(pk=text).order_by().values_list("key_id", flat=True).first()
    return list(hashes_of(number)) if number is not None else [text]


def own_calls(request: HttpRequest) -> tuple[dict[By, list[str]], ...]:
    """What somebody asked for in person, and what was asked for teams and organizations that they administer."""
    reach = reach_of(request)
    organizations = sorted(reach.administered_organizations)
    mine = {By.USER: [str(request.user.pk)], By.TEAM: sorted(reach.administered_teams), By.ORGANIZATION: organizations}
    return tuple({by: values} for by, values in mine.items() if values)
