"""What the routing editor shows of a model group: its deployments in their order, and the groups that come after."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.translation import gettext as _

from proxy.admin.routing_forms import TITLES, line_of
from proxy.admin.timeline import skipped_because
from proxy.config.routing import Stored
from proxy.core.rerouting import ALIASES, DEFAULT, EVERYBODY, FALLBACKS, Difference, is_hidden, model_of
from proxy.group_board import Board, Place
from proxy.models import Deployment, Source
from proxy.prospects import Link
from proxy.standing import COLORS, NOTHING, State, ago, standings
from teams.models import Team

ANY = "*"
GOOD, DOUBT, BAD = "success", "warning", "danger"


@dataclass(frozen=True, slots=True)
class Line:
    """A deployment."""

    pk: str
    page: str
    upstream: str
    turn: str
    share: str
    state: str
    color: str
    why: str
    choice: str
    requests: str
    tokens: str


@dataclass(frozen=True, slots=True)
class Step:
    """A model group of a chain."""

    name: str
    said: str
    color: str


@dataclass(frozen=True, slots=True)
class Card:
    """A model group. `owner` is the team that alone may call it."""

    name: str
    owner: str
    lines: Sequence[Line]
    said: str
    color: str
    chains: Sequence[tuple[str, str, Sequence[Step]]]
    aliases: Sequence[tuple[str, bool]]
    edit: str


def address(view: str, **query: Any) -> str:
    found = reverse(f"routing:{view}")
    return f"{found}?{urlencode(query)}" if query else found


def group_names(settings: Mapping[str, Stored], rows: Iterable[Deployment]) -> list[tuple[str, str]]:
    """Name, and id of the team that owns it, of each group that has a deployment or a list of its own."""
    found = {(_group_of(row)) for row in rows}
    listed = {name for setting in FALLBACKS for name in settings[setting].entries} - {ANY}
    aimed_at = {model_of(entry) for entry in settings[ALIASES].entries.values()}
    known = {name for name, _team in found}
    return sorted(found | {(name, "") for name in (listed | aimed_at) - known})


def _group_of(row: Deployment) -> tuple[str, str]:
    info = row.model_info if isinstance(row.model_info, dict) else {}
    team = info.get("team_id")
    return (str(info.get("team_public_model_name") or row.model_name), str(team)) if team else (row.model_name, "")


def cards(
    names: Sequence[tuple[str, str]], rows: Sequence[Deployment], settings: Mapping[str, Stored], board: Board,
    *, now: datetime,
) -> list[Card]:  # fmt: skip
    """Of these groups. Two queries."""
    by_group: dict[tuple[str, str], list[Deployment]] = {}
    for row in rows:
        by_group.setdefault(_group_of(row), []).append(row)
    shown = [row for name in names for row in by_group.get(name, ())]
    found = standings(shown)
    teams = Team.objects.filter(pk__in={team for _name, team in names if team}).order_by()
    owners = {team.pk: str(team) for team in teams}
    return [
        _card(
            name,
            owners.get(team, team),
            board.places(by_group.get((name, team), ()), found),
            settings,
            board,
            now=now,
        )
        for name, team in names
    ]


def _card(
    name: str, owner: str, places: Sequence[Place], settings: Mapping[str, Stored], board: Board, *, now: datetime
) -> Card:
    ready = sum(place.turn is not None for place in places)
    aliases = [(alias, is_hidden(one)) for alias, one in settings[ALIASES].entries.items() if model_of(one) == name]
    said = _("%(ready)d of %(all)d may be asked") % {"ready": ready, "all": len(places)}
    return Card(
        name=name,
        owner=owner,
        lines=[_line(place, now=now) for place in places],
        said=said if places else _("no deployment"),
        color=GOOD if places and ready == len(places) else DOUBT if ready else BAD,
        chains=list(_chains(name, settings, board)),
        aliases=sorted(aliases),
        edit=address("edit", group=name),
    )


def _line(place: Place, *, now: datetime) -> Line:
    row, standing, built = place.row, place.standing, place.built
    params = row.litellm_params if isinstance(row.litellm_params, dict) else {}
    live = standing.live
    return Line(
        pk=row.pk,
        page=reverse("admin:proxy_deployment_change", args=[quote(row.pk)]),
        upstream=str(params.get("model", "")),
        turn=NOTHING if place.turn is None else str(place.turn),
        share=f"{place.share:.0%}" if place.share else "",
        state=standing.text if standing.state is not State.UNKNOWN else "",
        color=COLORS.get(standing.state, ""),
        why="; ".join(_reasons(place, now=now)),
        choice=", ".join(_choice(place)),
        requests=_of(standing.requests, built.rpm if built else None) if live else NOTHING,
        tokens=_of(f"{live['tokens_last_minute']:,}", built.tpm if built else None) if live else NOTHING,
    )


def _reasons(place: Place, *, now: datetime) -> Iterable[str]:
    """Why it is passed over where the state does not say so, and what its last check found."""
    if place.why is not None and place.standing.state in (State.IN_SERVICE, State.UNKNOWN):
        yield skipped_because(place.why)
    last = place.standing.last
    if last is not None and not last.healthy:
        yield _("check failed %(ago)s: %(error)s") % {"ago": ago(last.checked_at, now=now), "error": last.error[:300]}


def _choice(place: Place) -> Iterable[str]:
    if (built := place.built) is not None:
        if built.tier is not None:
            yield _("order %(order)d") % {"order": built.tier}
        if built.weight is not None:
            yield _("weight %(weight)s") % {"weight": f"{built.weight:g}"}


def _of(number: str, limit: int | None) -> str:
    return number if limit is None else _("%(number)s of %(limit)s") % {"number": number, "limit": f"{limit:,}"}


def _chains(name: str, settings: Mapping[str, Stored], board: Board) -> Iterable[tuple[str, str, Sequence[Step]]]:
    """Title, where the list stands, and the groups: by each list that there is."""
    for setting in FALLBACKS:
        if setting == FALLBACKS[0] or settings[setting].entries:
            steps = [_step(link, board) for link in board.chain(name, setting)]
            yield str(TITLES[setting]), _whose(name, setting, settings), steps


def _whose(name: str, setting: str, settings: Mapping[str, Stored]) -> str:
    entries = settings[setting].entries
    if name in entries:
        return ""
    if name.partition("/")[2] in entries:
        return _("of “%(name)s”") % {"name": name.partition("/")[2]}
    if ANY in entries:
        return _("of any group (*)")
    return _("default") if setting == FALLBACKS[0] and settings[DEFAULT].entries else ""


def _step(link: Link, board: Board) -> Step:
    name, eligible, all_of_them = link.group.name, len(link.group.selection.eligible), len(link.group.deployments)
    if not all_of_them:
        return Step(
            name, _("of teams") if board.exists(name) else _("no such group"), "" if board.exists(name) else BAD
        )
    said = _("%(ready)d of %(all)d") % {"ready": eligible, "all": all_of_them}
    return Step(name, said, GOOD if eligible else BAD)


@dataclass(frozen=True, slots=True)
class Changed:
    """One entry of a list, old and new, a line for each model."""

    what: str
    name: str
    old: Sequence[str]
    new: Sequence[str]


def changed(found: Sequence[Difference]) -> list[Changed]:
    return [Changed(str(TITLES[one.setting]), _subject(one), _lines(one.old), _lines(one.new)) for one in found]


def _subject(one: Difference) -> str:
    if one.setting == ALIASES:
        return _("alias %(alias)s") % {"alias": one.name}
    if one.name == EVERYBODY:
        return _("every group")
    return _("any group (*)") if one.name == ANY else one.name


def _lines(entry: Any) -> list[str]:
    if entry is None:
        return []
    if isinstance(entry, list):
        return [line_of(one) for one in entry]
    return [_("%(group)s (hidden)") % {"group": model_of(entry)} if is_hidden(entry) else model_of(entry)]


def sources(settings: Mapping[str, Stored]) -> list[dict[str, str]]:
    """Where each list is set, and what is wrong with it."""
    labels = {value: str(label) for value, label in Source.choices}
    return [
        {
            "title": one.title,
            "source": labels.get(one.source, "") or _("not set"),
            "locked": "" if one.is_editable else _("cannot be changed here"),
            "problem": one.problem,
        }
        for one in settings.values()
    ]


def everybody(settings: Mapping[str, Stored]) -> list[dict[str, Any]]:
    """The lists that are no group's own: the default, and those of any group."""
    found = [(DEFAULT, settings[DEFAULT].entries.get(EVERYBODY), address("edit"))]
    found += [(name, settings[name].entries.get(ANY), address("edit", group=ANY)) for name in FALLBACKS]
    return [
        {
            "title": str(TITLES[name]) if name == DEFAULT else _("%(when)s, any group (*)") % {"when": TITLES[name]},
            "lines": _lines(entry),
            "edit": edit,
        }
        for name, entry, edit in found
        if entry or name in (DEFAULT, FALLBACKS[0])
    ]
