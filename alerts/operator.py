"""What the operator wrote in config.yaml and environment, as channels and routes of source "config"."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from alerts.models import AlertChannel, AlertRoute, AlertSettings, ChannelKind, Source

logger = logging.getLogger(__name__)

# Beside the others come first and go on, then those of one type, then the one that takes the rest.
BESIDE, OF_A_TYPE, THE_REST = 50, 100, 1000
EVERYTHING_ELSE = "everything else"


@dataclass(frozen=True, slots=True)
class OperatorChannel:
    """`name` is its own among those of the file; `secret` and `url` are credentials."""

    name: str
    kind: ChannelKind
    url: str = ""
    secret: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OperatorRoute:
    """Empty types mean every type. `channels` are names of channels."""

    name: str
    position: int
    channels: tuple[str, ...]
    alert_types: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    goes_on: bool = False


@transaction.atomic
def set_operator_channels(
    *, channels: Sequence[OperatorChannel], routes: Sequence[OperatorRoute], settings: Mapping[str, Any]
) -> list[str]:
    """Make channels and routes of source "config" exactly these; rows made in admin or API stay.

    `settings` are the columns of AlertSettings that the file sets. The operator wrote the URLs, so they may be
    private addresses. Returns what changed, a line each.
    """
    changes = _set(channels, routes, source=Source.CONFIG, may_be_private=lambda _: True)
    _settings(settings, changes)
    return changes


@transaction.atomic
def set_api_channels(
    *,
    channels: Sequence[OperatorChannel],
    routes: Sequence[OperatorRoute],
    may_be_private: Callable[[OperatorChannel], bool],
) -> list[str]:
    """The same for rows of source "api". An address that was allowed to be private once stays so."""
    return _set(channels, routes, source=Source.API, may_be_private=may_be_private)


def _set(
    channels: Sequence[OperatorChannel],
    routes: Sequence[OperatorRoute],
    *,
    source: Source,
    may_be_private: Callable[[OperatorChannel], bool],
) -> list[str]:
    changes: list[str] = []
    made = {
        wanted.name: _channel(wanted, changes, source=source, is_private=may_be_private(wanted)) for wanted in channels
    }
    for wanted_route in routes:
        _route(wanted_route, [made[name] for name in wanted_route.channels], changes, source=source)
    stale_routes = AlertRoute.objects.filter(source=source).exclude(name__in=[one.name for one in routes])
    changes += [f"route {route} removed" for route in stale_routes]
    stale_routes.delete()
    # A channel that is no longer wanted keeps its log of deliveries, and is silent.
    kept = [channel.pk for channel in made.values()]
    stale = AlertChannel.objects.filter(source=source, enabled=True).exclude(pk__in=kept)
    changes += [f"channel {channel} switched off" for channel in stale]
    stale.update(enabled=False)
    return changes


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """What LiteLLM's keys would say of the channels of one source: kinds that are on, and addresses by alert type."""

    kinds: tuple[str, ...]
    urls: Mapping[str, list[str]]


def channel_settings(source: str) -> ChannelSettings:
    """`urls` are credentials."""
    channels = AlertChannel.objects.filter(source=source, enabled=True).order_by("id")
    urls = {
        name: [channel.url for channel in route.channels.filter(enabled=True).order_by("id")]
        for route in AlertRoute.objects.filter(source=source, position=OF_A_TYPE).order_by("name")
        for name in route.alert_types
    }
    return ChannelSettings(tuple(dict.fromkeys(channel.kind for channel in channels)), urls)


def _channel(wanted: OperatorChannel, changes: list[str], *, source: Source, is_private: bool) -> AlertChannel:
    name = wanted.name
    if AlertChannel.objects.filter(name=name).exclude(source=source).exists():
        name = f"{name} ({source})"
    channel = AlertChannel.objects.filter(name=name).first() or AlertChannel(name=name)
    columns = {
        "kind": wanted.kind,
        "url": wanted.url,
        "secret": wanted.secret,
        "options": dict(wanted.options),
        "source": source,
        "enabled": True,
        "private_address_allowed": is_private or (channel.url == wanted.url and channel.private_address_allowed),
    }
    changed = [column for column, value in columns.items() if getattr(channel, column) != value]
    if changed or channel.pk is None:
        changes.append(f"channel {name}: {', '.join(changed)}")
        for column, value in columns.items():
            setattr(channel, column, value)
        channel.save()
    return channel


def _route(wanted: OperatorRoute, channels: list[AlertChannel], changes: list[str], *, source: Source) -> None:
    columns: dict[str, Any] = {
        "position": wanted.position,
        "alert_types": list(wanted.alert_types),
        "levels": list(wanted.levels),
        "goes_on": wanted.goes_on,
        "enabled": True,
        "source": source,
    }
    route = AlertRoute.objects.filter(name=wanted.name).first()
    if route is not None and route.source != source:
        # What somebody set up by hand is not undone by the next start.
        logger.warning("A route was set up elsewhere, so this one is left out", extra={"route": str(route)})
        return
    route = route or AlertRoute(name=wanted.name)
    changed = [column for column, value in columns.items() if getattr(route, column) != value]
    if changed or route.pk is None:
        for column, value in columns.items():
            setattr(route, column, value)
        route.save()
    if changed or set(route.channels.all()) != set(channels):
        changes.append(f"route {route} to {', '.join(channel.name for channel in channels)}")
        route.channels.set(channels)


def _settings(settings: Mapping[str, Any], changes: list[str]) -> None:
    """What the file says is set; what it no longer says becomes the default, and what others set stays."""
    row = AlertSettings.load()
    flat = {f"{ARGS}.{name}": value for name, value in settings.get(ARGS, {}).items()}
    flat.update({name: value for name, value in settings.items() if name != ARGS})
    changed = [name for name in sorted({*flat, *row.configured}) if _set_one(row, name, flat)]
    if changed or row.configured != sorted(flat):
        row.configured = sorted(flat)
        row.save()
    changes += changed


ARGS = "alerting_args"
HEARTBEAT_URL = "heartbeat_url"


def _set_one(row: AlertSettings, name: str, wanted: Mapping[str, Any]) -> bool:
    """Whether it was something else."""
    column, _, argument = name.partition(".")
    if not argument:
        value = wanted[name] if name in wanted else getattr(AlertSettings(), column)
        differs = bool(getattr(row, column) != value)
        setattr(row, column, value)
        return differs
    before = dict(row.alerting_args)
    if name in wanted:
        row.alerting_args[argument] = wanted[name]
    else:
        row.alerting_args.pop(argument, None)
    return bool(row.alerting_args != before)


@dataclass(frozen=True, slots=True)
class KnownSettings:
    """The columns of AlertSettings, and which of them config.yaml sets; an argument is `alerting_args.<name>`."""

    values: Mapping[str, Any]
    configured: frozenset[str]
    changed: frozenset[str]

    def source_of(self, name: str, *, is_set: bool | None = None) -> str:
        """config, db or unset. Of the arguments together it is config when all of them are."""
        if name == ARGS:
            args = {f"{ARGS}.{argument}" for argument in self.values[ARGS]}
            return "unset" if not args else "config" if args <= self.configured else "db"
        if name in self.configured:
            return "config"
        return "db" if (name in self.changed if is_set is None else is_set) else "unset"


def known_settings() -> KnownSettings:
    row, fresh = AlertSettings.load(), AlertSettings()
    values = {name: getattr(row, name) for name in _COLUMNS}
    changed = frozenset(name for name in _COLUMNS if values[name] != getattr(fresh, name))
    return KnownSettings(values, frozenset(row.configured), changed)


_COLUMNS = (
    "alert_types", "alerting_threshold", "alerting_args", "alert_type_config", "spend_report_frequency",
    "email_settings",
)  # fmt: skip


def change_setting(name: str, value: Any) -> None:
    """`value` is valid. Of the arguments those of config.yaml stay, and the others become these."""
    row = AlertSettings.load()
    if name == ARGS:
        own = {
            argument: given for argument, given in row.alerting_args.items() if f"{ARGS}.{argument}" in row.configured
        }
        value = {**value, **own}
    setattr(row, name, value)
    row.save()


def reset_setting(name: str) -> None:
    change_setting(name, getattr(AlertSettings(), name))
