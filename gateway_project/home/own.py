"""What a person has here who does not see everything: keys, budgets and teams, with what may be done about them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from budgets.directory import Entity
from budgets.models import Balance, Scope
from budgets.standing import Standing, spent_ever, standings
from budgets.standing_panel import bar_of, cents, instant
from gateway_project.demo import FAILING_MODEL
from gateway_project.home.first_request import curl_of
from gateway_project.home.panels import Panel, Row
from gateway_project.navigation import may_add, may_view
from proxy.offered_models import offered_models
from proxy.standing import ago
from teams.access import keys_of
from teams.admin.keys import may_delete, may_rotate
from teams.admin.reach import reach_of
from teams.admin.texts import STATES, dollars, state_of
from teams.calendars import current_calendar
from teams.models import Limits, MemberRole, Membership, User, VirtualKey

KEYS, TEAMS, MODELS = 10, 10, 30
Standings = Mapping[Entity, Sequence[Standing]]


@dataclass(frozen=True, slots=True)
class Own:
    """`panels` stand first on the home; `curl` is a request to try with one of `models`, those that may be called."""

    panels: tuple[Panel, ...]
    models: Sequence[str]
    curl: str


def own(request: HttpRequest, *, now: datetime) -> Own | None:
    """None for who may see neither keys nor teams. The same number of queries whatever there is."""
    sees_keys, sees_teams = may_view(request, "teams.VirtualKey"), may_view(request, "teams.Team")
    if not sees_keys and not sees_teams:
        return None
    keys = _keys(request) if sees_keys else []
    members = _memberships(request) if sees_teams else []
    person = User.objects.filter(pk=request.user.pk).first()
    found = standings(_entities(keys[:KEYS], members[:TEAMS], person), now=now, with_projection=False)
    panels = []
    if sees_keys:
        panels.append(_key_panel(request, keys, found, now=now))
    if sees_teams:
        panels.append(_budget_panel(members, person, found, now=now))
    models = [name for name in offered_models(reach_of(request), limit=MODELS) if name != FAILING_MODEL]
    return Own(tuple(panels), models, curl_of(request, models[0]) if models else "")


def _keys(request: HttpRequest) -> list[VirtualKey]:
    """The newest, and one more if there are more."""
    return list(keys_of(str(request.user.pk)).select_related("user", "team")[: KEYS + 1])


def _memberships(request: HttpRequest) -> list[Membership]:
    rows = Membership.objects.filter(user=request.user.pk).select_related("team")
    return list(rows.order_by("team__alias", "pk")[: TEAMS + 1])


def _entities(keys: Iterable[VirtualKey], members: Iterable[Membership], person: User | None) -> list[Entity]:
    return [
        *((Scope.KEY, str(key.pk)) for key in keys),
        *((Scope.MEMBER, str(one.pk)) for one in members),
        *((Scope.TEAM, one.team_id) for one in members if one.role == MemberRole.ADMIN),
        *([(Scope.USER, person.pk)] if person else []),
    ]


def _key_panel(request: HttpRequest, keys: Sequence[VirtualKey], found: Standings, *, now: datetime) -> Panel:
    shown = keys[:KEYS]
    names = [str(key.pk) for key in shown]
    used = dict(
        Balance.objects.filter(scope=Scope.KEY, entity_id__in=names, window="").values_list("entity_id", "last_at")
    )
    ever = spent_ever((Scope.KEY, name) for name in names)
    return Panel(
        _("Your keys"),
        [
            _key(
                request, key, found[Scope.KEY, str(key.pk)], used_at=used.get(str(key.pk)),
                ever_nano=ever.get((Scope.KEY, str(key.pk)), 0), now=now,
            )
            for key in shown
        ],
        "" if shown else _("You have none yet."),
        reverse("admin:teams_virtualkey_changelist", query={"user__id__exact": request.user.pk}),
        adds=reverse("admin:teams_virtualkey_add") if may_add(request, "teams.VirtualKey") else "",
        add_title=_("Make a key"),
        has_more=len(keys) > KEYS,
        why=_("Your newest keys. A bar is what is spent of the budget's running period."),
    )  # fmt: skip


def _key(
    request: HttpRequest,
    key: VirtualKey,
    found: Sequence[Standing],
    *,
    used_at: datetime | None,
    ever_nano: int,
    now: datetime,
) -> Row:
    state = state_of(key, now=now)
    main = _main(found)
    parts = [
        str(key.team) if key.team else "",
        *_budget_words(main, now=now),
        *_limit_words(key),
        _("last used %(ago)s") % {"ago": ago(used_at, now=now)} if used_at else _("not used yet"),
        _expires(key, now=now),
    ]
    actions = [(_("Rotate"), "rotate", may_rotate), (_("Delete"), "delete", may_delete)]
    return Row(
        str(key),
        ", ".join(filter(None, parts)),
        reverse("admin:teams_virtualkey_change", args=[key.pk]),
        badge=_STATES[state](),
        color=STATES[state],
        value=_value(main) if main else _("%(spent)s spent") % {"spent": cents(ever_nano)},
        bar=bar_of(main) if main else None,
        actions=tuple(
            (title, reverse(f"admin:teams_virtualkey_{name}", args=[key.pk]))
            for title, name, may in actions
            if may(request, key)
        ),
    )


_STATES = {"Active": lambda: _("Active"), "Blocked": lambda: _("Blocked"), "Expired": lambda: _("Expired")}


def _budget_panel(members: Sequence[Membership], person: User | None, found: Standings, *, now: datetime) -> Panel:
    rows = []
    if person is not None and (mine := _main(found[Scope.USER, person.pk])):
        rows.append(_standing_row(_("You, in all"), mine, said="", now=now))
    for one in members[:TEAMS]:
        link = reverse("admin:teams_team_change", args=[one.team_id])
        is_admin = one.role == MemberRole.ADMIN
        said = _("you administer it") if is_admin else ""
        own_part = _main(found[Scope.MEMBER, str(one.pk)])
        whole = _main(found[Scope.TEAM, one.team_id]) if is_admin else None
        if whole:
            rows.append(_standing_row(str(one.team), whole, said=said, link=link, now=now))
        if own_part:
            title = _("You in %(team)s") % {"team": one.team} if whole else str(one.team)
            words = _("your part") if whole else said or _("your part")
            rows.append(_standing_row(title, own_part, said=words, link=link, now=now))
        if not whole and not own_part:
            rows.append(Row(str(one.team), ", ".join(filter(None, [said, _("no budget of your own")])), link))
    return Panel(
        _("Your teams and budgets"),
        rows,
        "" if members else _("You are in no team yet."),
        reverse("admin:teams_team_changelist") if members else "",
        has_more=len(members) > TEAMS,
        why=_("What you may spend in each team, and of the teams that you administer what all of the team may spend."),
    )


def _standing_row(title: str, one: Standing, *, said: str, now: datetime, link: str = "") -> Row:
    words = ", ".join(filter(None, [said, *_budget_words(one, now=now)]))
    return Row(title, words, link, value=_value(one), bar=bar_of(one))


def _main(found: Sequence[Standing]) -> Standing | None:
    """Of the budget, and not of one of its models."""
    return next((one for one in found if not one.model and (one.max_nano, one.soft_nano) != (None, None)), None)


def _value(one: Standing) -> str:
    limit = one.max_nano if one.max_nano is not None else one.soft_nano
    return _("%(spent)s of %(limit)s") % {"spent": cents(one.spent_nano), "limit": dollars(limit)}


def _budget_words(one: Standing | None, *, now: datetime) -> list[str]:
    if one is None:
        return [_("no budget")]
    left = [] if one.max_nano is None else [_("%(left)s left") % {"left": cents(max(0, one.max_nano - one.spent_nano))}]
    if one.ends is None:
        return [*left, _("never reset")]
    return [*left, _("reset %(when)s") % {"when": instant(one.ends, current_calendar().zone)}]


def _limit_words(row: Limits) -> list[str]:
    named = (
        (row.rpm_limit, _("%(number)s requests a minute")),
        (row.tpm_limit, _("%(number)s tokens a minute")),
    )
    return [words % {"number": f"{number:,}"} for number, words in named if number is not None]


def _expires(key: VirtualKey, *, now: datetime) -> str:
    if key.expires_at is None:
        return _("never expires")
    when = {"when": instant(key.expires_at, current_calendar().zone)}
    return (_("expired %(when)s") if key.expires_at <= now else _("expires %(when)s")) % when
