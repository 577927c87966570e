"""The operator's table of prices as it is in force at one instant: looked up without asking the database again."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from budgets.models import ModelPrice


@dataclass(frozen=True, slots=True)
class BookEntry:
    """`prices` are LiteLLM's price fields; `limits` its max_tokens, max_input_tokens and max_output_tokens."""

    model: str
    prices: Mapping[str, Any]
    limits: Mapping[str, int | None]
    deprecation_date: date | None = None


@dataclass(frozen=True, slots=True)
class PriceBook:
    """`changes_at` is when the next price begins, None when none is known."""

    exact: Mapping[tuple[str, str], BookEntry] = field(default_factory=dict)
    patterns: Mapping[str, Sequence[tuple[re.Pattern[str], BookEntry]]] = field(default_factory=dict)
    changes_at: datetime | None = None

    def find(self, provider: str, model: str) -> BookEntry | None:
        """By its own name, else by the most particular pattern."""
        if (entry := self.exact.get((provider, model))) is not None:
            return entry
        return next((entry for pattern, entry in self.patterns.get(provider, ()) if pattern.fullmatch(model)), None)


def load_price_book(*, now: datetime) -> PriceBook:
    """Two queries, however many prices and models there are."""
    exact: dict[tuple[str, str], BookEntry] = {}
    patterns: dict[str, list[tuple[str, BookEntry]]] = {}
    rows = ModelPrice.objects.current(now=now).order_by()
    limits = ("max_tokens", "max_input_tokens", "max_output_tokens")
    columns = ("provider", "model", "prices", "deprecation_date", *limits)
    for provider, model, prices, deprecation_date, *most in rows.values_list(*columns):
        if not prices:
            continue
        entry = BookEntry(model, prices, dict(zip(limits, most, strict=True)), deprecation_date)
        if "*" in model:
            patterns.setdefault(provider, []).append((model, entry))
        else:
            exact[provider, model] = entry
    later = ModelPrice.objects.future(now=now).order_by("effective_from")
    return PriceBook(
        exact=exact,
        patterns={provider: _compiled(found) for provider, found in patterns.items()},
        changes_at=later.values_list("effective_from", flat=True).first(),
    )


def _compiled(found: list[tuple[str, BookEntry]]) -> list[tuple[re.Pattern[str], BookEntry]]:
    """The longest first: it says most about the name."""
    found.sort(key=lambda one: (-len(one[0].replace("*", "")), one[0]))
    return [(re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL), entry) for pattern, entry in found]
