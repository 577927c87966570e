"""Setting right what an entry of the ledger cost: by another entry that holds the difference, and never by a change."""

import secrets
from datetime import datetime
from uuid import uuid4

from django.db import transaction
from django.db.models import Sum

from budgets.core.uuid7 import uuid7
from budgets.directory import Directory
from budgets.entries import Entry, insert
from budgets.models import HEALTH_CHECK_KEY, Basis, LedgerEntry, SpendAdjustment
from budgets.rollup import payers_of
from teams import audit
from teams.errors import Invalid
from teams.money import to_dollars

CALL_TYPE = "adjustment"
OBJECT_TYPE = "ledger_entry"


def can_be_corrected(entry: LedgerEntry) -> bool:
    """A correction is corrected by another one of the same entry."""
    return entry.corrects is None and entry.key_hash != HEALTH_CHECK_KEY


def corrected_nano(entry: LedgerEntry) -> int:
    """What the entry and its corrections come to."""
    # Corrections carry the time of what they correct, and by time there is an index.
    rows = LedgerEntry.objects.filter(started_at=entry.started_at, corrects=entry.pk)
    return entry.amount_nano + (rows.aggregate(sum=Sum("amount_nano"))["sum"] or 0)


@transaction.atomic
def correct_amount(entry: LedgerEntry, *, to_nano: int, reason: str, now: datetime, actor_id: str) -> int:
    """Returns the difference, nano-dollars. Who pays for the entry pays the difference, in the entry's own period.

    The caller holds the entry's row, so that two corrections at once do not both start from the same amount.
    Raises Invalid when there is nothing to correct.
    """
    if not can_be_corrected(entry):
        raise Invalid("Only what a client asked for is corrected, and a correction by another one of the same entry.")
    before = corrected_nano(entry)
    if before == to_nano:
        raise Invalid("This is what it costs already.")
    correction = _correction(entry, to_nano - before, now=now)
    insert([correction.encode()])
    _count_anew(entry, now=now, actor_id=actor_id)
    audit.note(
        OBJECT_TYPE, entry, before={"amount": to_dollars(before)},
        after={"amount": to_dollars(to_nano), "reason": reason, "correction": str(correction.id)},
    )  # fmt: skip
    return to_nano - before


def _correction(entry: LedgerEntry, amount_nano: int, *, now: datetime) -> Entry:
    """With the payers and the period of what it corrects, and none of its tokens: it is no call of its own."""
    copied = {name: getattr(entry, name) for name in _COPIED}
    return Entry(
        **copied,
        id=uuid7(unix_ms=int(now.timestamp() * 1000), random_bits=secrets.randbits(74)),
        request_id=uuid4(),
        attempt=0,
        call_type=CALL_TYPE,
        status="success",
        status_code=200,
        stream=False,
        basis=Basis.CORRECTION,
        amount_nano=amount_nano,
        corrects=entry.pk,
    )


_COPIED = (
    "call_id", "started_at", "ended_at", "key_hash", "key_alias", "user_id", "team_id", "organization_id", "end_user",
    "tags", "requested_model", "model_group", "deployment_id", "provider", "model", "service_tier",
)  # fmt: skip


def _count_anew(entry: LedgerEntry, *, now: datetime, actor_id: str) -> None:
    """Where requests are admitted nobody reads the ledger again, save after an adjustment: one of nothing."""
    payers = payers_of({name: getattr(entry, name) for name in _PAYERS})
    directory = Directory([payers])
    for scope, entity_id in directory.entities(payers):
        if (scope, entity_id) in directory.allowances:
            SpendAdjustment.objects.create(scope=scope, entity_id=entity_id, amount_nano=0, at=now, actor_id=actor_id)


_PAYERS = (
    "key_hash", "user_id", "team_id", "organization_id", "end_user", "tags", "model_group", "provider", "deployment_id",
)  # fmt: skip
