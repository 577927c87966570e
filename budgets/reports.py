"""What was spent: sums over the days of the roll-up, by whatever its rows tell apart. Amounts are nano-dollars."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from django.db.models import F, Field, Min, Q, QuerySet, Sum
from django.db.models.expressions import Combinable
from django.utils import timezone

from budgets.models import DailySpend, Facet, SpendTotal
from budgets.totals import DIMENSIONS, EVERYTHING, last_of_month, month_of


class By(StrEnum):
    """What rows can be told apart by; the values are columns, save for those of a facet."""

    DAY = "day"
    KEY = "key_hash"
    USER = "user_id"
    TEAM = "team_id"
    ORGANIZATION = "organization_id"
    MODEL_GROUP = "model_group"
    MODEL = "model"
    PROVIDER = "provider"
    DEPLOYMENT = "deployment_id"
    CALL_TYPE = "call_type"
    CUSTOMER = "customer"
    TAG = "tag"


G = TypeVar("G")
FACETS = {By.CUSTOMER: Facet.CUSTOMER, By.TAG: Facet.TAG}


@dataclass(frozen=True, slots=True)
class Sums:
    """`requests` are all calls, `failures` those of them that failed; `milliseconds` is the time of the others."""

    amount_nano: int = 0
    requests: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_creation_tokens: int = 0
    milliseconds: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.amount_nano + other.amount_nano,
            self.requests + other.requests,
            self.failures + other.failures,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.cache_creation_tokens + other.cache_creation_tokens,
            self.milliseconds + other.milliseconds,
        )

    @property
    def successes(self) -> int:
        return self.requests - self.failures

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


MEASURES = tuple(one.name for one in fields(Sums))
NO_SPEND = Sums()
_NO_CONDITIONS: Mapping[By, Collection[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Question:
    """Which calls are asked about: those of the days from `first` to `last`, both included, that meet every condition.

    None stands for an open end. `where` holds the values that count; `any_of` conditions of which one must be met,
    which is how somebody sees their own calls and those of teams they administer. `facet` says that calls are counted
    once for each customer or tag, also where nothing else names one.
    """

    first: date | None = None
    last: date | None = None
    where: Mapping[By, Collection[str]] = field(default_factory=lambda: _NO_CONDITIONS)
    any_of: tuple[Mapping[By, Collection[str]], ...] = ()
    facet: Facet = Facet.CALLS


@dataclass(frozen=True, slots=True)
class Group:
    """`values` are those of the dimensions asked by, in their order: a day is a date, all else text."""

    values: tuple[Any, ...]
    sums: Sums


def spend_by(question: Question, *by: By, limit: int | None = None) -> list[Group]:
    """One group for each combination that occurs. With `limit` the dearest; else in no order that counts.

    Raises ValueError when customers and tags meet in one question: no row holds both.
    """
    width = len(by)
    if (kept := _kept(question, by)) is not None:
        return [Group(row[:width], Sums(*row[width:])) for row in _dearest(*kept, limit=limit)]
    columns = [column_of(one) for one in by]
    rows: Any = rows_of(question, *by).order_by().values_list(*columns).annotate(**_SUMS)
    if limit is not None:
        rows = rows.order_by("-sum_amount_nano", *columns)[:limit]
    return [Group(row[:width], Sums(*row[width:])) for row in rows]


def amounts_by(question: Question, *by: By) -> list[tuple[Any, ...]]:
    """The same for a great many groups, bare: the values, and then nano-dollars and tokens."""
    rows = rows_of(question, *by).order_by().values_list(*map(column_of, by))
    tokens = WholeSum(F("prompt_tokens") + F("completion_tokens"))
    return list(rows.annotate(sum_nano=WholeSum("amount_nano"), sum_tokens=tokens))


def total(question: Question) -> Sums:
    kept = _kept(question, (By.DAY,))
    found = (kept[0] if kept else rows_of(question)).aggregate(**_SUMS)
    return Sums(*(found[f"sum_{name}"] or 0 for name in MEASURES))


def values_of(question: Question, by: By, *, limit: int) -> list[str]:
    """The different values that occur, in their order."""
    column = column_of(by)
    rows = rows_of(question, by).order_by(column).values_list(column, flat=True).distinct()
    return list(rows[:limit])


def day_by_day(question: Question, *by: By) -> Iterator[tuple[date, list[Group]]]:
    """Every day on which there was something, oldest first: no more than a day is in memory."""
    return _each_day(question, by, lambda day: spend_by(day, *by))


def amounts_day_by_day(question: Question, *by: By) -> Iterator[tuple[date, list[tuple[Any, ...]]]]:
    """The same, bare as amounts_by has it."""
    return _each_day(question, by, lambda day: amounts_by(day, *by))


def _each_day(
    question: Question, by: tuple[By, ...], ask: Callable[[Question], list[G]]
) -> Iterator[tuple[date, list[G]]]:
    rows = rows_of(question, *by).order_by()
    day = _first_day(rows)
    while day is not None:
        yield day, ask(replace(question, first=day, last=day))
        # Over a gap of days or of years.
        day = _first_day(rows.filter(day__gt=day))


def _first_day(rows: QuerySet[DailySpend]) -> date | None:
    found: date | None = rows.aggregate(first=Min("day"))["first"]
    return found


def rows_of(question: Question, *by: By) -> QuerySet[DailySpend]:
    """The rows themselves, of the one facet that the question and `by` name. Raises ValueError for two."""
    rows = DailySpend.objects.filter(facet=_facet(question, by))
    if question.first is not None:
        rows = rows.filter(day__gte=question.first)
    if question.last is not None:
        rows = rows.filter(day__lte=question.last)
    rows = rows.filter(_all(question.where))
    if question.any_of:
        either = Q(pk__in=())
        for condition in question.any_of:
            # An empty condition is one that everything meets; OR would drop it.
            either |= _all(condition) or ~Q(pk__in=())
        rows = rows.filter(either)
    return rows


def _kept(question: Question, by: tuple[By, ...]) -> tuple[QuerySet[SpendTotal], str, bool] | None:
    """Where budgets.totals has the answer: its rows, the column of their values, and whether each value has one row.

    It has everybody's days, and whole months by one thing alone. This month is whole up to today.
    """
    if question.where or question.any_of or len(by) != 1:
        return None
    facet = _facet(question, by)
    dated: dict[str, date] = {}
    if question.first is not None:
        dated["begins__gte"] = question.first
    if question.last is not None:
        dated["begins__lte"] = question.last
    if by == (By.DAY,):
        rows = SpendTotal.objects.filter(dimension=EVERYTHING, **dated)
        return (rows, "begins", True) if facet == Facet.CALLS else None
    # Of each customer or tag another thing would be told apart by.
    if by[0] not in DIMENSIONS or facet != FACETS.get(by[0], Facet.CALLS) or not _is_of_months(question):
        return None
    first, last = question.first, question.last
    is_one = first is not None and last is not None and month_of(first) == month_of(last)
    if is_one and first is not None:
        # By equality, so that the index gives the order.
        dated = {"begins": first}
    return SpendTotal.objects.filter(dimension=by[0].value, **dated), "value", is_one


def _is_of_months(question: Question) -> bool:
    first, last = question.first, question.last
    if first is not None and first != month_of(first):
        return False
    return last is None or last == last_of_month(last) or last >= timezone.now().astimezone(UTC).date()


def _dearest(rows: QuerySet[SpendTotal], column: str, is_one: bool, *, limit: int | None) -> Any:
    found: Any = rows.order_by()
    if is_one:
        found, amount = found.values_list(column, *MEASURES), "-amount_nano"
    else:
        found, amount = found.values_list(column).annotate(**_SUMS), "-sum_amount_nano"
    return found if limit is None else found.order_by(amount, column)[:limit]


class WholeSum(Sum):
    """Of integers, one that the driver gives as it is: Django's own would convert each, which takes longer than the

    database needs to add them up.
    """

    def __init__(self, expression: str | Combinable) -> None:
        super().__init__(expression, output_field=Field())

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # PostgreSQL's sum of bigints is a numeric.
        return super().as_sql(compiler, connection, template=f"{self.template}::bigint", **context)


_SUMS = {f"sum_{name}": WholeSum(name) for name in MEASURES}


def _facet(question: Question, by: tuple[By, ...]) -> Facet:
    asked = {one for condition in (question.where, *question.any_of) for one in condition} | set(by)
    facets = sorted({FACETS[one] for one in asked & FACETS.keys()} | {question.facet} - {Facet.CALLS})
    if len(facets) > 1:
        raise ValueError("no row of the roll-up holds customers and tags at once")
    return facets[0] if facets else Facet.CALLS


def column_of(by: By) -> str:
    """Of the roll-up's row."""
    return "facet_value" if by in FACETS else by.value


def _all(condition: Mapping[By, Collection[str]]) -> Q:
    found = Q()
    for by, values in condition.items():
        wanted = sorted(values)
        # One value goes by equality: an index then also gives the order.
        found &= Q(**{column_of(by): wanted[0]}) if len(wanted) == 1 else Q(**{f"{column_of(by)}__in": wanted})
    return found
