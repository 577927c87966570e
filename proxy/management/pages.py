"""Pages of a list: what was asked for, and the numbers around it."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet

from teams.errors import Invalid
from teams.slices import slice_rows

M = TypeVar("M", bound=Model)
MOST_BESIDE = 50_000


@dataclass(frozen=True)
class Page(Generic[M]):
    rows: list[M]
    total: int
    number: int
    size: int

    @property
    def pages(self) -> int:
        return -(-self.total // self.size)


def paginate(rows: QuerySet[M], *, number: int, size: int) -> Page[M]:
    """`rows` are ordered. A page beyond the last is empty."""
    total = rows.count()
    first = (number - 1) * size
    found = slice_rows(rows, first, first + size) if first < total else []
    return Page(rows=found, total=total, number=number, size=size)


def ensure_few(rows: "QuerySet[Any]", *, what: str) -> None:
    """Of what an answer holds beside the rows of its page. Raises Invalid when it would fill the process's memory."""
    if rows.order_by()[: MOST_BESIDE + 1].count() > MOST_BESIDE:
        sentence = (
            f"They have more than {MOST_BESIDE} {what}, which is too much for one answer: ask for fewer at a time"
        )
        raise Invalid(f"{sentence}, by page and page_size.", param="page_size")


def ordered(rows: QuerySet[M], column: str, direction: str, *, then: str = "pk") -> QuerySet[M]:
    sign = "-" if direction == "desc" else ""
    return rows.order_by(f"{sign}{column}", f"{sign}{then}")


def numbers(page: "Page[Any]") -> dict[str, int]:
    """As the key routes spell them."""
    return {"total_count": page.total, "current_page": page.number, "total_pages": page.pages}
