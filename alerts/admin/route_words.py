"""What a route matches, when and whom it tells, in words."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alerts.admin.texts import clock, span
from alerts.core.explain import Answer, Asked
from alerts.core.matching import Matchers
from alerts.core.routing import Route, Subject
from alerts.core.schedule import DAYS, Outside, Schedule, Window
from alerts.models import AlertRoute

TONES = {Answer.TAKEN: "success", Answer.NOT_ASKED: None}
ANSWERS = {
    Answer.TAKEN: _("taken"), Answer.OTHER_TYPE: _("other type"), Answer.OTHER_LEVEL: _("other level"),
    Answer.OTHER_TEAM: _("other team"), Answer.OTHER_LABEL: _("other label"),
    Answer.OUT_OF_HOURS: _("out of hours"), Answer.TEAM_SILENT: _("team silent"), Answer.NOT_ASKED: _("not asked"),
}  # fmt: skip
_MOST_TYPES = 4


def matched(row: AlertRoute) -> str:
    """Such as "llm_exceptions at High, where model is gpt-4*"."""
    types = list(row.alert_types)
    named = ", ".join(types[:_MOST_TYPES]) or gettext("Every type")
    if len(types) > _MOST_TYPES:
        named = gettext("%(types)s and %(more)s more") % {"types": named, "more": len(types) - _MOST_TYPES}
    level = gettext(" at %(levels)s") % {"levels": _or(row.levels)} if row.levels else ""
    of_team = gettext(" of team %(team)s") % {"team": row.team_id} if row.team_id else ""
    labels = [f"{name} {_patterns(wanted)}" for name, wanted in row.matchers.items()]
    where = gettext(", where %(labels)s") % {"labels": _and(labels)} if labels else ""
    return f"{named}{level}{of_team}{where}"


def _or(texts: Iterable[str]) -> str:
    return gettext(" or ").join(texts)


def _and(texts: Iterable[str]) -> str:
    return gettext(" and ").join(texts)


def _patterns(wanted: Any) -> str:
    patterns = [str(one) for one in wanted] if isinstance(wanted, list) else [str(wanted)]
    is_one = [one or gettext("empty") for one in patterns if not one.startswith("!")]
    is_none = [one[1:] or gettext("empty") for one in patterns if one.startswith("!")]
    said = [gettext("is %(patterns)s") % {"patterns": _or(is_one)}] if is_one else []
    none = gettext("is not %(patterns)s") % {"patterns": gettext(" nor ").join(is_none)}
    return _and([*said, *([none] if is_none else [])])


def hours(schedule: Schedule) -> str:
    """Such as "mon-fri 08:00-18:00 Europe/Paris, kept until then"."""
    if not schedule.windows:
        return gettext("Always")
    is_kept = schedule.outside == Outside.HOLD
    outside = gettext("kept until then") if is_kept else gettext("else the next route is asked")
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
        until = gettext("It takes it, and keeps it until %(at)s.") % {"at": clock(asked.hold_until)}
        return f"{until if asked.hold_until else gettext('It takes it.')} {_then(route)}"
    sentences: Mapping[Answer, str] = {
        Answer.OTHER_TYPE: gettext("It is for %(types)s.") % {"types": ", ".join(sorted(route.alert_types))},
        Answer.OTHER_LEVEL: gettext("It is for level %(levels)s.") % {"levels": _or(sorted(route.levels))},
        Answer.OTHER_TEAM: gettext("It is team %(team)s's own, and the label team_id is %(value)s.")
        % {"team": route.team_id, "value": _value(subject, "team_id")},
        Answer.OTHER_LABEL: _label(asked.label, route.matchers, subject),
        Answer.OUT_OF_HOURS: gettext("It is not its hours: %(hours)s.") % {"hours": hours(route.schedule)},
        Answer.TEAM_SILENT: gettext("A silence of team %(team)s holds.") % {"team": route.team_id},
        Answer.NOT_ASKED: gettext("It was not asked: one before it decided."),
    }
    return sentences[asked.answer]


def _then(route: Route) -> str:
    if not route.channel_ids:
        return gettext("It leads to no channel that is switched on.")
    return "" if not (route.goes_on or route.team_id) else gettext("The next is asked, too.")


def _label(name: str, matchers: Matchers, subject: Subject) -> str:
    wanted = _patterns(list(matchers.get(name, ())))
    facts = {"label": name, "wanted": wanted, "value": _value(subject, name)}
    return gettext("It wants that %(label)s %(wanted)s, and it is %(value)s.") % facts


def _value(subject: Subject, name: str) -> str:
    return f"“{subject.labels[name]}”" if subject.labels.get(name) else gettext("empty")


def escalates(row: AlertRoute) -> str:
    seconds = row.escalate_after_seconds
    return gettext("after %(span)s") % {"span": span(seconds)} if seconds else "-"


def held(until: datetime | None) -> str:
    return gettext("when its hours begin, %(at)s") % {"at": clock(until)} if until else gettext("at once")
