"""Spend of keys, users and tags, and what something would cost (api.md 2.8)."""

from collections.abc import Iterable
from typing import Any

from budgets.core.pricing import Usage, cost, dollars
from budgets.models import Scope
from budgets.spend import dearest
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.key_objects import key_objects, utc_now
from proxy.management.schemas import spend as schemas
from proxy.management.schemas.keys import KeyObject
from proxy.management.spend_costs import of_messages, priced, usage_of
from proxy.management.spend_global import tag_spend
from proxy.management.user_objects import user_objects
from proxy.runtime import running
from teams.errors import Invalid
from teams.models import User, VirtualKey


class Spend(ManagementViewSet):
    tag = "spend"

    @route("GET", "/spend/keys", access=Access.USER, query=schemas.Top, answer=list[KeyObject])
    def keys(self, call: Call, query: schemas.Top) -> list[dict[str, Any]]:
        """Keys, those first that spend most; who is no admin is told of the own ones."""
        rows, among = VirtualKey.objects.all(), None
        if not call.reach.sees_everything:
            rows = among = rows.filter(user=call.reach.user_id)
        ids = dearest(Scope.KEY, limit=query.limit, among=among)
        first = list(rows.select_related("budget").filter(pk__in=ids))
        others = rows.select_related("budget").exclude(pk__in=[row.pk for row in first]).order_by("-created_at", "-pk")
        shown = key_objects([*first, *others[: query.limit - len(first)]], now=utc_now())
        return sorted(shown, key=lambda key: (-key["spend"], key["token"]))

    @route("GET", "/spend/users", access=Access.ADMIN_READ, query=schemas.TopUsers, answer=list[schemas.UserSpend])
    def users(self, call: Call, query: schemas.TopUsers) -> list[dict[str, Any]]:
        """Users, those first that spend most, with the aliases of their keys."""
        rows = User.objects.all()
        if query.user_id:
            found = list(rows.filter(pk=query.user_id))
        else:
            found = list(rows.filter(pk__in=dearest(Scope.USER, limit=query.limit)))
            others = rows.exclude(pk__in=[row.pk for row in found]).order_by("-created_at", "pk")
            found += others[: query.limit - len(found)]
        aliases = _aliases(found)
        shown = [{**user, "key_aliases": aliases[user["user_id"]]} for user in user_objects(found, now=utc_now())]
        return sorted(shown, key=lambda user: (-user["spend"], user["user_id"]))

    @route("GET", "/spend/tags", access=Access.ADMIN_READ, query=schemas.Days, answer=list[schemas.TagSpend])
    def tags(self, call: Call, query: schemas.Days) -> list[dict[str, Any]]:
        """Tags of requests, those first that cost most, of some days or ever."""
        return [
            {"individual_request_tag": name, "log_count": requests, "total_spend": dollars(nano)}
            for name, nano, requests in tag_spend(query.start_date, query.end_date)
        ]

    @route("POST", "/spend/calculate", access=Access.ANY, body=schemas.Calculate, answer=schemas.CalculatedCost,
           reads=True)  # fmt: skip
    def calculate(self, call: Call, body: schemas.Calculate) -> dict[str, Any]:
        """What messages would cost to send, or what an answer has cost."""
        now, team_id = utc_now(), call.principal.team_id
        if body.completion_response is not None:
            model = str(body.completion_response.get("model") or body.model or "")
            found = priced(model, running().table, team_id=team_id, now=now)
            return {"cost": dollars(cost(usage_of(body.completion_response), found.price).total)}
        if not body.model:
            raise Invalid("Bad Request - Either 'model' or 'completion_response' must be provided")
        if body.messages is None:
            raise Invalid("Bad Request - messages must be provided if 'model' is provided")
        found = priced(body.model, running().table, team_id=team_id, now=now)
        return {"cost": dollars(of_messages(body.messages, found.price).total)}

    @route("POST", "/cost/estimate", access=Access.ANY, body=schemas.Estimate, answer=schemas.EstimatedCost, reads=True)
    def estimate(self, call: Call, body: schemas.Estimate) -> dict[str, Any]:
        """What requests of a size would cost, each and by day and month."""
        found = priced(body.model, running().table, team_id=call.principal.team_id, now=utc_now())
        each = cost(Usage(prompt_tokens=body.input_tokens, completion_tokens=body.output_tokens), found.price)
        parts = {"cost": each.total, "input_cost": each.input, "output_cost": each.output, "margin_cost": 0}
        times = {"daily": body.num_requests_per_day, "monthly": body.num_requests_per_month}
        return {
            **body.given(),
            "num_requests_per_day": body.num_requests_per_day,
            "num_requests_per_month": body.num_requests_per_month,
            "provider": found.provider,
            **{f"{part}_per_request": dollars(nano) for part, nano in parts.items()},
            **{
                f"{name}_{part}": None if count is None else dollars(nano * count)
                for name, count in times.items()
                for part, nano in parts.items()
            },
            "input_cost_per_token": found.price.input.at(body.input_tokens) / _PER_TOKEN,
            "output_cost_per_token": found.price.output.at(body.input_tokens) / _PER_TOKEN,
        }


# Prices are nano-dollars per million tokens.
_PER_TOKEN = 10**15


def _aliases(users: Iterable[User]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {user.pk: [] for user in users}
    rows = VirtualKey.objects.filter(user__in=list(found), alias__isnull=False).order_by("alias")
    for user_id, alias in rows.values_list("user_id", "alias"):
        found[str(user_id)].append(str(alias))
    return found
