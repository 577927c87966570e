"""The page at /admin/: each part for those who may see it, of what they may see."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from budgets.admin.spend_form import own_calls
from budgets.reports import Question
from budgets.totals import month_of
from gateway_project.home import panels
from gateway_project.home.checklist import checklist
from gateway_project.home.health import health
from gateway_project.home.own import own
from gateway_project.home.tiles import tiles
from gateway_project.home.traffic import Numbers, Window, charts, everybodys_numbers, own_numbers
from gateway_project.navigation import may_view
from teams.admin.reach import reach_of

# What is one's own has an index, by person and by team.
_OWN_DAYS = timedelta(days=29)


def home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the index adds to its context. Asks the database as often whatever there is; see the numbers' own rules."""
    now = timezone.now()
    sees_all = reach_of(request).sees_everything
    found = _numbers(request, now=now) if may_view(request, "budgets.DailySpend") else None
    has_calls = found is not None and found.has_any
    shown: dict[str, Any] = {
        "checklist": checklist(request) if sees_all else None,
        "tiles": tiles(found) if found and has_calls else [],
        "charts": charts(found) if found and has_calls else [],
        "windows": _windows(found) if found and has_calls else [],
        "own": None if sees_all else own(request, now=now),
        "is_own": found is not None and not sees_all,
        "problems": _problems(request, now=now),
        "health": health(now=now) if sees_all else [],
        "budgets": _budgets(request, found, now=now),
        "tops": panels.top(request, _question(request, now=now)) if found and has_calls else [],
        "reports": panels.reports(now=now) if has_calls and may_view(request, "alerts.ScheduledRun") else None,
    }
    shown["has_anything"] = any(shown[name] for name in ("checklist", "tiles", "problems", "health", "budgets", "own"))
    # In its own words, and not "Site administration".
    return {**context, **shown, "title": _("Home"), "no_calls": found is not None and not has_calls}


def _window(request: HttpRequest) -> Window:
    """What is none is a day."""
    given = request.GET.get("window", "")
    return Window(given) if given in set(Window) else Window.DAY


def _numbers(request: HttpRequest, *, now: datetime) -> Numbers:
    if reach_of(request).sees_everything:
        return everybodys_numbers(_window(request), now=now)
    return own_numbers(_window(request), own_calls(request), now=now)


def _question(request: HttpRequest, *, now: datetime) -> Question:
    today = now.astimezone(UTC).date()
    if reach_of(request).sees_everything:
        # A month has its sums, of whoever spent.
        return Question(first=month_of(today), last=today)
    return Question(first=today - _OWN_DAYS, last=today, any_of=own_calls(request))


def _windows(found: Numbers) -> list[tuple[str, str, bool]]:
    """Title, address, and whether it is the one that is shown."""
    titles = {Window.DAY: _("24 hours"), Window.WEEK: _("7 days"), Window.MONTH: _("30 days")}
    return [
        (title, f"{reverse('admin:index')}?window={window}#traffic", window is found.window)
        for window, title in titles.items()
        if found.is_timed or window is not Window.DAY
    ]


def _problems(request: HttpRequest, *, now: datetime) -> list[panels.Panel]:
    found = []
    if may_view(request, "alerts.Incident"):
        found.append(panels.incidents(request, now=now))
    if may_view(request, "proxy.Deployment"):
        found.append(panels.deployments())
    return found


def _budgets(request: HttpRequest, found: Numbers | None, *, now: datetime) -> panels.Panel | None:
    """Nothing where the person could see none, and, before the first call, where there is none."""
    if not (reach_of(request).sees_everything or reach_of(request).administered_organizations):
        # They stand among what is one's own.
        return None
    sees_gateways = may_view(request, "budgets.GatewayBudget") and reach_of(request).sees_everything
    if not sees_gateways and not any(may_view(request, label) for label in ("teams.Team", "teams.Organization")):
        return None
    days = found.days if found and sees_gateways else {} if sees_gateways else None
    panel = panels.budgets(request, days, now=now)
    return panel if panel.rows or (found and found.has_any) else None
