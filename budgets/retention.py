"""Deleting ledger entries that are older than they are kept, a little at a time. What they add up to stays."""

import time
from datetime import datetime, timedelta
from uuid import UUID

from budgets.models import LedgerEntry, LedgerHorizon, UnrolledBatch

BATCH = 1000
# Half of what a task may take; what is left over is the next run's.
LONGEST_SECONDS = 30.0
# Of the database, and of SQLite's one writer, the ledger must have its share.
PAUSE_SECONDS = 0.05
# A roll-up so far behind has to come first.
MOST_WAITING = 5000


def forget_old_entries(*, now: datetime, kept: timedelta, batch: int = BATCH, seconds: float = LONGEST_SECONDS) -> int:
    """Oldest first, each batch a commit of its own. Returns how many are gone; an entry that no sum holds yet stays."""
    before = now - kept
    _move_horizon(before)
    deadline, count = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        gone = _forget(before, batch)
        count += gone
        if gone < batch:
            break
        time.sleep(PAUSE_SECONDS)
    return count


def _move_horizon(before: datetime) -> None:
    """Forward only: the database refuses to delete what is younger."""
    if not LedgerHorizon.objects.exists():
        # With a number, so that two runs at once make one row.
        LedgerHorizon.objects.get_or_create(pk=1, defaults={"before": before})
    LedgerHorizon.objects.filter(before__lt=before).update(before=before)


def _forget(before: datetime, batch: int) -> int:
    oldest = LedgerEntry.objects.filter(started_at__lt=before).order_by("started_at").values_list("pk", flat=True)
    ids = set(oldest[:batch])
    # Asked after the entries: an entry and the batch that names it are committed at once.
    waiting = list(UnrolledBatch.objects.order_by().values_list("entry_ids", flat=True)[: MOST_WAITING + 1])
    if not ids or len(waiting) > MOST_WAITING:
        return 0
    # However a database spells them.
    ids -= {UUID(entry_id) for entry_ids in waiting for entry_id in entry_ids}
    return LedgerEntry.objects.filter(pk__in=ids).delete()[0]
