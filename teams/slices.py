"""A slice of many rows, however far down it begins."""

from typing import TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)
# From here on passing over a row with all that is joined to it costs more than a second query.
DEEP = 2000


def slice_rows(rows: QuerySet[M], first: int, last: int) -> list[M]:
    """Of ordered rows. Those far down are found by their keys alone, as an index has them."""
    if first < DEEP or rows.query.distinct:
        return list(rows[first:last])
    keys = list(rows.values_list("pk", flat=True)[first:last])
    found = {row.pk: row for row in rows.order_by().filter(pk__in=keys)}
    return [found[key] for key in keys if key in found]
