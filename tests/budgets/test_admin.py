"""What the ledger's page says in a cell."""

import pytest
from django.contrib import admin

from budgets.models import LedgerEntry


@pytest.mark.parametrize(
    ("units", "unit", "shown"),
    [
        (0, "", ""),
        (1, "image", "1 image"),
        (3, "image", "3 images"),
        (4096, "character", "4,096 characters"),
        (1, "query", "1 query"),
        (2, "query", "2 queries"),
        (2500, "millisecond", "2.500 s"),
        (3_600_000, "millisecond", "3,600.000 s"),
    ],
)
def test_units_are_shown_as_one_says_them(units: int, unit: str, shown: str) -> None:
    page = admin.site._registry[LedgerEntry]

    assert page.counted(LedgerEntry(units=units, unit=unit)) == shown  # type: ignore[attr-defined]
    assert "counted" in page.list_display
    assert "unit" in page.list_filter
