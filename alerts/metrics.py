"""What the alert engine says of itself: what it decided, what came of its messages, and what waits at the scrape."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily

from alerts.core.routing import Reason
from alerts.models import CLOSED, AlertChannel, Delivery, DeliveryState, Incident

_CHANNEL = ("channel", "channel_kind")
_CALL_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_DELAY_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400)
_UNDER_WAY = (DeliveryState.PENDING, DeliveryState.SENDING)
GIVEN_UP_WITHIN = timedelta(days=1)

EVENTS = Counter("tollkeeper_alert_events", "Events by what was decided", ("alert_type", "reason"))
DROPPED = Counter("tollkeeper_alert_events_dropped", "Events of which too many kinds waited for the database")
ATTEMPTS = Counter("tollkeeper_alert_delivery_attempts", "Calls of channels", (*_CHANNEL, "outcome"))
DURATION = Histogram(
    "tollkeeper_alert_delivery_duration_seconds",
    "Seconds of a call of a channel",
    ("channel_kind", "outcome"),
    buckets=_CALL_SECONDS,
)
DELAY = Histogram(
    "tollkeeper_alert_delivery_delay_seconds",
    "Seconds from when a message was written until its channel had taken it",
    ("channel_kind",),
    buckets=_DELAY_SECONDS,
)


def note_decision(alert_type: str, reason: Reason, *, count: int) -> None:
    """Once what was decided is committed: what is rolled back is decided again."""
    if count:
        transaction.on_commit(lambda: EVENTS.labels(alert_type, reason).inc(count))


def note_attempt(channel: AlertChannel, *, outcome: str, seconds: float) -> None:
    ATTEMPTS.labels(channel.name, channel.kind, outcome).inc()
    DURATION.labels(channel.kind, outcome).observe(seconds)


def note_taken(delivery: Delivery, channel: AlertChannel) -> None:
    if not delivery.is_digest:
        DELAY.labels(channel.kind).observe(max(0.0, (timezone.now() - delivery.created_at).total_seconds()))


class AlertMetrics:
    """A collector. Raises django.db.Error when the database does not answer."""

    label = "alerts"

    def describe(self) -> list[Any]:
        """Nothing is read before the first scrape."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        channels = list(AlertChannel.objects.order_by("pk").only("name", "kind", "failing_since"))
        yield from _deliveries(channels)
        yield _incidents()
        yield _family(
            "tollkeeper_alert_channel_failing_since_timestamp_seconds",
            "Since when a channel takes nothing",
            ((channel, channel.failing_since.timestamp()) for channel in channels if channel.failing_since),
        )


def _deliveries(channels: Iterable[AlertChannel]) -> Iterator[GaugeMetricFamily]:
    now = timezone.now()
    rows = (
        Delivery.objects.filter(state__in=_UNDER_WAY)
        .order_by()
        .values_list("channel_id")
        .annotate(waiting=Count("pk"), due=Min("next_attempt_at", filter=Q(next_attempt_at__lte=now)))
    )
    waiting = {channel_id: (count, due_at) for channel_id, count, due_at in rows}
    given_up = dict(
        Delivery.objects.filter(state=DeliveryState.DEAD, finished_at__gt=now - GIVEN_UP_WITHIN)
        .order_by()
        .values_list("channel_id")
        .annotate(count=Count("pk"))
    )
    counts, ages, dead = [], [], []
    for channel in channels:
        count, due_at = waiting.get(channel.pk, (0, None))
        counts.append((channel, count))
        ages.append((channel, (now - due_at).total_seconds() if due_at else 0.0))
        dead.append((channel, given_up.get(channel.pk, 0)))
    yield _family("tollkeeper_alert_deliveries_waiting", "Messages on their way", counts)
    yield _family("tollkeeper_alert_oldest_due_seconds", "How long the oldest message that is due has waited", ages)
    yield _family("tollkeeper_alert_deliveries_given_up", "Messages given up within the last day", dead)


def _incidents() -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "tollkeeper_alert_incidents", "Incidents that are not closed", labels=("alert_type", "level", "status")
    )
    rows = Incident.objects.exclude(status__in=CLOSED).order_by("alert_type", "level", "status")
    for alert_type, level, status, count in rows.values_list("alert_type", "level", "status").annotate(Count("pk")):
        family.add_metric([alert_type, level, status], count)
    return family


def _family(name: str, documentation: str, values: Iterable[tuple[AlertChannel, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, documentation, labels=_CHANNEL)
    for channel, value in values:
        family.add_metric([channel.name, channel.kind], value)
    return family
