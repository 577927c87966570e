"""What a route matches, when and whom it tells, in words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from alerts.admin.texts import clock, span
from alerts.core.explain import Answer, Asked
from alerts.core.matching import Matchers
from alerts.core.routing import Route, Subject
from alerts.core.schedule import DAYS, Outside, Schedule, Window
from alerts.models import AlertRoute

TONES = {Answer.TAKEN: "success", Answer.NOT_ASKED: None}
_MOST_TYPES = 4


def matched(row: AlertRoute) -> str:
    """Such as "llm_exceptions at High, where model is gpt-4*"."""
    types = list(row.alert_types)
    named = ", ".join(types[:_MOST_TYPES]) + (
        f" and {len(types) - _MOST_TYPES} more" if len(types) > _MOST_TYPES else ""
    )
    level = f" at {' or '.join(row.levels)}" if row.levels else ""
    of_team = f" of team {row.team_id}" if row.team_id else ""
    labels = [f"{name} {_patterns(wanted)}" for name, wanted in row.matchers.items()]
    where = f", where {' and '.join(labels)}" if labels else ""
    return f"{named or 'Every type'}{level}{of_team}{where}"


def _patterns(wanted: Any) -> str:
    patterns = [str(one) for one in wanted] if isinstance(wanted, list) else [str(wanted)]
    is_one = [one or "empty" for one in patterns if not one.startswith("!")]
    is_none = [one[1:] or "empty" for one in patterns if one.startswith("!")]
    said = [f"is {' or '.join(is_one)}"] if is_one else []
    return " and ".join([*said, *([f"is not {' nor '.join(is_none)}"] if is_none else [])])


def hours(schedule: Schedule) -> str:
    """Such as "mon-fri 08:00-18:00 Europe/Paris, kept until then"."""
    if not schedule.windows:
        return "Always"
    outside = "kept until then" if schedule.outside == Outside.HOLD else "else the next route is asked"
    windows = ", ".join(f"{_days(one)} {_time(one.begins)}-{_time(one.ends)}" for one in schedule.windows)
    return f"{windows} {schedule.zone.key}, {outside}"


def _days(window: Window) -> str:
    days = sorted(window.days)
    if len(days) > 1 and days[-1] - days[0] == len(days) - 1:
        return f"{DAYS[days[0]]}-{DAYS[days[-1]]}"
    return " ".join(DAYS[day] for day in days)


def _time(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def answered(asked: Asked, subject: Subject) -> str:
    """Why a route takes an alert or leaves it, as a sentence."""
    route = asked.route
    if asked.answer == Answer.TAKEN:
        kept = f"It takes it, and keeps it until {clock(asked.hold_until)}." if asked.hold_until else "It takes it."
        return f"{kept} {_then(route)}"
    sentences: Mapping[Answer, str] = {
        Answer.OTHER_TYPE: f"It is for {', '.join(sorted(route.alert_types))}.",
        Answer.OTHER_LEVEL: f"It is for level {' or '.join(sorted(route.levels))}.",
        Answer.OTHER_TEAM: f"It is team {route.team_id}'s own, and the label team_id is {_value(subject, 'team_id')}.",
        Answer.OTHER_LABEL: _label(asked.label, route.matchers, subject),
        Answer.OUT_OF_HOURS: f"It is not its hours: {hours(route.schedule)}.",
        Answer.TEAM_SILENT: f"A silence of team {route.team_id} holds.",
        Answer.NOT_ASKED: "It was not asked: one before it decided.",
    }
    return sentences[asked.answer]


def _then(route: Route) -> str:
    if not route.channel_ids:
        return "It leads to no channel that is switched on."
    return "" if not (route.goes_on or route.team_id) else "The next is asked, too."


def _label(name: str, matchers: Matchers, subject: Subject) -> str:
    wanted = _patterns(list(matchers.get(name, ())))
    return f"It wants that {name} {wanted}, and it is {_value(subject, name)}."


def _value(subject: Subject, name: str) -> str:
    return f"“{subject.labels[name]}”" if subject.labels.get(name) else "empty"


def escalates(row: AlertRoute) -> str:
    return f"after {span(row.escalate_after_seconds)}" if row.escalate_after_seconds else "-"


def held(until: datetime | None) -> str:
    return f"when its hours begin, {clock(until)}" if until else "at once"
