"""Pages of lists that may have millions of rows."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

from teams.slices import slice_rows

MOST_COUNTED = 10_000
_FEW = 500


class AtLeast(int):
    def __str__(self) -> str:
        return f"{int(self):,}+"


class Paged(Paginator):  # type: ignore[type-arg]
    """Of rows that a search or filter leaves no more than MOST_COUNTED are counted, and have pages.

    Where it leaves a few, those are looked for once: what reads a table for want of an index does not read it twice.
    """

    _few: list[Any] | None = None

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, QuerySet) or not rows.query.where:
            return int(super().count)
        found = list(rows.order_by().values_list("pk", flat=True)[: MOST_COUNTED + 1])
        if len(found) > MOST_COUNTED:
            return AtLeast(MOST_COUNTED)
        self._few = found if len(found) <= _FEW else None
        return len(found)

    def page(self, number: int | str) -> Any:
        if not isinstance(self.object_list, QuerySet):
            return super().page(number)
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        rows = self.object_list if self._few is None else self.object_list.filter(pk__in=self._few)
        return self._get_page(slice_rows(rows, first, first + self.per_page), number, self)  # type: ignore[attr-defined]
