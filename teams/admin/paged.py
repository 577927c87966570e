"""Pages of lists that may have millions of rows."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

from teams.slices import slice_rows

MOST_COUNTED = 10_000


class AtLeast(int):
    def __str__(self) -> str:
        return f"{int(self):,}+"


class Paged(Paginator):  # type: ignore[type-arg]
    """Of rows that a search or filter leaves no more than MOST_COUNTED are counted, and have pages."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, QuerySet) or not rows.query.where:
            return int(super().count)
        counted = rows.order_by()[: MOST_COUNTED + 1].count()
        return counted if counted <= MOST_COUNTED else AtLeast(MOST_COUNTED)

    def page(self, number: int | str) -> Any:
        if not isinstance(self.object_list, QuerySet):
            return super().page(number)
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        return self._get_page(slice_rows(self.object_list, first, first + self.per_page), number, self)  # type: ignore[attr-defined]
