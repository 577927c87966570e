"""The home's lists: what fires, what does not serve, whose budgets are used, who spends most, what was reported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

import alerts.services
from budgets.admin.spend_form import name_of
from budgets.home import BudgetLine, Spender, Top, budget_lines, top_of
from budgets.models import Scope
from budgets.reports import By, Question
from budgets.standing_panel import Bar, bar_of, cents
from budgets.traffic import Traffic
from gateway_project.home.words import LEVELS, SCOPES
from gateway_project.navigation import may_view
from proxy.service import service
from proxy.standing import COLORS, WORDS, State, ago
from teams.admin.reach import reach_of
from teams.admin.texts import dollars
from teams.desks import desk_of_user

INCIDENTS, DEPLOYMENTS, RUNS = 8, 8, 5
_LEVELS = {"High": "danger", "Medium": "warning", "Low": "info"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list. `badge` and `color` are of its label, `bar` of a budget, `actions` titles with addresses."""

    title: str
    said: str
    link: str = ""
    badge: str = ""
    color: str = ""
    value: str = ""
    bar: Bar | None = None
    actions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """`says` is the one sentence above the rows, `more` the page with all of them, `left` how many are only there.

    `has_more` where nobody counted them. `adds` is the page on which another is made.
    """

    title: str
    rows: Sequence[Row]
    says: str
    more: str = ""
    left: int = 0
    why: str = ""
    has_more: bool = False
    adds: str = ""
    add_title: str = ""


def incidents(request: HttpRequest, *, now: datetime) -> Panel:
    """Two queries."""
    desk = desk_of_user(request.user)
    levels, worst = alerts.services.firing_incidents(desk=desk, limit=INCIDENTS)
    total = sum(levels.values())
    counted = ", ".join(f"{levels[level]:,} {LEVELS[level]}" for level in _LEVELS if level in levels)
    return Panel(
        _("Incidents"),
        [_incident(one, now=now) for one in worst],
        counted or _("Nothing fires."),
        reverse("admin:alerts_incident_changelist"),
        max(0, total - len(worst)),
    )


def _incident(one: alerts.services.Firing, *, now: datetime) -> Row:
    parts = [one.alert_type, _("since %(ago)s") % {"ago": ago(one.opened_at, now=now)}]
    if one.count > 1:
        parts.append(_("%(number)s times") % {"number": f"{one.count:,}"})
    if one.is_acknowledged:
        parts.append(_("acknowledged"))
    link = reverse("admin:alerts_incident_change", args=[one.pk])
    return Row(one.title, ", ".join(parts), link, str(LEVELS.get(one.level, one.level)), _LEVELS.get(one.level, ""))


def deployments() -> Panel:
    """Two queries."""
    found = service()
    total = sum(found.states.values())
    states = ", ".join(
        _("%(number)s %(state)s") % {"number": f"{found.states[state]:,}", "state": str(word).lower()}
        for state, word in WORDS.items()
        if found.states[state]
    )
    models = ngettext("%(number)d model", "%(number)d models", found.models) % {"number": found.models}
    said = f"{models}: {states}" if states else models
    rows = [
        Row(
            one.name,
            one.why[:200] or one.pk,
            reverse("admin:proxy_deployment_change", args=[one.pk]),
            one.standing.text if one.standing.state in COLORS and one.standing.state != State.IN_SERVICE
            else _("Last check failed"),
            COLORS.get(one.standing.state, "danger") if one.standing.state != State.IN_SERVICE else "danger",
        )
        for one in found.troubled[:DEPLOYMENTS]
    ]  # fmt: skip
    return Panel(
        _("Deployments"),
        rows,
        said if total else _("There is none yet."),
        reverse("admin:proxy_deployment_changelist"),
        max(0, len(found.troubled) - len(rows)),
    )


def budgets(request: HttpRequest, everybodys_days: Mapping[date, Traffic] | None, *, now: datetime) -> Panel:
    """The gateway's own are shown where everybody's days are given."""
    reach = reach_of(request)
    lines = budget_lines(
        everybodys_days=everybodys_days,
        teams=reach.teams() if may_view(request, "teams.Team") else None,
        organizations=reach.organizations() if may_view(request, "teams.Organization") else None,
        now=now,
    )
    return Panel(
        _("Budgets"),
        [_budget(line, now=now) for line in lines],
        "" if lines else _("There is no budget: nothing is refused for its cost."),
        reverse("admin:budgets_gatewaybudget_changelist") if everybodys_days is not None else "",
        why=_(
            "The gateway's, and the largest of teams and organizations, the fullest first. The pale part of a bar is "
            "the forecast of the period's end: what is spent, and for each day that is left what such a weekday cost "
            "lately. It is shown for teams and everybody; of other budgets it stands on the budget's own page."
        ),
    )


_PAGES = {Scope.TEAM: "teams_team", Scope.ORGANIZATION: "teams_organization"}


def _budget(line: BudgetLine, *, now: datetime) -> Row:
    one = line.standing
    limit = one.max_nano if one.max_nano is not None else one.soft_nano
    of = _("%(spent)s of %(limit)s") % {"spent": cents(one.spent_nano), "limit": dollars(limit)}
    per = _("per %(window)s") % {"window": one.window} if one.window else _("never reset")
    parts = [str(SCOPES.get(line.scope, line.scope.label)), per] if line.name else [per]
    if line.forecast_nano is not None:
        parts.append(_("forecast %(amount)s") % {"amount": cents(round(line.forecast_nano, -7))})
    link = reverse(f"admin:{_PAGES.get(line.scope, 'budgets_gatewaybudget')}_change", args=[line.pk])
    return Row(
        line.name or _("Everybody"), ", ".join(parts), link, value=of, bar=bar_of(one, forecast_nano=line.forecast_nano)
    )


def top(request: HttpRequest, question: Question) -> list[Panel]:
    """Eight queries. Names of what the person sees; the rest keeps its id."""
    found = top_of(question)
    reach = reach_of(request)
    teams = reach.teams().filter(pk__in=[one.ids[0] for one in found.teams]).order_by()
    keys = reach.keys().filter(token_hash__in=[one.ids[0] for one in found.keys]).order_by()
    named = keys.values_list("token_hash", "alias", "name")
    return _tops(
        found,
        question,
        {team.pk: str(team) for team in teams},
        {token_hash: alias or name or "" for token_hash, alias, name in named},
    )


def _tops(found: Top, question: Question, teams: Mapping[str, str], keys: Mapping[str, str]) -> list[Panel]:
    kinds: tuple[tuple[str, Sequence[Spender], By, Mapping[str, str]], ...] = (
        (_("Top teams"), found.teams, By.TEAM, teams),
        (_("Top keys"), found.keys, By.KEY, keys),
        (_("Top models"), found.models, By.MODEL_GROUP, {}),
    )
    return [
        Panel(
            title,
            [_spender(one, by, names, question) for one in some],
            _("Since %(day)s") % {"day": question.first} if some else _("Nothing was spent."),
            _spend_page(question, by=name_of(by)),
        )
        for title, some, by, names in kinds
    ]


_FILTERS = {By.TEAM: ("team", By.KEY), By.KEY: ("key", By.MODEL_GROUP), By.MODEL_GROUP: ("model", By.KEY)}


def _spender(one: Spender, by: By, names: Mapping[str, str], question: Question) -> Row:
    name, inside = _FILTERS[by]
    title = names.get(one.ids[0]) or (f"{one.ids[0][:12]}…" if len(one.ids[0]) == 64 else one.ids[0])
    link = _spend_page(question, by=name_of(inside), **{name: one.ids[0]})
    return Row(title, "", link, value=cents(one.amount_nano))


def _spend_page(question: Question, **more: str) -> str:
    query: dict[str, Any] = {"first": question.first, "last": question.last, **more}
    return reverse("admin:budgets_dailyspend_changelist", query=query)


def reports(*, now: datetime) -> Panel:
    """One query."""
    runs = alerts.services.last_runs(limit=RUNS)
    return Panel(
        _("Last reports"),
        [_run(one, now=now) for one in runs],
        "" if runs else _("The calendar has brought none yet."),
        reverse("admin:alerts_scheduledrun_changelist"),
    )


def _run(one: alerts.services.Run, *, now: datetime) -> Row:
    said = f"{one.starts_at:%Y-%m-%d %H:%M} - {one.ends_at:%Y-%m-%d %H:%M}"
    link = reverse("admin:alerts_scheduledrun_change", args=[one.pk])
    if one.made_at is None:
        failed = bool(one.error)
        badge, color = (_("Failed"), "danger") if failed else (_("Being made"), "info")
        return Row(translation.gettext(one.title), said, link, badge, color)
    told = ", ".join(filter(None, (one.outcome.replace("_", " "), said)))
    return Row(translation.gettext(one.title), told, link, value=ago(one.made_at, now=now))
