"""Sending what waits: claim a delivery, hand it to the transport, write down what came of it.

A claim is a compare-and-swap with a lease. A sender that dies leaves the row in state "sending" and its lease
runs out; one that was only slow finds that its lease is no longer the row's and leaves the row alone.
"""

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from alerts.channel_health import note_delivered, note_failed, note_given_up, switch_off
from alerts.core.backoff import next_retry
from alerts.merging import merge_waiting
from alerts.metrics import note_attempt, note_taken
from alerts.models import AlertChannel, Delivery, DeliveryAttempt, DeliveryState
from alerts.sealed import opened
from alerts.transports import TRANSPORTS
from alerts.transports.base import Receipt, TransportError
from alerts.wakeup import wake_channels

logger = logging.getLogger(__name__)

# Longer than any one sending can take (transports.base.TOTAL_SECONDS).
LEASE = timedelta(seconds=60)
BATCH = 100
# Seconds; well within a lease, as long as a message itself takes.
RECORD_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
MINUTE = timedelta(seconds=60)
# How many failing channels a process tries at a time: half of its threads, so that those that are well find one free.
MOST_TRIALS = 8
TRIAL_PAUSE_SECONDS = 1.0


def flush(*, now: datetime) -> None:
    """Wake a task for each channel that has something due."""
    due = waiting(now=now).filter(_open_channel(now)).order_by().values_list("channel_id", flat=True).distinct()
    wake_channels(list(due))


def deliver_to_channel(*, channel_id: int) -> int:
    """Send what is due on one channel, oldest first; returns how many were tried.

    One thread of a process at a time: many wake-ups for a channel that hangs must not take all the threads there are.
    """
    tried = 0
    if _turns.begin(channel_id):
        try:
            while _turns.goes_on(channel_id):
                tried += _send_due(channel_id)
        except BaseException:
            # Only here: where it has ended by itself, the turn may be another's already.
            _turns.give_up(channel_id)
            raise
    return tried


class _Turns:
    """Who sends to which channel; who comes meanwhile leaves word, and it is looked at once more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: dict[int, bool] = {}

    def begin(self, channel_id: int) -> bool:
        with self._lock:
            is_free = channel_id not in self._wanted
            self._wanted[channel_id] = True
            return is_free

    def goes_on(self, channel_id: int) -> bool:
        """Whether there is something to do; when not, the turn is over."""
        with self._lock:
            if wanted := self._wanted[channel_id]:
                self._wanted[channel_id] = False
            else:
                del self._wanted[channel_id]
            return wanted

    def give_up(self, channel_id: int) -> None:
        with self._lock:
            del self._wanted[channel_id]


_turns = _Turns()


def _send_due(channel_id: int) -> int:
    """More than the channel may be told in a minute goes out as one message; when the minute is used up, it waits."""
    tried = 0
    for _ in range(BATCH):
        channel = AlertChannel.objects.filter(pk=channel_id, enabled=True).first()
        now = timezone.now()
        if channel is None or (channel.not_before and channel.not_before > now):
            break
        if (room := _room(channel, now=now)) == 0:
            wake_channels([channel_id], delay_seconds=_seconds_until_room(channel, now=now))
            break
        if TRANSPORTS[channel.kind].may_merge(channel):
            merge_waiting(channel, waiting(now=now).filter(channel=channel), room=room, now=now)
        with _trial(channel) as may_try:
            if not may_try:
                wake_channels([channel_id], delay_seconds=TRIAL_PAUSE_SECONDS)
                break
            if (delivery := _claim(channel_id, now=now)) is None:
                break
            deliver(delivery, channel=channel)
        tried += 1
    return tried


_trials = threading.BoundedSemaphore(MOST_TRIALS)


@contextmanager
def _trial(channel: AlertChannel) -> Iterator[bool]:
    """Whether it may be tried now; a channel that fails may hang, and keep a thread for as long."""
    if channel.failing_since is None:
        yield True
        return
    may_try = _trials.acquire(blocking=False)
    try:
        yield may_try
    finally:
        if may_try:
            _trials.release()


def deliver(delivery: Delivery, *, channel: AlertChannel) -> None:
    """Send one claimed delivery and record the outcome."""
    # Counted on where somebody has it tried anew.
    number = delivery.attempts.count() + 1
    try:
        attempt = DeliveryAttempt.objects.create(delivery=delivery, number=number, began_at=timezone.now())
    except IntegrityError:
        # Deleted since it was claimed, with its channel or its incident.
        return
    started = time.monotonic()
    try:
        receipt = _notify(delivery, channel)
    except TransportError as error:
        latency_ms = _end(attempt, started, status=error.status, error=str(error))
        _failed(delivery, channel, error, latency_ms=latency_ms)
    else:
        latency_ms = _end(attempt, started, status=receipt.status, response=receipt.body)
        _delivered(delivery, channel, receipt, latency_ms=latency_ms)


def sendable(*, now: datetime) -> QuerySet[Delivery]:
    """Waiting on a channel that may be sent to, and not behind an earlier telling of the same incident."""
    return waiting(now=now).filter(_open_channel(now), ~Exists(_earlier()))


class _OwnFault(TransportError):
    """The channel was not even asked."""


def _notify(delivery: Delivery, channel: AlertChannel) -> Receipt:
    """A fault of our own is tried again like any other, and keeps nothing else that waits from being sent."""
    try:
        return TRANSPORTS[channel.kind].notify(channel, opened(delivery))
    except TransportError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the row must not be tried for ever
        # Without the traceback, whose text may hold the channel's address.
        logger.error("A delivery could not be made into a message", extra={"error": type(error).__name__})  # noqa: TRY400
        raise _OwnFault(f"Not sent, for a fault of the gateway ({type(error).__name__}).") from None


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
    return max(0, channel.most_per_minute - len(_lately(channel, now=now)))


def _seconds_until_room(channel: AlertChannel, *, now: datetime) -> float:
    oldest = min(_lately(channel, now=now), default=None)
    return max(0.0, (oldest + MINUTE - now).total_seconds()) if oldest else 0.0


def _lately(channel: AlertChannel, *, now: datetime) -> list[datetime]:
    """When it was called within the last minute.

    All channels' calls of a minute are few; the other way round all that the channel was ever told would be read.
    """
    calls = DeliveryAttempt.objects.filter(began_at__gt=now - MINUTE).order_by("began_at")
    return [at for channel_id, at in calls.values_list("delivery__channel_id", "began_at") if channel_id == channel.pk]


def _claim(channel_id: int, *, now: datetime) -> Delivery | None:
    due = waiting(now=now).filter(~Exists(_earlier()), channel_id=channel_id)
    for delivery in due.order_by("next_attempt_at", "id")[:10]:
        lease = uuid.uuid4()
        mine = Delivery.objects.filter(pk=delivery.pk, state=delivery.state, attempt=delivery.attempt).update(
            state=DeliveryState.SENDING, attempt=F("attempt") + 1, lease=lease, next_attempt_at=now + LEASE
        )
        if mine:
            return Delivery.objects.get(pk=delivery.pk)
    return None


def _earlier() -> QuerySet[Delivery]:
    """Of one incident, in the order it happened: a channel must not hear of the end before the beginning."""
    return Delivery.objects.filter(
        incident=OuterRef("incident"),
        channel=OuterRef("channel"),
        state__in=[DeliveryState.PENDING, DeliveryState.SENDING],
        created_at__lt=OuterRef("created_at"),
    )


def _end(attempt: DeliveryAttempt, started: float, **columns: object) -> int:
    latency_ms, ended_at = round((time.monotonic() - started) * 1000), timezone.now()
    mine = DeliveryAttempt.objects.filter(pk=attempt.pk)
    _persist(lambda: mine.update(ended_at=ended_at, latency_ms=latency_ms, **columns))
    return latency_ms


def _delivered(delivery: Delivery, channel: AlertChannel, receipt: Receipt, *, latency_ms: int) -> None:
    _finish(
        delivery,
        DeliveryState.DELIVERED,
        last_status=receipt.status,
        last_error="",
        latency_ms=latency_ms,
        sealed="",
    )
    note_attempt(channel, outcome="delivered", seconds=latency_ms / 1000)
    note_taken(delivery, channel)
    now = timezone.now()
    note_delivered(channel, now=now)
    if receipt.quiet_seconds:
        AlertChannel.objects.filter(pk=channel.pk).update(not_before=now + timedelta(seconds=receipt.quiet_seconds))
        wake_channels([channel.pk], delay_seconds=receipt.quiet_seconds)


def _failed(delivery: Delivery, channel: AlertChannel, error: TransportError, *, latency_ms: int) -> None:
    now = timezone.now()
    retry = next_retry(
        attempt=delivery.attempt,
        first_due_at=delivery.created_at,
        now=now,
        retry_after=error.retry_after,
        jitter=random.random(),  # noqa: S311
    )
    no_more = bool(error.most_attempts) and delivery.attempt >= error.most_attempts
    is_given_up = error.permanent or retry.at is None or no_more
    note_attempt(channel, outcome="given_up" if is_given_up else "retry", seconds=latency_ms / 1000)
    facts = {"channel": channel.name, "error": str(error), "attempt": delivery.attempt}
    if retry.at is None or is_given_up:
        logger.error("Gave up on an alert delivery", extra=facts)
        _finish(delivery, DeliveryState.DEAD, last_status=error.status, last_error=str(error))
        if error.gone:
            switch_off(channel)
        note_given_up(channel, delivery, f"{error} It is switched off." if error.gone else str(error), now=now)
        return
    logger.warning("An alert delivery failed and will be tried again", extra=facts)
    not_before = now
    if not isinstance(error, _OwnFault) and not error.left:
        not_before = note_failed(channel, str(error), now=now, retry_after=error.retry_after)
    Delivery.objects.filter(pk=delivery.pk, lease=delivery.lease).update(
        state=DeliveryState.PENDING,
        next_attempt_at=retry.at,
        lease=None,
        last_status=error.status,
        last_error=str(error),
        **({"message": {**delivery.message, "only_to": list(error.left)}} if error.left else {}),
    )
    wake_channels([channel.pk], delay_seconds=(max(retry.at, not_before) - now).total_seconds())


def _finish(delivery: Delivery, state: DeliveryState, **columns: object) -> None:
    mine = Delivery.objects.filter(pk=delivery.pk, lease=delivery.lease)
    _persist(lambda: mine.update(state=state, finished_at=timezone.now(), lease=None, **columns))


def _persist(write: Callable[[], object]) -> None:
    """What was sent and is not written down would be sent again: a database that is away for a moment is waited for."""
    for pause in RECORD_PAUSES:
        try:
            write()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block:
                raise
            logger.warning("The database did not take what became of a delivery; it is told once more")
            connection.close()
            time.sleep(pause)
        else:
            return
    write()
