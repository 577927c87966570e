"""Whose alerts somebody works with: those of the whole gateway, or those of the teams that they administer.

This app knows no teams. Whoever does says for each person at the admin's pages, and for each caller of the API, which
ids they are; what is not theirs does not exist for them.
"""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Q, QuerySet

from alerts.addresses import AddressRefused, ensure_callable
from alerts.models import AlertChannel, AlertRoute, ChannelKind, Delivery, Entry, Incident, IncidentEntry, Silence
from alerts.transports import TRANSPORTS


@dataclass(frozen=True, slots=True)
class Desk:
    """`team_ids` None: everything. `is_operators`: what is written here may lead to private addresses.

    `user_id` is who sits there, `key_aliases` what the own keys are called, by the team that they are in ("": in none).
    """

    team_ids: frozenset[str] | None = None
    may_write: bool = True
    is_operators: bool = False
    user_id: str = ""
    key_aliases: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        return self.team_ids is None

    def owns(self, team_id: str) -> bool:
        return self.team_ids is None or team_id in self.team_ids

    def channels(self) -> QuerySet[AlertChannel]:
        return self.of(AlertChannel.objects.all())

    def routes(self) -> QuerySet[AlertRoute]:
        return self.of(AlertRoute.objects.all())

    def silences(self) -> QuerySet[Silence]:
        return self.of(Silence.objects.all())

    def incidents(self) -> QuerySet[Incident]:
        return self.of(Incident.objects.all())

    def watched(self, rows: QuerySet[Incident]) -> QuerySet[Incident]:
        """Those of the incidents that may be looked at: also what is told of the person and of the own keys."""
        if self.team_ids is None:
            return rows
        mine = Q(team_id__in=sorted(self.team_ids))
        if self.user_id:
            mine |= Q(labels__user_id=self.user_id)
        for team_id, aliases in sorted(self.key_aliases.items()):
            mine |= Q(team_id=team_id, labels__key_alias__in=sorted(aliases))
        return rows.filter(mine)

    def deliveries(self, incident: Incident) -> QuerySet[Delivery]:
        return self.of(incident.deliveries.all(), "channel__team_id")

    def words(self, entry: IncidentEntry) -> str:
        """Of a timeline; whom others told is theirs to know."""
        names_channels = entry.what in (Entry.TOLD, Entry.ESCALATED)
        return entry.text.partition(":")[0] if names_channels and not self.is_whole else entry.text

    def of(self, rows: QuerySet[Any], team: str = "team_id") -> QuerySet[Any]:
        """Those of the rows that are theirs; `team` is where a row says whose it is."""
        return rows if self.team_ids is None else rows.filter(**{f"{team}__in": sorted(self.team_ids)})


EVERYTHING = Desk()
_desk_of: Callable[[Any], Desk] = lambda _user: EVERYTHING  # noqa: E731


def set_desks(desk_of: Callable[[Any], Desk]) -> None:
    """Says, from now on, whose alerts a user of the admin's pages works with."""
    global _desk_of  # noqa: PLW0603
    _desk_of = desk_of


def desk_of(user: Any) -> Desk:
    return _desk_of(user)


def channel_problems(
    row: AlertChannel, desk: Desk, *, stored: AlertChannel | None, secret_is_given: bool
) -> dict[str, str]:
    """What keeps a channel from being stored as somebody typed it: column to sentence. Empty when it is well.

    A secret was given for one address: whoever could point it at another would be told it.
    """
    found: dict[str, str] = {}
    if not desk.owns(row.team_id):
        found["team_id"] = "This is none of your teams."
    if row.kind == ChannelKind.APPRISE and not desk.is_operators:
        found["kind"] = "Apprise may call any address, so only the operator and superusers set up its channels."
    elif (transport := TRANSPORTS.get(row.kind)) is None:
        found["kind"] = "Nobody here can speak to a channel of this kind."
    else:
        found |= transport.problems(row)
    moved = stored is not None and stored.url != row.url
    if (stored is None or moved) and not desk.is_operators and (wrong := _private(row.url)):
        found.setdefault("url", wrong)
    if stored is not None and moved and stored.secret and not secret_is_given and not desk.is_operators:
        found.setdefault("secret", "The secret was given for another address: give it again.")
    if stored is not None and stored.kind != row.kind and not desk.is_operators:
        found["kind"] = "A channel stays of its kind: make another one."
    return found


def route_problems(
    row: AlertRoute, desk: Desk, *, channels: list[AlertChannel], escalate_to: list[AlertChannel]
) -> dict[str, str]:
    """As of a channel. What a team sets up leads to the team's own channels."""
    found: dict[str, str] = {}
    if not desk.owns(row.team_id):
        found["team_id"] = "This is none of your teams."
    for column, chosen in (("channels", channels), ("escalate_to", escalate_to)):
        if row.team_id and any(one.team_id != row.team_id for one in chosen):
            found[column] = "A team's route leads to the team's own channels."
    if escalate_to and not row.escalate_after_seconds:
        found["escalate_after_seconds"] = "Say after how many seconds they are told, too."
    if row.escalate_after_seconds and not escalate_to:
        found["escalate_to"] = "Say who is told then."
    return found


def _private(url: str) -> str:
    """A sentence about an address that plainly leads to a private network; names are asked at each sending."""
    try:
        host = (urlsplit(url).hostname or "").partition("%")[0]
    except ValueError:
        return ""
    if host == "localhost" or host.endswith(".localhost"):
        return "The address leads to this machine or a private network."
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return ""
    try:
        ensure_callable(host, private_allowed=False)
    except AddressRefused as error:
        sentence = str(error)
        return f"{sentence[:1].upper()}{sentence[1:]}."
    return ""
