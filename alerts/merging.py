"""Several alerts in one message: what is told as a digest, and what is more than a channel may be sent in a minute."""

import uuid
from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet

from alerts.core.message import Message, timestamp
from alerts.models import AlertChannel, Delivery, DeliveryKind, DeliveryState

MOST_IN_ONE = 200
# So many at once nobody reads one by one, whatever the channel would take.
MERGED_ABOVE = 20


def merge_waiting(
    channel: AlertChannel, due: QuerySet[Delivery], *, room: int | None, now: datetime
) -> Delivery | None:
    """Put what is due into one message, where it has to be; the new delivery that speaks for all of them.

    `room` is how many messages the channel may be sent now; None of one that takes any number.
    """
    rows = list(
        due.filter(state=DeliveryState.PENDING)
        .exclude(kind=DeliveryKind.DIGEST)
        .order_by("next_attempt_at", "id")[: MOST_IN_ONE + 1]
    )
    too_many = room is not None and len(rows) > min(room, MERGED_ABOVE)
    merged = rows[:MOST_IN_ONE] if too_many else [row for row in rows if row.is_digest]
    if len(merged) < 2:
        return None
    return _merge(channel, merged, now=now)


@transaction.atomic
def _merge(channel: AlertChannel, rows: list[Delivery], *, now: datetime) -> Delivery | None:
    ids = [row.pk for row in rows]
    locked = Delivery.objects.select_for_update(skip_locked=True) if _can_lock() else Delivery.objects
    mine = list(locked.filter(pk__in=ids, state=DeliveryState.PENDING).order_by("next_attempt_at", "id"))
    if len(mine) < 2:
        return None
    made = uuid.uuid4()
    digest = Delivery.objects.create(
        id=made,
        incident_id=mine[-1].incident_id,
        channel=channel,
        kind=DeliveryKind.DIGEST,
        message=digest_message([Message.from_json(row.message) for row in mine], at=now, id=str(made)).as_json(),
        created_at=min(row.created_at for row in mine),
        next_attempt_at=now,
    )
    Delivery.objects.filter(pk__in=[row.pk for row in mine], state=DeliveryState.PENDING).update(
        state=DeliveryState.MERGED, merged_into=digest, finished_at=now
    )
    return digest


def digest_message(messages: list[Message], *, at: datetime, id: str) -> Message:  # noqa: A002
    """One message that lists many: the highest level, and a line of each, by type."""
    lines: dict[str, list[str]] = {}
    for message in messages:
        times = f" ({message.count} times)" if message.count > 1 else ""
        lines.setdefault(message.alert_type, []).append(f"{message.at} {message.heading}{times}")
    types = sorted(lines)
    return Message(
        kind=DeliveryKind.DIGEST,
        alert_type=types[0] if len(types) == 1 else "digest",
        level=min((message.level for message in messages), key=_RANK.index),
        title=f"{len(messages)} alerts: {', '.join(f'{len(lines[name])} {name}' for name in types)}",
        at=timestamp(at),
        count=len(messages),
        link=messages[-1].link,
        id=id,
        opened_at=min(message.opened_at or message.at for message in messages),
        sections=tuple((name, tuple(lines[name])) for name in types),
    )


_RANK = ("High", "Medium", "Low")


def _can_lock() -> bool:
    return connection.features.has_select_for_update_skip_locked
