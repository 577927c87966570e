"""Setting up channels, routes and silences over the API: what a page's form does, for a desk and plain values."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model

from alerts import silencing
from alerts.desk import Desk, channel_problems, route_problems
from alerts.models import AlertChannel, AlertRoute, Silence, Source

_WEEK = timedelta(days=7)


class Refused(ValueError):
    """Nothing was stored. `column` is what is wrong; the text never holds a credential."""

    def __init__(self, column: str, sentence: str) -> None:
        super().__init__(f"{column}: {sentence}")
        self.column = column


def save_channel(desk: Desk, given: Mapping[str, Any], *, row: AlertChannel | None = None) -> AlertChannel:
    """A new one, or `row` with these columns changed. Raises Refused."""
    stored = None if row is None else AlertChannel.objects.get(pk=row.pk)
    # Not Source.API, whose rows /config/update makes, and replaces, as a whole.
    made = _changed(row or AlertChannel(source=Source.ADMIN), given)
    problems = channel_problems(made, desk, stored=stored, secret_is_given="secret" in given)
    _ensure_well(made, problems)
    if stored is None or stored.url != made.url:
        made.private_address_allowed = desk.is_operators
    made.save()
    return made


def save_route(desk: Desk, given: Mapping[str, Any], *, row: AlertRoute | None = None) -> AlertRoute:
    """As `save_channel`; `channels` and `escalate_to` are ids."""
    columns = {name: value for name, value in given.items() if name not in _LISTS}
    made = _changed(row or AlertRoute(source=Source.ADMIN), columns)
    chosen = {name: _channels(desk, name, given[name]) if name in given else _present(row, name) for name in _LISTS}
    _ensure_well(made, route_problems(made, desk, **chosen))
    made.save()
    for name, channels in chosen.items():
        getattr(made, name).set(channels)
    return made


def add_silence(desk: Desk, given: Mapping[str, Any], *, actor: str) -> Silence:
    """Raises Refused."""
    made = _changed(Silence(created_by=actor), given)
    problems: dict[str, str] = {}
    if not desk.owns(made.team_id):
        problems["team_id"] = "This is none of your teams."
    if made.ends_at <= made.starts_at:
        problems["ends_at"] = "It ends after it has begun."
    elif made.is_weekly and made.ends_at - made.starts_at > _WEEK:
        problems["ends_at"] = "What comes again every week lasts no longer than a week."
    _ensure_well(made, problems)
    made.save()
    return made


def end_silence(row: Silence, *, now: datetime) -> bool:
    """False when it had ended."""
    return silencing.end(row, now=now)


def channel_object(row: AlertChannel) -> dict[str, Any]:
    """Of the credentials no more than whether they are set."""
    return {
        "id": row.pk,
        "name": row.name,
        "kind": row.kind,
        "team_id": row.team_id or None,
        "enabled": row.enabled,
        "options": row.options,
        "most_per_minute": row.most_per_minute,
        "url_is_set": bool(row.url),
        "secret_is_set": bool(row.secret),
        "source": row.source,
        "delivered_at": row.delivered_at,
        "failing_since": row.failing_since,
        "last_error": row.last_error or None,
    }


def route_object(row: AlertRoute) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in _ROUTE_COLUMNS}
    chosen = {name: sorted(channel.pk for channel in getattr(row, name).all()) for name in _LISTS}
    return {"id": row.pk, **plain, "team_id": row.team_id or None, **chosen}


def silence_object(row: Silence, *, now: datetime) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in _SILENCE_COLUMNS}
    state = silencing.state_of(row, now=now).lower()
    return {"id": row.pk, **plain, "team_id": row.team_id or None, "state": state}


R = TypeVar("R", bound=Model)
_LISTS = ("channels", "escalate_to")
_ROUTE_COLUMNS = (
    "name", "position", "enabled", "alert_types", "levels", "matchers", "goes_on", "schedule", "level",
    "repeat_seconds", "escalate_after_seconds", "runbook_url", "dashboard_url", "source",
)  # fmt: skip
_SILENCE_COLUMNS = ("alert_types", "matchers", "starts_at", "ends_at", "is_weekly", "comment", "created_by")


def _changed(row: R, given: Mapping[str, Any]) -> R:
    if getattr(row, "source", None) == Source.CONFIG:
        raise Refused("source", "config.yaml sets this: it is changed there.")
    for name, value in given.items():
        setattr(row, name, value)
    return row


def _ensure_well(row: Model, problems: Mapping[str, str]) -> None:
    for column, sentence in problems.items():
        raise Refused(column, sentence)
    try:
        row.full_clean()
    except ValidationError as error:
        column, sentences = next(iter(error.message_dict.items()))
        raise Refused(column.strip("_"), sentences[0]) from None


def _channels(desk: Desk, column: str, ids: Sequence[int]) -> list[AlertChannel]:
    found = desk.channels().in_bulk(list(ids))
    if missing := next((one for one in ids if one not in found), None):
        raise Refused(column, f"There is no channel {missing}.")
    return list(found.values())


def _present(row: AlertRoute | None, name: str) -> list[AlertChannel]:
    return [] if row is None or row.pk is None else list(getattr(row, name).all())
