"""What everybody together has spent, by whom and with what (api.md 2.8)."""

from collections import defaultdict
from datetime import date
from typing import Any

from budgets.core.pricing import dollars
from budgets.reports import By, Question, spend_by, total, values_of
from budgets.resets import reset_everybody
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.key_objects import utc_now
from proxy.management.schemas import spend as schemas
from proxy.management.spend_days import days_between, last_days
from proxy.management.spend_names import UNASSIGNED, dearest_keys, hashes_of, name_keys, name_teams
from proxy.management.spend_report import MISSING
from proxy.management.spend_rows import qualified
from proxy.runtime import running
from proxy.spending import provider_budgets
from teams.errors import Envelope

# As LiteLLM's views have it.
_VIEW_DAYS = 30
_MOST_CUSTOMERS = 100
_MOST_TAGS = 10_000


class GlobalSpend(ManagementViewSet):
    tag = "spend"

    @route("GET", "/global/spend", access=Access.ADMIN_READ, answer=schemas.GlobalSpend)
    def spend(self, call: Call) -> dict[str, Any]:
        """Of everybody, in the last 30 days."""
        most = running().table.settings["litellm_settings"].get("max_budget")
        spent = total(_lately())
        return {
            "spend": dollars(spent.amount_nano),
            "max_budget": float(most) if isinstance(most, (int, float)) else 0.0,
        }

    @route("GET", "/global/spend/logs", access=Access.ADMIN_READ, query=schemas.OfKey, answer=list[schemas.DaySpend])
    def logs(self, call: Call, query: schemas.OfKey) -> list[dict[str, Any]]:
        """By day, of the last 30, of everybody or of one key."""
        groups = spend_by(_lately(query.api_key), By.DAY)
        return [
            {"date": day.isoformat(), "spend": dollars(sums.amount_nano)}
            for day, sums in sorted(((group.values[0], group.sums) for group in groups), key=lambda day: day[0])
        ]

    @route("GET", "/global/spend/keys", access=Access.ADMIN_READ, query=schemas.Top, answer=list[schemas.KeySpend])
    def keys(self, call: Call, query: schemas.Top) -> list[dict[str, Any]]:
        """The keys that spent most in the last 30 days."""
        dearest = dearest_keys(_lately(), limit=query.limit)
        names = name_keys(key for key, _ in dearest)
        return [
            {
                "api_key": key,
                "key_alias": names[key].alias,
                "key_name": names[key].name,
                "total_spend": dollars(nano),
            }
            for key, nano in dearest
        ]

    @route("GET", "/global/spend/teams", access=Access.ADMIN_READ, answer=schemas.TeamSpend)
    def teams(self, call: Call) -> dict[str, Any]:
        """Of every team, by day, in the last 30 days."""
        groups = spend_by(_lately(), By.DAY, By.TEAM)
        labels = name_teams(group.values[1] for group in groups)
        days: defaultdict[date, dict[str, Any]] = defaultdict(dict)
        spent: defaultdict[str, int] = defaultdict(int)
        for group in groups:
            day, team_id = group.values
            days[day][labels[team_id]] = dollars(group.sums.amount_nano)
            spent[team_id] += group.sums.amount_nano
        dearest = _dearest(spent)
        return {
            # The date goes last: a team may be called so.
            "daily_spend": [{**days[day], "date": day.isoformat()} for day in sorted(days)],
            "teams": [labels[team_id] for team_id, _ in dearest],
            "total_spend_per_team": [
                {"team_id": team_id or UNASSIGNED, "total_spend": dollars(nano)} for team_id, nano in dearest
            ],
        }

    @route("GET", "/global/spend/models", access=Access.ADMIN_READ, query=schemas.Top, answer=list[schemas.ModelSpend])
    def models(self, call: Call, query: schemas.Top) -> list[dict[str, Any]]:
        """The models that cost most in the last 30 days."""
        groups = spend_by(_lately(), By.PROVIDER, By.MODEL, limit=query.limit)
        return [{"model": qualified(*group.values), "total_spend": dollars(group.sums.amount_nano)} for group in groups]

    @route("GET", "/global/spend/provider", access=Access.ADMIN_READ, query=schemas.Days,
           answer=list[schemas.ProviderSpend], envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def providers(self, call: Call, query: schemas.Days) -> list[dict[str, Any]]:
        """By provider, of some days."""
        first, last = days_between(query.start_date, query.end_date, missing=MISSING)
        groups = spend_by(Question(first=first, last=last), By.PROVIDER)
        spent = {group.values[0]: group.sums.amount_nano for group in groups}
        return [{"provider": name, "spend": dollars(nano)} for name, nano in _dearest(spent)]

    @route("GET", "/global/spend/tags", access=Access.ADMIN_READ, query=schemas.TagDays, answer=schemas.SpendPerTag,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def tags(self, call: Call, query: schemas.TagDays) -> dict[str, Any]:
        """By tag, of some days or ever."""
        rows = tag_spend(query.start_date, query.end_date, tags=query.tags)
        return {
            "spend_per_tag": [
                {"name": name, "spend": round(dollars(nano), 4), "log_count": requests} for name, nano, requests in rows
            ]
        }

    @route("GET", "/global/spend/all_tag_names", access=Access.ADMIN_READ, answer=schemas.TagNames)
    def tag_names(self, call: Call) -> dict[str, Any]:
        """Of all tags that requests ever had."""
        return {"tag_names": values_of(Question(), By.TAG, limit=_MOST_TAGS)}

    @route("POST", "/global/spend/end_users", access=Access.ADMIN_READ, body=schemas.EndUsers,
           answer=list[schemas.EndUserSpend], reads=True)  # fmt: skip
    def end_users(self, call: Call, body: schemas.EndUsers) -> list[dict[str, Any]]:
        """The hundred customers who cost most, of some days or ever."""
        first, last = days_between(body.startTime, body.endTime)
        where = {By.KEY: hashes_of(body.api_key)} if body.api_key else {}
        groups = spend_by(Question(first=first, last=last, where=where), By.CUSTOMER, limit=_MOST_CUSTOMERS)
        return [
            {
                "end_user": group.values[0],
                "total_count": group.sums.requests,
                "total_spend": dollars(group.sums.amount_nano),
            }
            for group in groups
        ]

    @route("POST", "/global/spend/reset", access=Access.MASTER, answer=schemas.SpendReset)
    def reset(self, call: Call) -> dict[str, Any]:
        """Let all keys and teams count as having spent nothing in their current period. The ledger stays."""
        reset_everybody(actor_id=call.reach.user_id or "", now=utc_now())
        return {"message": "Spend for all API Keys and Teams reset successfully", "status": "success"}

    @route("GET", "/provider/budgets", access=Access.ADMIN, answer=schemas.ProviderBudgets)
    def provider_budgets(self, call: Call) -> dict[str, Any]:
        """What providers with a budget have cost in its period; nobody, when none is configured."""
        return {
            "providers": {
                one.name: {
                    "budget_limit": dollars(one.budget_nano),
                    "time_period": one.duration or None,
                    "spend": dollars(one.spent_nano),
                    "budget_reset_at": one.resets_at.isoformat() if one.resets_at else None,
                }
                for one in provider_budgets(running().table, now=utc_now())
            }
        }


def tag_spend(start: str | None, end: str | None, *, tags: list[str] | None = None) -> list[tuple[str, int, int]]:
    """Name, nano-dollars and calls, the dearest first. LiteLLM's word for all of them is "all-tags"."""
    first, last = days_between(start, end)
    where = {By.TAG: tags} if tags and tags != ["all-tags"] else {}
    groups = spend_by(Question(first=first, last=last, where=where), By.TAG, limit=_MOST_TAGS)
    return [(group.values[0], group.sums.amount_nano, group.sums.requests) for group in groups]


def _lately(api_key: str | None = None) -> Question:
    first, last = last_days(_VIEW_DAYS, now=utc_now())
    return Question(first=first, last=last, where={By.KEY: hashes_of(api_key)} if api_key else {})


def _dearest(spent: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(spent.items(), key=lambda item: (-item[1], item[0]))
