"""Rules of forms: what `Limits` have in common, and what a person may not grant beyond another's limits."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from teams.access import Reach
from teams.admin.fields import know_choices
from teams.admin.texts import Text, dollars
from teams.model_lists import within
from teams.models import Limits

MONEY = "max_budget_nano"
RATES = ("tpm_limit", "rpm_limit", "tpd_limit", "max_parallel_requests")
LIMIT_FIELDS = (
    ("max_budget_nano", "budget_duration"),
    ("soft_budget_nano", "temp_budget_increase_nano"),
    "temp_budget_expiry",
    ("tpm_limit", "rpm_limit"),
    ("tpd_limit", "max_parallel_requests"),
    ("budget_limits", "model_max_budget"),
)


class RowForm(forms.ModelForm):  # type: ignore[type-arg]
    """`reach` is of the person who fills it in, put into the class by the page."""

    reach: Reach

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        know_choices(self)

    def add_error(self, field: str | None, error: Any) -> None:
        """What is wrong with a column that stands on no page is told above the form."""
        if field is None and hasattr(error, "error_dict"):
            for name, found in error.error_dict.items():
                super().add_error(name if name in self.fields else None, ValidationError(found))
        else:
            super().add_error(field if field is None or field in self.fields else None, error)

    def changed(self, *names: str) -> bool:
        return not set(names).isdisjoint(self.changed_data)

    def ensure_within(self, granted: Collection[str], *, whose: Text, field: str = "allowed_models") -> None:
        wanted = self.cleaned_data.get(field)
        if wanted and not within(wanted, granted):
            self.add_error(
                field,
                _("Not all of these are among %(whose)s: %(names)s.") % {"whose": whose, "names": ", ".join(granted)},
            )

    def ensure_not_above(self, giver: Limits, names: Collection[str], *, whose: Text, none_too: bool = False) -> None:
        """`none_too`: an empty field, which means no limit, is above any limit."""
        for name in names:
            wanted, limit = self.cleaned_data.get(name), getattr(giver, name)
            if name not in self.cleaned_data or limit is None or (wanted is None and not none_too):
                continue
            if wanted is None or wanted > limit:
                shown = dollars(limit) if name == MONEY else f"{limit:,}"
                self.add_error(
                    name,
                    _("%(whose)s limit is %(limit)s; this cannot be more.")
                    % {"whose": capfirst(str(whose)), "limit": shown},
                )


class LimitsForm(RowForm):
    """Of rows that have limits of their own."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        begin_period(self.instance, self, now=timezone.now())
        return cleaned


def begin_period(row: Limits, form: forms.BaseForm, *, now: datetime) -> None:
    """What was spent before a budget was given, or before its period was another, does not count in it."""
    changed = set(form.changed_data)
    spends = form.cleaned_data.get(MONEY) is not None or form.cleaned_data.get("budget_limits")
    given = spends and row.budget_started_at is None and not changed.isdisjoint((MONEY, "budget_limits"))
    if given or "budget_duration" in changed:
        row.budget_started_at = now
