"""Whether a channel takes what it is sent, kept at its row, and told through the other channels when it does not."""

from datetime import datetime, timedelta

from alerts import incidents
from alerts.events import ChannelFailing
from alerts.models import AlertChannel, Delivery, DeliveryState, Incident

# A channel that fails for so long is told of before anything is given up.
FAILING_FOR = timedelta(minutes=10)


def note_delivered(channel: AlertChannel, *, now: datetime) -> None:
    was_failing = channel.failing_since is not None
    AlertChannel.objects.filter(pk=channel.pk).update(delivered_at=now, failing_since=None, last_error="")
    if was_failing:
        incidents.resolve_event(_event(channel, ""), now=now)


def note_failed(channel: AlertChannel, error: str, *, now: datetime) -> None:
    since = channel.failing_since or now
    AlertChannel.objects.filter(pk=channel.pk).update(failing_since=since, last_error=error)
    if now - since >= FAILING_FOR:
        incidents.raise_event(_event(channel, error), count=1, now=now)


def note_given_up(channel: AlertChannel, delivery: Delivery, error: str, *, now: datetime) -> None:
    """A telling of a failing channel that is given up raises nothing: that would go on for ever."""
    own = ChannelFailing.alert_type
    if Incident.objects.filter(pk=delivery.incident_id, alert_type=own).exists():
        return
    given_up = Delivery.objects.filter(channel=channel, state=DeliveryState.DEAD, finished_at__gt=now - DAY).count()
    incidents.raise_event(_event(channel, error, given_up=given_up), count=1, now=now)


DAY = timedelta(days=1)


def _event(channel: AlertChannel, error: str, *, given_up: int = 0) -> ChannelFailing:
    return ChannelFailing(
        channel_id=channel.pk, channel=channel.name, kind=str(channel.kind), error=error, given_up=given_up
    )
