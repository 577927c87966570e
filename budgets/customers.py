"""End users who appear in the ledger become customers, so that they can be seen, limited and blocked by name."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from budgets.models import LedgerEntry
from teams.models import Customer

# Longer than a long answer takes and a short outage of the worker; who spends again later is found then.
WINDOW = timedelta(minutes=15)
# Whoever makes up names must not keep the worker busy; the rest is for the next time.
_MOST_AT_ONCE = 1000


def note_customers(*, now: datetime) -> int:
    """Make the rows that are missing. Returns how many were made; doing it twice makes none twice."""
    recent = LedgerEntry.objects.filter(started_at__gte=now - WINDOW).exclude(end_user="")
    known = Customer.objects.filter(pk=OuterRef("end_user"))
    missing = recent.filter(~Exists(known)).order_by("end_user").values_list("end_user", flat=True).distinct()
    return sum(_make(end_user) for end_user in missing[:_MOST_AT_ONCE])


def _make(customer_id: str) -> bool:
    try:
        with transaction.atomic():
            Customer.objects.create(id=customer_id)
    except IntegrityError:
        # Somebody else made it meanwhile.
        return False
    return True
