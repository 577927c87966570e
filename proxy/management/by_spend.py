"""Pages of a list that is sorted by what each row ever spent."""

from typing import TypeVar

from django.db.models import Model, QuerySet

from budgets.models import Scope
from budgets.spend import dearest, with_spend
from proxy.management.pages import Page, ordered, paginate

M = TypeVar("M", bound=Model)
# As far down, those that spent most are found among the balances. Who has a balance may be gone.
_FIRST, _SPARE = 1000, 100


def paginate_by_spend(rows: QuerySet[M], scope: Scope, *, direction: str, number: int, size: int) -> Page[M]:
    """`rows` are in no order. The first pages of everything cost no look at each row's balance."""
    is_everything = not rows.query.where and not rows.query.distinct
    if direction == "desc" and is_everything and number * size <= _FIRST:
        found = _dearest(rows, scope, number * size)
        if len(found) == number * size:
            return Page(rows=found[-size:], total=rows.count(), number=number, size=size)
    return paginate(ordered(with_spend(rows, scope), "spent_nano", direction), number=number, size=size)


def _dearest(rows: QuerySet[M], scope: Scope, most: int) -> list[M]:
    """Fewer than `most` where more than some of the dearest are gone, or the others spent nothing."""
    ids = dearest(scope, limit=most + _SPARE)
    found = {str(row.pk): row for row in rows.filter(pk__in=ids)}
    return [found[one] for one in ids if one in found][:most]
