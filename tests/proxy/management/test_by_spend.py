"""Pages of who spent most: the same rows in the same order, whether few or many balances are looked at."""

from typing import Any

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from budgets.core.allowances import EVER
from budgets.models import Balance, Scope
from proxy.management.by_spend import paginate_by_spend
from teams.models import User, VirtualKey

pytestmark = pytest.mark.django_db
SPENT = [7, 0, 9, 9, 3, None, 9, 1, None, 2, 9, 9]


def spent(scope: Scope, entity: Any, nano: int) -> None:
    Balance.objects.create(
        scope=scope, entity_id=str(entity), period_start=EVER, spent_nano=nano, last_at=timezone.now()
    )


def key(pk: int, nano: int | None) -> None:
    VirtualKey.objects.create(pk=pk, token_hash=f"{pk:0>64}", alias=f"k{pk}", name="sk-...0000")
    if nano is not None:
        spent(Scope.KEY, pk, nano)


@pytest.fixture
def keys() -> QuerySet[VirtualKey]:
    """Numbered from 95, so that some numbers are longer than others; and one that is gone spent most of all."""
    for pk, nano in enumerate(SPENT, start=95):
        key(pk, nano)
    spent(Scope.KEY, 5000, 100)
    return VirtualKey.objects.all()


def pages(rows: QuerySet[Any], scope: Scope, size: int, direction: str = "desc") -> list[Any]:
    """All pages, one after the other, and one that is past the end."""
    found: list[Any] = []
    for number in range(1, len(SPENT) // size + 3):
        page = paginate_by_spend(rows, scope, direction=direction, number=number, size=size)
        assert page.total == len(SPENT)
        found += [row.pk for row in page.rows]
    return found


@pytest.mark.parametrize("size", [1, 2, 5, 12, 20])
def test_keys_that_spent_most_come_first_and_none_is_passed_over(keys: QuerySet[VirtualKey], size: int) -> None:
    wanted = [106, 105, 101, 98, 97, 95, 99, 104, 102, 103, 100, 96]

    assert pages(keys, Scope.KEY, size) == wanted
    assert pages(keys, Scope.KEY, size, "asc") == wanted[::-1]


def test_of_some_keys_those_that_spent_most_come_first(keys: QuerySet[VirtualKey]) -> None:
    some = keys.filter(pk__in=[95, 98, 103])
    page = paginate_by_spend(some, Scope.KEY, direction="desc", number=1, size=2)

    assert ([row.pk for row in page.rows], page.total) == ([98, 95], 3)


def test_more_that_are_gone_than_are_looked_at_change_nothing(keys: QuerySet[VirtualKey]) -> None:
    for pk in range(6000, 6150):
        spent(Scope.KEY, pk, 1000)

    assert pages(keys, Scope.KEY, 5)[:3] == [106, 105, 101]


@pytest.mark.parametrize("size", [1, 5, 20])
def test_users_that_spent_most_come_first_and_none_is_passed_over(size: int) -> None:
    for number, nano in enumerate(SPENT, start=95):
        User.objects.create(id=f"u{number}", username=f"u{number}")
        if nano is not None:
            spent(Scope.USER, f"u{number}", nano)
    wanted = ["u98", "u97", "u106", "u105", "u101", "u95", "u99", "u104", "u102", "u96", "u103", "u100"]

    assert pages(User.objects.all(), Scope.USER, size) == wanted
