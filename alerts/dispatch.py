"""Sending what waits: claim a delivery, hand it to the transport, write down what came of it.

A claim is a compare-and-swap with a lease. A sender that dies leaves the row in state "sending" and its lease
runs out; one that was only slow finds that its lease is no longer the row's and leaves the row alone.
"""

import logging
import random
import time
import uuid
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from alerts.core.backoff import next_retry
from alerts.core.message import Message
from alerts.models import AlertChannel, Delivery, DeliveryState
from alerts.transports import TRANSPORTS
from alerts.transports.base import Receipt, TransportError
from alerts.wakeup import wake_channels

logger = logging.getLogger(__name__)

# Longer than any one sending can take (transports.base.TOTAL_SECONDS).
LEASE = timedelta(seconds=60)
BATCH = 100


def flush(*, now: datetime) -> None:
    """Wake a task for each channel that has something due."""
    due = _due(now=now).filter(_open_channel(now)).order_by().values_list("channel_id", flat=True).distinct()
    wake_channels(list(due))


def deliver_to_channel(*, channel_id: int) -> int:
    """Send what is due on one channel, oldest first; returns how many were tried."""
    tried = 0
    for _ in range(BATCH):
        channel = AlertChannel.objects.filter(pk=channel_id, enabled=True).first()
        now = timezone.now()
        if channel is None or (channel.not_before and channel.not_before > now):
            break
        if (delivery := _claim(channel_id, now=now)) is None:
            break
        deliver(delivery, channel=channel)
        tried += 1
    return tried


def deliver(delivery: Delivery, *, channel: AlertChannel) -> None:
    """Send one claimed delivery and record the outcome."""
    started = time.monotonic()
    try:
        receipt = TRANSPORTS[channel.kind].notify(channel, Message.from_json(delivery.message))
    except TransportError as error:
        _failed(delivery, channel, error)
    else:
        _delivered(delivery, receipt, latency_ms=round((time.monotonic() - started) * 1000))


def _due(*, now: datetime) -> QuerySet[Delivery]:
    """Waiting, or in the hands of a sender whose lease ran out."""
    waiting = Q(state__in=[DeliveryState.PENDING, DeliveryState.SENDING])
    return Delivery.objects.filter(waiting, next_attempt_at__lte=now)


def _open_channel(now: datetime) -> Q:
    quiet_is_over = Q(channel__not_before__isnull=True) | Q(channel__not_before__lte=now)
    return quiet_is_over & Q(channel__enabled=True)


def _claim(channel_id: int, *, now: datetime) -> Delivery | None:
    for delivery in _due(now=now).filter(channel_id=channel_id).order_by("next_attempt_at", "id")[:10]:
        lease = uuid.uuid4()
        mine = Delivery.objects.filter(pk=delivery.pk, state=delivery.state, attempt=delivery.attempt).update(
            state=DeliveryState.SENDING, attempt=delivery.attempt + 1, lease=lease, next_attempt_at=now + LEASE
        )
        if mine:
            return Delivery.objects.get(pk=delivery.pk)
    return None


def _delivered(delivery: Delivery, receipt: Receipt, *, latency_ms: int) -> None:
    _finish(delivery, DeliveryState.DELIVERED, last_status=receipt.status, last_error="", latency_ms=latency_ms)


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
    if error.permanent or retry.at is None:
        logger.error("Gave up on an alert delivery", extra=facts)
        _finish(delivery, DeliveryState.DEAD, last_status=error.status, last_error=str(error))
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
