"""The verbs other apps may use: emit an event, set up the operator's channels, test a channel."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from alerts import incidents
from alerts.buffer import AlertBuffer
from alerts.core.message import Message, one_line, timestamp, truncate
from alerts.desk import Desk, set_desks
from alerts.desk_verbs import (
    Refused,
    add_silence,
    channel_object,
    end_silence,
    route_object,
    save_channel,
    save_route,
    silence_object,
)
from alerts.engine_status import engine_status
from alerts.events import AlertType, DatabaseException, Event, Level
from alerts.inbox import GROUPS, VERBS, BadCursor, act, find_incident, list_incidents
from alerts.inbox import whole as whole_incident
from alerts.letters import (
    InvitationLetter,
    KeyCreatedLetter,
    KeyRotatedLetter,
    Letter,
    is_mailed,
    mail_only,
    mail_problem,
    mail_switches,
    mails_owners,
)
from alerts.letters import write as write_letter
from alerts.models import AlertChannel, AlertSettings, ChannelKind, Source
from alerts.operator import (
    BESIDE,
    EVERYTHING_ELSE,
    HEARTBEAT_URL,
    OF_A_TYPE,
    THE_REST,
    OperatorChannel,
    OperatorRoute,
    channel_settings,
    set_api_channels,
    set_operator_channels,
)
from alerts.operator import change_setting as change_alert_setting
from alerts.operator import known_settings as alert_settings
from alerts.operator import reset_setting as reset_alert_setting
from alerts.overview import Firing, OwnChannel, Run, firing_incidents, gateways_channels, last_runs
from alerts.received import Outcome, Passed, receive
from alerts.scheduled import Job, Report, Span, schedule
from alerts.setting_checks import check_settings_by
from alerts.transports import TRANSPORTS
from alerts.transports.base import TransportError

__all__ = [
    "BESIDE",
    "EVERYTHING_ELSE",
    "HEARTBEAT_URL",
    "OF_A_TYPE",
    "THE_REST",
    "VERBS",
    "BadCursor",
    "ChannelKind",
    "ChannelTest",
    "Desk",
    "Firing",
    "InvitationLetter",
    "Job",
    "KeyCreatedLetter",
    "KeyRotatedLetter",
    "Letter",
    "OperatorChannel",
    "OperatorRoute",
    "Outcome",
    "OwnChannel",
    "Passed",
    "Refused",
    "Report",
    "Run",
    "Span",
    "act",
    "add_silence",
    "alert_settings",
    "argument",
    "budget_thresholds",
    "change_alert_setting",
    "channel_object",
    "channel_settings",
    "channel_source",
    "check_settings_by",
    "detection",
    "emit",
    "emit_database_trouble",
    "enabled_alert_types",
    "end_silence",
    "engine_status",
    "find_incident",
    "firing_incidents",
    "gateways_channels",
    "is_alert_filter",
    "is_mailed",
    "last_runs",
    "list_incidents",
    "mail_only",
    "mail_problem",
    "mail_switches",
    "mails_owners",
    "receive",
    "reset_alert_setting",
    "route_object",
    "save_channel",
    "save_route",
    "schedule",
    "set_api_channels",
    "set_desks",
    "set_operator_channels",
    "settle",
    "settle_database_trouble",
    "silence_object",
    "spend_report_frequency",
    "start_buffer",
    "stop_buffer",
    "tell",
    "test_channel",
    "test_channels",
    "whole_incident",
    "write_letter",
]

_buffer: AlertBuffer | None = None
_holders = 0
_holding = threading.Lock()


def start_buffer() -> None:
    """From now on `emit` costs this process nothing but an append. Whoever starts it stops it: the last one ends it."""
    global _buffer, _holders  # noqa: PLW0603
    with _holding:
        _holders += 1
        if _buffer is None:
            _buffer = AlertBuffer()
            _buffer.start()


def stop_buffer() -> None:
    global _buffer, _holders  # noqa: PLW0603
    with _holding:
        _holders = max(0, _holders - 1)
        if _buffer is not None and not _holders:
            _buffer.stop()
            _buffer = None


def emit(event: Event, *, count: int = 1) -> None:
    """Raise an event. On the request path (where the buffer runs) nothing is awaited and nothing raised.

    `count` is how many it stands for; 0 says no more than that it is still so.
    """
    if _buffer is not None:
        _buffer.add(event, count=count)
    else:
        incidents.raise_event(event, count=count, now=timezone.now())


def settle(event: Event) -> None:
    """What the event told of is over. As `emit`, and never before what was emitted earlier."""
    if _buffer is not None:
        _buffer.settle(event)
    else:
        incidents.resolve_event(event, now=timezone.now())


def emit_database_trouble(trouble: str, error: Exception) -> None:
    """Told also while the database is away. `trouble` is a key of alerts.events.DATABASE_TROUBLES.

    Without the buffer there is nothing that could tell it then, and whoever failed has failed for the same reason.
    """
    if _buffer is not None:
        _buffer.add(_database_exception(trouble, error))


def settle_database_trouble(trouble: str) -> None:
    if _buffer is not None:
        _buffer.settle(_database_exception(trouble))


def _database_exception(trouble: str, error: Exception | None = None) -> DatabaseException:
    """What a driver says in its first line; only of a connection, since other errors quote what was to be stored."""
    said = ""
    if error is not None:
        said = type(error).__name__
        if isinstance(error, OperationalError | InterfaceError):
            said += f": {truncate(one_line(str(error).partition(chr(10))[0]), 200)}"
    return DatabaseException(trouble=trouble, error=said)


def tell(candidates: Sequence[Event]) -> None:
    """Raise one event for one change, in the caller's transaction: the first whose type is switched on."""
    enabled = set(enabled_alert_types()) if candidates else set()
    for event in candidates:
        if event.alert_type in enabled:
            incidents.raise_event(event, count=1, now=timezone.now())
            return


@dataclass(frozen=True)
class ChannelTest:
    """What a channel answered to a test message. `error` is empty on success, `answer` is the vendor's own words."""

    channel: str
    status: int | None
    error: str = ""
    answer: str = ""


def test_channels(*, kind: str) -> list[ChannelTest]:
    """Send a test message to each enabled channel of a kind and wait for its answer. Leaves no incident."""
    channels = AlertChannel.objects.filter(kind=kind, enabled=True, team_id="").order_by("name")
    return [test_channel(channel) for channel in channels]


def test_channel(channel: AlertChannel) -> ChannelTest:
    """Of one, whether it is enabled or not."""
    types = [name for route in channel.routes.order_by("position", "id") for name in route.alert_types]
    message = Message(
        kind="test",
        alert_type=next(iter(types), None) or AlertType.BUDGET_ALERTS,
        level=Level.LOW,
        title=f"This is a test {channel.kind} alert message",
        at=timestamp(timezone.now()),
        details={"Channel": channel.name},
    )
    try:
        receipt = TRANSPORTS[channel.kind].notify(channel, message)
    except TransportError as error:
        return ChannelTest(channel.name, error.status, str(error))
    return ChannelTest(channel.name, receipt.status, answer=receipt.body)


def channel_source(kind: str) -> Literal["config", "db"] | None:
    """Who switched on a channel of the gateway's own of this kind, the operator first; None when none is on."""
    rows = AlertChannel.objects.filter(kind=kind, enabled=True, team_id="").order_by()
    sources = set(rows.values_list("source", flat=True))
    return None if not sources else "config" if Source.CONFIG in sources else "db"


def is_alert_filter(name: str) -> bool:
    """Whether the inbox can be narrowed to it."""
    return name in GROUPS or name in set(AlertType)


def enabled_alert_types() -> list[str]:
    return list(AlertSettings.load().alert_types)


def budget_thresholds() -> tuple[int, ...] | None:
    """The percentages of `alerting_args.budget_thresholds` at which a budget is told; None where none is said."""
    given = AlertSettings.load().alerting_args.get("budget_thresholds")
    if not isinstance(given, list):
        return None
    return tuple(one for one in given if isinstance(one, int) and not isinstance(one, bool) and one > 0)


def detection() -> tuple[float, dict[str, Any]]:
    """By what trouble is noticed: `alerting_threshold`, in seconds, and `alerting_args`. Raises django.db.Error."""
    row = AlertSettings.load()
    return row.alerting_threshold, dict(row.alerting_args)


def argument(name: str, default: float) -> float:
    """A number of `alerting_args`."""
    return AlertSettings.load().argument(name, default)


def spend_report_frequency() -> str:
    """A number of days, such as "7d"; the field of the page may hold anything."""
    return AlertSettings.load().spend_report_frequency
