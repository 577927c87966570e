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
from budgets.totals import DAILY, EVERYTHING, last_of_month, month_of


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
        return [Group(row[:width], Sums(*row[width:])) for row in kept.groups(limit=limit)]
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
    found = (kept.rows if kept else rows_of(question)).aggregate(**_SUMS)
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


@dataclass(frozen=True, slots=True)
class _Kept:
    """Rows of totals, and what is told apart by: columns of which each combination `is_single` in the rows, or not."""

    rows: QuerySet[SpendTotal]
    columns: tuple[str, ...]
    is_single: bool

    def groups(self, *, limit: int | None) -> Any:
        rows: Any = self.rows.order_by()
        if self.is_single:
            found, amount = rows.values_list(*self.columns, *MEASURES), "-amount_nano"
        else:
            found, amount = rows.values_list(*self.columns).annotate(**_SUMS), "-sum_amount_nano"
        return found if limit is None else found.order_by(amount, *self.columns)[:limit]


def _kept(question: Question, by: tuple[By, ...]) -> _Kept | None:
    """Where budgets.totals has the answer: everybody's, by one thing and by days of it if those are kept, or else of

    whole months. This month is whole up to today.
    """
    things = [one for one in by if one is not By.DAY]
    if question.where or question.any_of or not by or len(things) > 1 or len(by) > 2:
        return None
    facet, dimension = _facet(question, by), things[0].value if things else EVERYTHING
    # Of each customer or tag another thing would be told apart by.
    if facet != (FACETS.get(things[0], Facet.CALLS) if things else Facet.CALLS):
        return None
    if dimension not in DAILY and (By.DAY in by or not _is_of_months(question)):
        return None
    first, last = question.first, question.last
    dated: dict[str, date] = {}
    if first is not None:
        dated["begins__gte"] = first
    if last is not None:
        dated["begins__lte"] = last
    is_one = first is not None and last is not None and _begins(dimension, first) == _begins(dimension, last)
    if is_one and first is not None:
        # By equality, so that the index gives the order.
        dated = {"begins": first}
    rows = SpendTotal.objects.filter(dimension=dimension, **dated)
    columns = tuple("begins" if one is By.DAY else "value" for one in by)
    return _Kept(rows, columns, is_single=is_one or By.DAY in by)


def _begins(dimension: str, day: date) -> date:
    return day if dimension in DAILY else month_of(day)


def _is_of_months(question: Question) -> bool:
    first, last = question.first, question.last
    if first is not None and first != month_of(first):
        return False
    return last is None or last == last_of_month(last) or last >= timezone.now().astimezone(UTC).date()


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
