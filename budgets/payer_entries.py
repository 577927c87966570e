"""Entries of one payer, found by the keys that called for it: those the days know, and by key the ledger has an index.

An index by each kind of payer would be paid for with every entry.
"""

from datetime import UTC, datetime

from django.db.models import Q, QuerySet

from budgets.models import DailySpend, Facet, LedgerEntry
from budgets.waiting import waiting_entries

# With more of them an index by time is as good.
MOST_KEYS = 200
# Where the days have a payer. An entry's column is of the same name, but for a customer's.
_DAYS = {
    "user_id": lambda value: Q(facet=Facet.CALLS, user_id=value),
    "team_id": lambda value: Q(facet=Facet.CALLS, team_id=value),
    "end_user": lambda value: Q(facet=Facet.CUSTOMER, facet_value=value),
}
PAYERS = frozenset(_DAYS)


def of_payer(
    rows: QuerySet[LedgerEntry],
    column: str,
    value: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[LedgerEntry]:
    """The rows with this value, by a column of PAYERS. Raises django.db.Error.

    `since` and `until` say within which time somebody else bounds the rows, so that fewer keys are looked for.
    """
    rows = rows.filter(**{column: value})
    # First, since what is rolled up between the two questions would be in neither answer.
    waiting = {entry["key_hash"] for entry in waiting_entries() if entry[column] == value}
    days = DailySpend.objects.filter(_DAYS[column](value))
    if since is not None:
        days = days.filter(day__gte=since.astimezone(UTC).date())
    if until is not None:
        days = days.filter(day__lte=until.astimezone(UTC).date())
    called = days.order_by().values_list("key_hash", flat=True).distinct()
    hashes = {*called[: MOST_KEYS + 1], *waiting}
    return rows.filter(key_hash__in=sorted(hashes)) if len(hashes) <= MOST_KEYS else rows
