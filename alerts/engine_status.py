"""How alerting itself is, in figures: for the API and for the page of settings."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min

from alerts.heartbeat import Heartbeat, heartbeat
from alerts.models import (
    LIVE,
    AlertChannel,
    AlertProcess,
    Delivery,
    DeliveryState,
    EngineState,
    Incident,
)
from alerts.stall import STALLED

_UNFINISHED = (DeliveryState.PENDING, DeliveryState.SENDING)
_DAY = timedelta(days=1)


def engine_status(*, now: datetime) -> dict[str, Any]:
    state = EngineState.load()
    channels = _channels(now=now)
    return {
        "is_well": state.ticked_at is not None and now - state.ticked_at <= STALLED and not state.findings,
        "last_tick_at": state.ticked_at,
        "oldest_due_seconds": max((one["oldest_due_seconds"] for one in channels), default=0.0),
        "channels": channels,
        "incidents": _incidents(),
        "heartbeat": _heartbeat(state, heartbeat()),
        "audit": {"at": state.audited_at, "findings": state.findings},
        "processes": [
            {"host": one.host, "started_at": one.started_at, "seen_at": one.seen_at}
            for one in AlertProcess.objects.order_by("-seen_at", "id")[:100]
        ],
    }


def _channels(*, now: datetime) -> Sequence[dict[str, Any]]:
    """With what waits, and what came of the last day."""
    rows = AlertChannel.objects.order_by("name")
    live = Delivery.objects.filter(state__in=_UNFINISHED).order_by()
    waiting = {
        (channel_id, state): (number, oldest)
        for channel_id, state, number, oldest in live.values_list("channel_id", "state").annotate(
            Count("pk"), Min("next_attempt_at")
        )
    }
    over = Delivery.objects.filter(channel__in=rows, finished_at__gt=now - _DAY).order_by()
    ended = {
        (channel_id, state): number
        for channel_id, state, number in over.values_list("channel_id", "state").annotate(Count("pk"))
    }
    return [_channel(row, waiting, ended, now=now) for row in rows]


def _channel(
    row: AlertChannel,
    waiting: dict[tuple[int, str], tuple[int, datetime]],
    ended: dict[tuple[int, str], int],
    *,
    now: datetime,
) -> dict[str, Any]:
    known = [waiting.get((row.pk, state), (0, now)) for state in _UNFINISHED]
    ends = (DeliveryState.DELIVERED, DeliveryState.MERGED, DeliveryState.DEAD)
    return {
        "channel": row.name,
        "kind": row.kind,
        "team_id": row.team_id or None,
        "enabled": row.enabled,
        "failing_since": row.failing_since,
        "oldest_due_seconds": max(0.0, *((now - oldest).total_seconds() for _, oldest in known)),
        **{state.value: number for state, (number, _) in zip(_UNFINISHED, known, strict=True)},
        "last_day": {state.value: ended.get((row.pk, state), 0) for state in ends},
    }


def _incidents() -> dict[str, int]:
    live = Incident.objects.filter(status__in=LIVE).order_by().values_list("status")
    return dict(live.annotate(number=Count("pk")))


def _heartbeat(state: EngineState, wanted: Heartbeat | None) -> dict[str, Any]:
    """Never the address."""
    return {
        "is_set": wanted is not None,
        "set_by": wanted.set_by if wanted else None,
        "interval_seconds": wanted.interval if wanted else None,
        "last_ping_at": state.pinged_at,
        "status": state.ping_status,
        "answer": state.ping_answer or None,
        "error": state.ping_error or None,
        "failing_since": state.ping_failing_since,
        "withheld": state.ping_withheld or None,
    }
