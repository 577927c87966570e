"""Sending what waits: claim a delivery, hand it to the transport, write down what came of it.

A claim is a compare-and-swap with a lease. A sender that dies leaves the row in state "sending" and its lease
runs out; one that was only slow finds that its lease is no longer the row's and leaves the row alone.
"""

import logging
import random
import time
import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from alerts.channel_health import note_delivered, note_failed, note_given_up
from alerts.core.backoff import next_retry
from alerts.core.message import Message
from alerts.merging import merge_waiting
from alerts.models import AlertChannel, Delivery, DeliveryAttempt, DeliveryState
from alerts.transports import TRANSPORTS
from alerts.transports.base import Receipt, TransportError
from alerts.wakeup import wake_channels

logger = logging.getLogger(__name__)

# Longer than any one sending can take (transports.base.TOTAL_SECONDS).
LEASE = timedelta(seconds=60)
BATCH = 100
MINUTE = timedelta(seconds=60)


def flush(*, now: datetime) -> None:
    """Wake a task for each channel that has something due."""
    due = waiting(now=now).filter(_open_channel(now)).order_by().values_list("channel_id", flat=True).distinct()
    wake_channels(list(due))


def deliver_to_channel(*, channel_id: int) -> int:
    """Send what is due on one channel, oldest first; returns how many were tried.

    More than the channel may be told in a minute goes out as one message; when the minute is used up, it waits.
    """
    tried = 0
    for _ in range(BATCH):
        channel = AlertChannel.objects.filter(pk=channel_id, enabled=True).first()
        now = timezone.now()
        if channel is None or (channel.not_before and channel.not_before > now):
            break
        if (room := _room(channel, now=now)) == 0:
            wake_channels([channel_id], delay_seconds=_seconds_until_room(channel, now=now))
            break
        if TRANSPORTS[channel.kind].merges:
            merge_waiting(channel, waiting(now=now).filter(channel=channel), room=room, now=now)
        if (delivery := _claim(channel_id, now=now)) is None:
            break
        deliver(delivery, channel=channel)
        tried += 1
    return tried


def deliver(delivery: Delivery, *, channel: AlertChannel) -> None:
    """Send one claimed delivery and record the outcome."""
    attempt = DeliveryAttempt.objects.create(delivery=delivery, number=delivery.attempt, began_at=timezone.now())
    started = time.monotonic()
    try:
        receipt = TRANSPORTS[channel.kind].notify(channel, Message.from_json(delivery.message))
    except TransportError as error:
        _end(attempt, started, status=error.status, error=str(error))
        _failed(delivery, channel, error)
    else:
        latency_ms = _end(attempt, started, status=receipt.status, response=receipt.body)
        _delivered(delivery, channel, receipt, latency_ms=latency_ms)


def waiting(*, now: datetime) -> QuerySet[Delivery]:
    """Waiting, or in the hands of a sender whose lease ran out."""
    states = Q(state__in=[DeliveryState.PENDING, DeliveryState.SENDING])
    return Delivery.objects.filter(states, next_attempt_at__lte=now)


def retry_now(delivery: Delivery, *, now: datetime) -> bool:
    """Try again what was given up, or what waits for its next try."""
    mine = Delivery.objects.filter(pk=delivery.pk, state__in=[DeliveryState.DEAD, DeliveryState.PENDING]).update(
        state=DeliveryState.PENDING, next_attempt_at=now, created_at=now, attempt=0, finished_at=None
    )
    if mine:
        transaction.on_commit(lambda: wake_channels([delivery.channel_id]))
    return bool(mine)


def _open_channel(now: datetime) -> Q:
    quiet_is_over = Q(channel__not_before__isnull=True) | Q(channel__not_before__lte=now)
    return quiet_is_over & Q(channel__enabled=True)


def _room(channel: AlertChannel, *, now: datetime) -> int | None:
    """How many more messages the channel may be sent within this minute; None without a bound."""
    if not channel.most_per_minute:
        return None
    return max(0, channel.most_per_minute - _lately(channel, now=now).count())


def _seconds_until_room(channel: AlertChannel, *, now: datetime) -> float:
    oldest = _lately(channel, now=now).order_by("began_at").values_list("began_at", flat=True).first()
    return max(0.0, (oldest + MINUTE - now).total_seconds()) if oldest else 0.0


def _lately(channel: AlertChannel, *, now: datetime) -> QuerySet[DeliveryAttempt]:
    return DeliveryAttempt.objects.filter(delivery__channel=channel, began_at__gt=now - MINUTE)


def _claim(channel_id: int, *, now: datetime) -> Delivery | None:
    # Of one incident, in the order it happened: a channel must not hear of the end before the beginning.
    earlier = Delivery.objects.filter(
        incident=OuterRef("incident"),
        channel=OuterRef("channel"),
        state__in=[DeliveryState.PENDING, DeliveryState.SENDING],
        created_at__lt=OuterRef("created_at"),
    )
    due = waiting(now=now).filter(~Exists(earlier), channel_id=channel_id)
    for delivery in due.order_by("next_attempt_at", "id")[:10]:
        lease = uuid.uuid4()
        mine = Delivery.objects.filter(pk=delivery.pk, state=delivery.state, attempt=delivery.attempt).update(
            state=DeliveryState.SENDING, attempt=F("attempt") + 1, lease=lease, next_attempt_at=now + LEASE
        )
        if mine:
            return Delivery.objects.get(pk=delivery.pk)
    return None


def _end(attempt: DeliveryAttempt, started: float, **columns: object) -> int:
    latency_ms = round((time.monotonic() - started) * 1000)
    DeliveryAttempt.objects.filter(pk=attempt.pk).update(ended_at=timezone.now(), latency_ms=latency_ms, **columns)
    return latency_ms


def _delivered(delivery: Delivery, channel: AlertChannel, receipt: Receipt, *, latency_ms: int) -> None:
    _finish(delivery, DeliveryState.DELIVERED, last_status=receipt.status, last_error="", latency_ms=latency_ms)
    note_delivered(channel, now=timezone.now())


def _failed(delivery: Delivery, channel: AlertChannel, error: TransportError) -> None:
    now = timezone.now()
    retry = next_retry(
        attempt=delivery.attempt,
        first_due_at=delivery.created_at,
        now=now,
        retry_after=error.retry_after,
        jitter=random.random(),  # noqa: S311
    )
    facts = {"channel": channel.name, "error": str(error), "attempt": delivery.attempt}
    note_failed(channel, str(error), now=now)
    if error.permanent or retry.at is None:
        logger.error("Gave up on an alert delivery", extra=facts)
        _finish(delivery, DeliveryState.DEAD, last_status=error.status, last_error=str(error))
        note_given_up(channel, delivery, str(error), now=now)
        return
    logger.warning("An alert delivery failed and will be tried again", extra=facts)
    if error.retry_after is not None:
        AlertChannel.objects.filter(pk=channel.pk).update(not_before=now + timedelta(seconds=error.retry_after))
    Delivery.objects.filter(pk=delivery.pk, lease=delivery.lease).update(
        state=DeliveryState.PENDING,
        next_attempt_at=retry.at,
        lease=None,
        last_status=error.status,
        last_error=str(error),
    )
    wake_channels([channel.pk], delay_seconds=(retry.at - now).total_seconds())


def _finish(delivery: Delivery, state: DeliveryState, **columns: object) -> None:
    Delivery.objects.filter(pk=delivery.pk, lease=delivery.lease).update(
        state=state, finished_at=timezone.now(), lease=None, **columns
    )
