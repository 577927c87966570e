"""The verbs other apps may use: emit an event, set up the operator's channels, test a channel."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from alerts import incidents
from alerts.buffer import AlertBuffer
from alerts.core.message import Message, timestamp
from alerts.core.routing import ANY_TYPE
from alerts.events import AlertType, Event, Level
from alerts.models import AlertChannel, AlertRoute, AlertSettings, ChannelKind, Source
from alerts.transports import TRANSPORTS
from alerts.transports.base import TransportError

logger = logging.getLogger(__name__)

_buffer: AlertBuffer | None = None


def start_buffer() -> None:
    """From now on `emit` costs this process nothing but an append."""
    global _buffer  # noqa: PLW0603
    _buffer = AlertBuffer()
    _buffer.start()


def stop_buffer() -> None:
    global _buffer  # noqa: PLW0603
    if _buffer is not None:
        _buffer.stop()
        _buffer = None


def emit(event: Event) -> None:
    """Raise an event. On the request path (where the buffer runs) nothing is awaited and nothing raised."""
    if _buffer is not None:
        _buffer.add(event)
    else:
        incidents.raise_event(event, count=1, now=timezone.now())


def tell(candidates: Sequence[Event]) -> None:
    """Raise one event for one change, in the caller's transaction: the first whose type is switched on."""
    enabled = set(enabled_alert_types()) if candidates else set()
    for event in candidates:
        if event.alert_type in enabled:
            incidents.raise_event(event, count=1, now=timezone.now())
            return


@dataclass(frozen=True)
class ChannelTest:
    """What a channel answered to a test message. `error` is empty on success."""

    channel: str
    status: int | None
    error: str = ""


def test_channels(*, kind: str) -> list[ChannelTest]:
    """Send a test message to each enabled channel of a kind and wait for its answer. Leaves no incident."""
    channels = AlertChannel.objects.filter(kind=kind, enabled=True).order_by("name")
    return [_test_channel(channel) for channel in channels]


def _test_channel(channel: AlertChannel) -> ChannelTest:
    types = channel.routes.order_by("alert_type").values_list("alert_type", flat=True)
    message = Message(
        kind="test",
        alert_type=next(iter(types), "") or AlertType.BUDGET_ALERTS,
        level=Level.LOW,
        title=f"This is a test {channel.kind} alert message",
        at=timestamp(timezone.now()),
        details={"Channel": channel.name},
    )
    try:
        receipt = TRANSPORTS[channel.kind].notify(channel, message)
    except TransportError as error:
        return ChannelTest(channel.name, error.status, str(error))
    return ChannelTest(channel.name, receipt.status)


def enabled_alert_types() -> list[str]:
    return list(AlertSettings.load().alert_types)


def budget_thresholds() -> tuple[int, ...] | None:
    """The percentages of `alerting_args.budget_thresholds` at which a budget is told; None where none is said."""
    given = AlertSettings.load().alerting_args.get("budget_thresholds")
    if not isinstance(given, list):
        return None
    return tuple(one for one in given if isinstance(one, int) and not isinstance(one, bool) and one > 0)


@transaction.atomic
def set_operator_channels(
    *, default_url: str | None, urls_by_type: Mapping[str, Iterable[str]], settings: Mapping[str, Any]
) -> list[str]:
    """Make channels and routes of source "config" exactly these; rows made in admin or API stay.

    `settings` are columns of AlertSettings, None meaning the default. The operator wrote the URLs, so they may be
    private addresses. Returns what changed, a line each.
    """
    wanted: dict[str, list[str]] = {ANY_TYPE: [default_url]} if default_url else {}
    wanted.update({alert_type: list(urls) for alert_type, urls in urls_by_type.items()})
    changes: list[str] = []
    kept = []
    for alert_type, urls in wanted.items():
        channels = [
            _operator_channel(_channel_name(alert_type, number), url, changes)
            for number, url in enumerate(urls, start=1)
        ]
        _operator_route(alert_type, channels, changes)
        kept += [channel.pk for channel in channels]
    stale_routes = AlertRoute.objects.filter(source=Source.CONFIG).exclude(alert_type__in=wanted)
    changes += [f"route of {route} removed" for route in stale_routes]
    stale_routes.delete()
    # A channel that left the file keeps its log of deliveries, and is silent.
    stale = AlertChannel.objects.filter(source=Source.CONFIG, enabled=True).exclude(pk__in=kept)
    changes += [f"channel {channel} switched off" for channel in stale]
    stale.update(enabled=False)
    _operator_settings(settings, changes)
    return changes


def _channel_name(alert_type: str, number: int) -> str:
    return "slack" if alert_type == ANY_TYPE else f"slack {alert_type} {number}"


def _operator_channel(name: str, url: str, changes: list[str]) -> AlertChannel:
    wanted = {
        "kind": ChannelKind.SLACK,
        "url": url,
        "source": Source.CONFIG,
        "enabled": True,
        "private_address_allowed": True,
    }
    if AlertChannel.objects.filter(name=name).exclude(source=Source.CONFIG).exists():
        name = f"{name} (config)"
    channel = AlertChannel.objects.filter(name=name).first() or AlertChannel(name=name)
    changed = [column for column, value in wanted.items() if getattr(channel, column) != value]
    if changed or channel.pk is None:
        changes.append(f"channel {name}: {', '.join(changed)}")
        for column, value in wanted.items():
            setattr(channel, column, value)
        channel.save()
    return channel


def _operator_route(alert_type: str, channels: list[AlertChannel], changes: list[str]) -> None:
    route, created = AlertRoute.objects.get_or_create(alert_type=alert_type, defaults={"source": Source.CONFIG})
    if route.source != Source.CONFIG:
        # What somebody set up by hand is not undone by the next start.
        logger.warning("A route was set up by hand, so the one of config.yaml is left out", extra={"route": str(route)})
        return
    if created or set(route.channels.all()) != set(channels):
        changes.append(f"route of {route} to {', '.join(channel.name for channel in channels)}")
        route.channels.set(channels)


def _operator_settings(settings: Mapping[str, Any], changes: list[str]) -> None:
    row = AlertSettings.load()
    fresh = AlertSettings()
    wanted = {name: getattr(fresh, name) if value is None else value for name, value in settings.items()}
    changed = [name for name, value in wanted.items() if getattr(row, name) != value]
    if changed:
        changes += changed
        for name in changed:
            setattr(row, name, wanted[name])
        row.save()
