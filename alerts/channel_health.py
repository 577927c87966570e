"""Whether a channel takes what it is sent, kept at its row, and told through the other channels when it does not."""

from datetime import datetime, timedelta

from alerts import incidents
from alerts.core.backoff import pause_seconds
from alerts.events import ChannelFailing
from alerts.models import AlertChannel, Delivery, DeliveryState, Incident

# A channel that fails for so long is told of before anything is given up.
FAILING_FOR = timedelta(minutes=10)
# One message that a channel always refuses must not be tried again with each that it takes.
WAS_AWAY = timedelta(seconds=10)


def note_delivered(channel: AlertChannel, *, now: datetime) -> None:
    """What waits since it failed is due now, unless it failed only now and then."""
    AlertChannel.objects.filter(pk=channel.pk).update(delivered_at=now, failing_since=None, last_error="")
    if channel.failing_since is None:
        return
    incidents.resolve_event(_event(channel, ""), now=now)
    if now - channel.failing_since >= WAS_AWAY:
        Delivery.objects.filter(
            channel=channel, state=DeliveryState.PENDING, attempt__gt=0, next_attempt_at__gt=now
        ).update(next_attempt_at=now)


def note_failed(channel: AlertChannel, error: str, *, now: datetime, retry_after: float | None = None) -> datetime:
    """Until when it is left alone: as long as it asks (seconds), and the longer the longer it has failed."""
    since = channel.failing_since or now
    pause = max(pause_seconds((now - since).total_seconds()), retry_after or 0.0)
    not_before = max(now + timedelta(seconds=pause), channel.not_before or now)
    AlertChannel.objects.filter(pk=channel.pk).update(failing_since=since, last_error=error, not_before=not_before)
    if now - since >= FAILING_FOR:
        incidents.raise_event(_event(channel, error), count=1, now=now)
    return not_before


def note_given_up(channel: AlertChannel, delivery: Delivery, error: str, *, now: datetime) -> None:
    """A telling of a failing channel that is given up raises nothing: that would go on for ever."""
    AlertChannel.objects.filter(pk=channel.pk).update(failing_since=channel.failing_since or now, last_error=error)
    own = ChannelFailing.alert_type
    if Incident.objects.filter(pk=delivery.incident_id, alert_type=own).exists():
        return
    given_up = Delivery.objects.filter(channel=channel, state=DeliveryState.DEAD, finished_at__gt=now - DAY).count()
    incidents.raise_event(_event(channel, error, given_up=given_up), count=1, now=now)


def switch_off(channel: AlertChannel) -> None:
    """Whoever received there is gone for good; what still waits for it waits until somebody has looked."""
    channel.enabled = False
    # Not by a query: what a row is set to is kept in the trail.
    channel.save(update_fields=["enabled"])


def raise_failing(channel: AlertChannel, *, count: int, now: datetime) -> None:
    """It fails for long; a `count` of 0 says that it goes on."""
    incidents.raise_event(_event(channel, channel.last_error), count=count, now=now)


DAY = timedelta(days=1)


def _event(channel: AlertChannel, error: str, *, given_up: int = 0) -> ChannelFailing:
    return ChannelFailing(
        channel_id=channel.pk, channel=channel.name, kind=str(channel.kind), error=error, given_up=given_up
    )
