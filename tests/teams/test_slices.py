"""A slice far down holds the rows that it would hold if all were read."""

import pytest

from teams import slices
from teams.models import VirtualKey

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "DEEP", 4)
    VirtualKey.objects.bulk_create(
        VirtualKey(token_hash=f"{number:064}", name="sk-...", alias=f"key {number}", max_budget_nano=number % 3 or None)
        for number in range(10)
    )


@pytest.mark.parametrize(("first", "last"), [(0, 3), (3, 6), (4, 7), (8, 12), (20, 25)])
def test_a_slice_is_the_same_however_far_down(first: int, last: int) -> None:
    rows = VirtualKey.objects.order_by("-max_budget_nano", "alias").select_related("team")

    assert slices.slice_rows(rows, first, last) == list(rows[first:last])


def test_rows_far_down_bring_what_is_joined_to_them(django_assert_num_queries: object) -> None:
    rows = VirtualKey.objects.order_by("alias").select_related("team")

    with django_assert_num_queries(2):  # type: ignore[operator]
        found = slices.slice_rows(rows, 6, 8)
        assert [(row.alias, row.team) for row in found] == [("key 6", None), ("key 7", None)]
