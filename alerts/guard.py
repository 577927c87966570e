"""Who guards the alert engine: an audit every minute and a heartbeat, each by one of however many beats tick."""

from datetime import datetime, timedelta

from alerts.audit import audit
from alerts.heartbeat import beat, heartbeat
from alerts.models import EngineState

AUDIT_EVERY = timedelta(seconds=60)
# A time further ahead than this and the interval was written when the interval was another.
_SLACK = timedelta(minutes=10)


def tick(*, now: datetime) -> None:
    """Called by beat, through a worker: that it is, is half of what the heartbeat says."""
    if not EngineState.objects.filter(pk=1).update(ticked_at=now):
        EngineState.objects.bulk_create([EngineState(ticked_at=now)], ignore_conflicts=True)
    if _claim("next_audit_at", AUDIT_EVERY, now=now):
        audit(now=now)
    wanted = heartbeat()
    if wanted is not None and _claim("next_ping_at", timedelta(seconds=wanted.interval), now=now):
        beat(wanted, now=now)


def _claim(column: str, every: timedelta, *, now: datetime) -> bool:
    """Whether this turn is ours. Turns keep their distance, however late a tick comes."""
    due = getattr(EngineState.load(), column)
    if due is not None and now < due <= now + every + _SLACK:
        return False
    keeps_pace = due is not None and now < due + every <= now + every
    following = due + every if keeps_pace else now + every
    return bool(EngineState.objects.filter(pk=1, **{column: due}).update(**{column: following}))
