"""Whether the machinery runs: beat, worker, database, Redis and the way of alerts, each in a line."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

import alerts.services
from budgets.metrics import ledger_lag
from gateway_project.metrics.jobs import BEAT, intervals
from gateway_project.models import JobRun
from proxy.runtime import Runtime, running
from proxy.standing import ago

WELL, WARNING, DANGER, OFF = "success", "warning", "danger", ""
# As the alert rules have it, see deploy/rules/gateway.yml.
BEAT_STALE_SECONDS = 120
JOB_TIMES, JOB_GRACE_SECONDS = 3, 60
LAG_SECONDS = 60
_NAMED = 3
_JOBS = "admin:gateway_project_job_changelist"


@dataclass(frozen=True, slots=True)
class Part:
    """`state` is the kind of its label; `page` the name of an admin page that says more."""

    name: str
    state: str
    text: str
    said: str
    page: str = ""


def health(*, now: datetime) -> list[Part]:
    """The same number of queries whatever the installation holds."""
    ended = dict(JobRun.objects.order_by("pk").values_list("name", "succeeded_at"))
    engine = alerts.services.engine_status(now=now)
    runtime = _runtime()
    return [_beat(ended, now=now), _worker(ended, now=now), _database(runtime), _redis(runtime), _alerting(engine),
            _channels(engine)]  # fmt: skip


def _runtime() -> Runtime | None:
    try:
        return running()
    except RuntimeError:
        return None


def _beat(ended: Mapping[str, datetime], *, now: datetime) -> Part:
    at = ended.get(BEAT)
    if at is None:
        return Part(_("Beat"), WARNING, _("Not seen"), _("Nothing runs by itself until beat does."))
    is_stale = (now - at).total_seconds() > BEAT_STALE_SECONDS
    said = _("looked at its schedule %(ago)s") % {"ago": ago(at, now=now)}
    return Part(_("Beat"), DANGER if is_stale else WELL, _("Stale") if is_stale else _("Well"), said)


def _worker(ended: Mapping[str, datetime], *, now: datetime) -> Part:
    wanted = intervals()
    jobs = {name: at for name, at in ended.items() if name != BEAT}
    if not jobs:
        return Part(_("Worker"), WARNING, _("Not seen"), _("No job has ended well yet."), _JOBS)
    late = sorted(name for name, at in jobs.items() if is_late(at, wanted.get(name), now=now))
    newest = _("last job ended %(ago)s") % {"ago": ago(max(jobs.values()), now=now)}
    if not late:
        return Part(_("Worker"), WELL, _("Well"), newest, _JOBS)
    named = ", ".join(translation.gettext(name) for name in late[:_NAMED]) + (", …" if len(late) > _NAMED else "")
    text = ngettext("%(number)d job is late", "%(number)d jobs are late", len(late)) % {"number": len(late)}
    return Part(_("Worker"), DANGER, text, f"{named}; {newest}", _JOBS)


def is_late(at: datetime, interval: float | None, *, now: datetime) -> bool:
    """None: it goes by the calendar, or is switched off."""
    return interval is not None and (now - at).total_seconds() > JOB_TIMES * interval + JOB_GRACE_SECONDS


def _database(runtime: Runtime | None) -> Part:
    name = "PostgreSQL" if connection.vendor == "postgresql" else "SQLite"
    lag, waiting = ledger_lag()
    if runtime is not None and runtime.ledger.spooling:
        return Part(_("Database"), DANGER, _("Spooling"), _("%(name)s; ledger entries go to the disk") % {"name": name})
    if lag > LAG_SECONDS:
        said = _("%(name)s; %(entries)s ledger entries wait to be added up, the oldest for %(seconds)d s") % {
            "name": name, "entries": f"{waiting:,}", "seconds": lag,
        }  # fmt: skip
        return Part(_("Database"), WARNING, _("Behind"), said)
    return Part(_("Database"), WELL, _("Well"), _("%(name)s; the ledger is added up") % {"name": name})


def _redis(runtime: Runtime | None) -> Part:
    if not settings.REDIS_URL:
        return Part("Redis", OFF, _("Not used"), _("One process needs none."))
    if runtime is None:
        return Part("Redis", OFF, _("Unknown"), _("Only a web process can say."))
    if not runtime.fleet.connected:
        return Part("Redis", DANGER, _("Away"), _("Each process routes by what it sees itself."))
    return Part("Redis", WELL, _("Well"), _("connected"))


def _alerting(engine: Mapping[str, Any]) -> Part:
    page = "admin:alerts_alertsettings_changelist"
    if engine["is_well"]:
        return Part(_("Alerting"), WELL, _("Well"), _("what is due is told"), page)
    if engine["last_tick_at"] is None:
        return Part(_("Alerting"), WARNING, _("Not seen"), _("It has not run yet."), page)
    findings = engine["audit"]["findings"]
    said = (
        ngettext("its audit found %(number)d trouble", "its audit found %(number)d troubles", len(findings))
        % {"number": len(findings)}
        if findings
        else _("it has not been seen at work for a while")
    )
    return Part(_("Alerting"), DANGER, _("Not well"), said, page)


def _channels(engine: Mapping[str, Any]) -> Part:
    page = "admin:alerts_alertchannel_changelist"
    enabled = [one for one in engine["channels"] if one["enabled"]]
    failing = sorted(one["channel"] for one in enabled if one["failing_since"])
    if not enabled:
        return Part(_("Alert channels"), WARNING, _("None"), _("Nobody is told of anything."), page)
    if failing:
        named = ", ".join(failing[:_NAMED]) + (", …" if len(failing) > _NAMED else "")
        text = ngettext("%(number)d fails", "%(number)d fail", len(failing)) % {"number": len(failing)}
        return Part(_("Alert channels"), DANGER, text, named, page)
    said = ngettext("%(number)d channel", "%(number)d channels", len(enabled)) % {"number": len(enabled)}
    return Part(_("Alert channels"), WELL, _("Well"), said, page)
