"""The keys that spent most, of which some were regenerated."""

from datetime import date

import pytest

from budgets.reports import Question
from proxy.management.spend_names import dearest_keys
from teams.models import RetiredToken, VirtualKey
from tests.budgets.days import day_row, keep_days
from tests.proxy.rows import NOW

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 20)


def test_what_a_key_spent_under_former_hashes_counts_with_it() -> None:
    key = VirtualKey.objects.create(token_hash="new", alias="k", name="sk-...0000")
    for former in ("old", "older"):
        RetiredToken.objects.create(token_hash=former, key=key, valid_until=NOW)
    spent = {"new": 3, "old": 3, "older": 3, "a": 8, "b": 5, "c": 4, "d": 1}
    keep_days(*(day_row(DAY, key_hash=one, amount_nano=nano) for one, nano in spent.items()))

    assert dearest_keys(Question(), limit=1) == [("new", 9)]
    assert dearest_keys(Question(), limit=3) == [("new", 9), ("a", 8), ("b", 5)]
    assert dearest_keys(Question(), limit=9) == [("new", 9), ("a", 8), ("b", 5), ("c", 4), ("d", 1)]
    assert dearest_keys(Question(first=date(2026, 11, 21)), limit=9) == []
