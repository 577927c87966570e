"""The routes that set up channels, routes and silences: for proxy admins, and for team admins those of their teams.

What belongs to another team, or to the gateway, does not exist for a team admin.
"""

from typing import Any

from django.db.models import Model, QuerySet
from django.utils import timezone

import alerts.services
from alerts.services import Desk, Refused
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.schemas import alert_desk as schemas
from teams.desks import desk_of_reach
from teams.errors import Envelope, Forbidden, Invalid, NotFound
from teams.models import Team

_MOST_DIGITS = 18
_ERRORS = Envelope.DETAIL_ERROR


class AlertChannels(ManagementViewSet):
    tag = "alerts"

    @route("GET", "/alerts/channels", access=Access.USER, query=schemas.DeskQuery, answer=schemas.ChannelList,
           envelope=_ERRORS)  # fmt: skip
    def list(self, call: Call, query: schemas.DeskQuery) -> Any:
        """Where alerts go, by name; never with address or secret."""
        rows, total = _page(desk_of(call).channels().order_by("name"), query)
        found = [schemas.ChannelObject(**alerts.services.channel_object(row)) for row in rows]
        return schemas.ChannelList(channels=found, total=total)

    @route("POST", "/alerts/channels", access=Access.SELF_SERVICE, body=schemas.ChannelBody,
           answer=schemas.ChannelObject, envelope=_ERRORS)  # fmt: skip
    def add(self, call: Call, body: schemas.ChannelBody) -> Any:
        """Set up a channel."""
        return _channel(alerts.services.save_channel, desk_of(call), body)

    @route("GET", "/alerts/channels/<str:channel_id>", access=Access.USER, answer=schemas.ChannelObject,
           envelope=_ERRORS)  # fmt: skip
    def info(self, call: Call, channel_id: str) -> Any:
        """One channel."""
        row = _named(desk_of(call).channels(), "channel", channel_id)
        return schemas.ChannelObject(**alerts.services.channel_object(row))

    @route("PATCH", "/alerts/channels/<str:channel_id>", access=Access.SELF_SERVICE, body=schemas.ChannelBody,
           answer=schemas.ChannelObject, envelope=_ERRORS)  # fmt: skip
    def change(self, call: Call, body: schemas.ChannelBody, channel_id: str) -> Any:
        """Change what is given. Another address wants the secret again."""
        desk = desk_of(call)
        row = _named(desk.channels().select_for_update(), "channel", channel_id)
        return _channel(alerts.services.save_channel, desk, body, row=row)

    @route("DELETE", "/alerts/channels/<str:channel_id>", access=Access.SELF_SERVICE, answer=schemas.Gone,
           envelope=_ERRORS)  # fmt: skip
    def delete(self, call: Call, channel_id: str) -> Any:
        """Delete a channel, with the log of what it was told."""
        return _deleted(_named(desk_of(call).channels(), "channel", channel_id))

    @route("POST", "/alerts/channels/<str:channel_id>/test", access=Access.SELF_SERVICE, answer=schemas.ChannelTested,
           envelope=_ERRORS, reads=True)  # fmt: skip
    def test(self, call: Call, channel_id: str) -> Any:
        """Send a test message and wait for its answer. No alert is made."""
        desk = desk_of(call)
        if not desk.may_write:
            raise Forbidden("Whoever only reads sends no test messages.")
        found = alerts.services.test_channel(_named(desk.channels(), "channel", channel_id))
        return schemas.ChannelTested(status=found.status, error=found.error or None, answer=found.answer or None)


class AlertRoutes(ManagementViewSet):
    tag = "alerts"

    @route("GET", "/alerts/routes", access=Access.USER, query=schemas.DeskQuery, answer=schemas.RouteList,
           envelope=_ERRORS)  # fmt: skip
    def list(self, call: Call, query: schemas.DeskQuery) -> Any:
        """Who is told of what, in the order in which they are asked."""
        rows, total = _page(desk_of(call).routes().order_by("position", "id"), query)
        rows = rows.prefetch_related("channels", "escalate_to")
        found = [schemas.RouteObject(**alerts.services.route_object(row)) for row in rows]
        return schemas.RouteList(routes=found, total=total)

    @route("POST", "/alerts/routes", access=Access.SELF_SERVICE, body=schemas.RouteBody, answer=schemas.RouteObject,
           envelope=_ERRORS)  # fmt: skip
    def add(self, call: Call, body: schemas.RouteBody) -> Any:
        """Set up a route. One of a team is for alerts of the team, and leads to the team's own channels."""
        return _route(alerts.services.save_route, desk_of(call), body)

    @route("GET", "/alerts/routes/<str:route_id>", access=Access.USER, answer=schemas.RouteObject,
           envelope=_ERRORS)  # fmt: skip
    def info(self, call: Call, route_id: str) -> Any:
        """One route."""
        return schemas.RouteObject(**alerts.services.route_object(_named(desk_of(call).routes(), "route", route_id)))

    @route("PATCH", "/alerts/routes/<str:route_id>", access=Access.SELF_SERVICE, body=schemas.RouteBody,
           answer=schemas.RouteObject, envelope=_ERRORS)  # fmt: skip
    def change(self, call: Call, body: schemas.RouteBody, route_id: str) -> Any:
        """Change what is given."""
        desk = desk_of(call)
        row = _named(desk.routes().select_for_update(), "route", route_id)
        return _route(alerts.services.save_route, desk, body, row=row)

    @route("DELETE", "/alerts/routes/<str:route_id>", access=Access.SELF_SERVICE, answer=schemas.Gone,
           envelope=_ERRORS)  # fmt: skip
    def delete(self, call: Call, route_id: str) -> Any:
        """Delete a route."""
        return _deleted(_named(desk_of(call).routes(), "route", route_id))


class AlertSilences(ManagementViewSet):
    tag = "alerts"

    @route("GET", "/alerts/silences", access=Access.USER, query=schemas.DeskQuery, answer=schemas.SilenceList,
           envelope=_ERRORS)  # fmt: skip
    def list(self, call: Call, query: schemas.DeskQuery) -> Any:
        """What nobody is told of, those that end last first."""
        rows, total = _page(desk_of(call).silences().order_by("-ends_at", "-id"), query)
        return schemas.SilenceList(silences=[_silence(row) for row in rows], total=total)

    @route("POST", "/alerts/silences", access=Access.SELF_SERVICE, body=schemas.SilenceBody,
           answer=schemas.SilenceObject, envelope=_ERRORS)  # fmt: skip
    def add(self, call: Call, body: schemas.SilenceBody) -> Any:
        """Silence what matches, from then to then."""
        desk = desk_of(call)
        given = {name: value for name, value in body.given().items() if value is not None}
        _ensure_team_exists(given)
        try:
            return _silence(alerts.services.add_silence(desk, given, actor=actor_of(call)))
        except Refused as refused:
            raise Invalid(str(refused), param=refused.column) from None

    @route("DELETE", "/alerts/silences/<str:silence_id>", access=Access.SELF_SERVICE, answer=schemas.SilenceObject,
           envelope=_ERRORS)  # fmt: skip
    def end(self, call: Call, silence_id: str) -> Any:
        """End a silence for good."""
        row = _named(desk_of(call).silences().select_for_update(), "silence", silence_id)
        if not alerts.services.end_silence(row, now=timezone.now()):
            raise Invalid("The silence had ended already.")
        return _silence(row)


def desk_of(call: Call) -> Desk:
    """Raises Forbidden for whoever administers no team."""
    desk = desk_of_reach(call.reach)
    if not desk.is_whole and not desk.team_ids:
        raise Forbidden("Alerts are for proxy admins, and for admins of a team those of the team.")
    return desk


def actor_of(call: Call) -> str:
    return call.principal.user_id or call.principal.key_alias or "master key"


def _channel(save: Any, desk: Desk, body: schemas.ChannelBody, **row: Any) -> schemas.ChannelObject:
    return schemas.ChannelObject(**alerts.services.channel_object(_saved(save, desk, body.given(), **row)))


def _route(save: Any, desk: Desk, body: schemas.RouteBody, **row: Any) -> schemas.RouteObject:
    return schemas.RouteObject(**alerts.services.route_object(_saved(save, desk, body.given(), **row)))


def _silence(row: Any) -> schemas.SilenceObject:
    return schemas.SilenceObject(**alerts.services.silence_object(row, now=timezone.now()))


def _saved(save: Any, desk: Desk, given: dict[str, Any], **row: Any) -> Any:
    _ensure_team_exists(given)
    try:
        return save(desk, given, **row)
    except Refused as refused:
        raise Invalid(str(refused), param=refused.column) from None


def _ensure_team_exists(given: dict[str, Any]) -> None:
    team_id = given.get("team_id")
    if team_id and not Team.objects.filter(pk=team_id).exists():
        raise Invalid("team_id: This is none of your teams.", param="team_id")


def _named(rows: QuerySet[Any], noun: str, given: str) -> Any:
    known = given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS
    if not known or (row := rows.filter(pk=int(given)).first()) is None:
        raise NotFound(f"There is no {noun} {given[:50]!r}.")
    return row


def _deleted(row: Model) -> schemas.Gone:
    if getattr(row, "source", "") == "config":
        raise Invalid("source: config.yaml sets this: it is changed there.", param="source")
    found = schemas.Gone(id=row.pk, deleted=True)
    row.delete()
    return found


def _page(rows: QuerySet[Any], query: schemas.DeskQuery) -> tuple[QuerySet[Any], int]:
    if query.team_id is not None:
        rows = rows.filter(team_id=query.team_id)
    first = (query.page - 1) * query.size
    return rows[first : first + query.size], rows.count()
