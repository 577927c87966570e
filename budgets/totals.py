"""Everybody's spend by one thing alone, added up beforehand: of each day where that has few values, of each month else.

Pages and questions about everybody would else read every row of DailySpend. The roll-up adds to both in the same
transaction; where they differ nevertheless, as while a former version still rolls up, DailySpend is right.
"""

from calendar import monthrange
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet, Sum

from budgets.additions import add_by_key
from budgets.models import DailySpend, Facet, SpendTotal

KEY = ("dimension", "begins", "value")
SUMS = (
    "amount_nano", "requests", "failures", "prompt_tokens", "completion_tokens", "cached_tokens",
    "cache_creation_tokens", "milliseconds",
)  # fmt: skip
# A dimension of one value, the empty one.
EVERYTHING = ""
COLUMNS = (
    "key_hash", "user_id", "team_id", "organization_id", "call_type", "model_group", "model", "provider",
    "deployment_id",
)  # fmt: skip
# Those of a few values, however many call.
DAILY = frozenset({EVERYTHING, "call_type", "model_group", "model", "provider", "deployment_id"})
DIMENSIONS = frozenset({EVERYTHING, *COLUMNS, Facet.CUSTOMER, Facet.TAG})
# What a row of DailySpend agrees in.
AGREE = ("day", "facet", "facet_value", *COLUMNS)
_NOTHING = (0,) * len(SUMS)
_CHUNK = 2000
Sums = Sequence[int]
Totals = dict[tuple[str, date, str], list[int]]


def month_of(day: date) -> date:
    return day.replace(day=1)


def last_of_month(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def add_totals(days: Mapping[tuple[Any, ...], Sums]) -> None:
    """In the transaction that adds these to DailySpend. By what its rows agree in, as budgets.rollup has them."""
    add_by_key(SpendTotal, _totals(days.items()), key=KEY, sums=SUMS)


def take_totals(gone: QuerySet[DailySpend]) -> None:
    """In the transaction that is about to delete these rows."""
    rows = gone.order_by().values_list(*AGREE, *SUMS)
    taken = _totals((row[: len(AGREE)], [-number for number in row[len(AGREE) :]]) for row in rows)
    add_by_key(SpendTotal, taken, key=KEY, sums=SUMS)
    SpendTotal.objects.filter(**dict.fromkeys(SUMS, 0)).delete()


def _totals(rows: Iterable[tuple[Sequence[Any], Sums]]) -> Totals:
    found: Totals = {}
    for (day, facet, facet_value, *values), sums in rows:
        month = month_of(day)
        if facet:
            keys = [(str(facet), month, facet_value)]
        else:
            keys = [(EVERYTHING, day, "")]
            keys += [
                (column, day if column in DAILY else month, value)
                for column, value in zip(COLUMNS, values, strict=True)
            ]
        for key in keys:
            known = found.get(key)
            found[key] = list(sums) if known is None else [old + new for old, new in zip(known, sums, strict=True)]
    return found


def mend_lately(*, now: datetime) -> list[date]:
    """The months, of this one and the last, of whose days some differed; all their totals are made anew.

    In the transaction of `sums_locked`.
    """
    this = month_of(now.astimezone(UTC).date())
    found = [month for month in (month_of(this - timedelta(days=1)), this) if count_wrong(month, (EVERYTHING,))]
    for month in found:
        mend(month)
    return found


def mend(month: date) -> None:
    """Make the totals of a month what its rows of DailySpend add up to, in the transaction of `sums_locked`."""
    first, last = month.isoformat(), last_of_month(month).isoformat()
    SpendTotal.objects.filter(begins__gte=month, begins__lte=last_of_month(month)).delete()
    made = f"INSERT INTO {SpendTotal._meta.db_table} ({', '.join((*KEY, *SUMS))}) SELECT %s, "
    sums = ", ".join(f"sum({name})" for name in SUMS)
    rows = f"FROM {DailySpend._meta.db_table} WHERE facet = %s AND day >= %s AND day <= %s GROUP BY"
    with connection.cursor() as cursor:
        for dimension in sorted(DIMENSIONS):
            column, facet = _source(dimension)
            if dimension in DAILY:
                statement = f"{made} day, {column}, {sums} {rows} day, {column}"
                cursor.execute(statement, [dimension, facet, first, last])
            else:
                cursor.execute(f"{made} %s, {column}, {sums} {rows} {column}", [dimension, first, facet, first, last])


def months() -> list[date]:
    """Those of which there is something, oldest first."""
    days = {*DailySpend.objects.order_by().values_list("day", flat=True).distinct()}
    totals = SpendTotal.objects.filter(dimension=EVERYTHING).order_by().values_list("begins", flat=True)
    return sorted({month_of(day) for day in {*days, *totals}})


def count_wrong(month: date, dimensions: Collection[str] = DIMENSIONS) -> int:
    """How many totals of a month are not what DailySpend says, in the transaction of `sums_locked`."""
    return sum(_count_wrong(month, dimension) for dimension in dimensions)


def _count_wrong(month: date, dimension: str) -> int:
    last = last_of_month(month)
    rows = SpendTotal.objects.filter(dimension=dimension, begins__gte=month, begins__lte=last).order_by()
    chunks = rows.values_list("begins", "value", *SUMS).iterator(chunk_size=_CHUNK)
    known = {row[:2]: row[2:] for row in chunks if any(row[2:])}
    column, facet = _source(dimension)
    days = DailySpend.objects.filter(facet=facet, day__gte=month, day__lte=last).order_by()
    names = ("day", column) if dimension in DAILY else (column,)
    added: Any = days.values_list(*names).annotate(**{f"sum_{one}": Sum(one) for one in SUMS})
    wrong = 0
    for row in added.iterator(chunk_size=_CHUNK):
        begins, value = row[:2] if dimension in DAILY else (month, row[0])
        wrong += known.pop((begins, value), _NOTHING) != row[-len(SUMS) :]
    return wrong + len(known)


def _source(dimension: str) -> tuple[str, str]:
    """The column of DailySpend, and the facet of its rows. Everything's is empty in each row, as is its facet."""
    return ("facet_value", dimension) if dimension in Facet.values else (dimension, Facet.CALLS.value)
