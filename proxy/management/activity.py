"""How much was asked, by day: of everybody, by model, and by the gateway's own paths (api.md 2.8)."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

from budgets.reports import NO_SPEND, By, Question, Sums, spend_by
from proxy.core.operations import ENDPOINTS
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.schemas import activity as schemas
from proxy.management.spend_days import days_between
from proxy.management.spend_names import hashes_of
from proxy.management.spend_report import MISSING
from proxy.management.streamed import csv_answer, wants_csv
from teams.errors import Envelope

_TITLES = ("date", "api_requests", "total_tokens")
_OTHERS = "other"
_Days = list[tuple[date, Sums]]


class GlobalActivity(ManagementViewSet):
    tag = "spend"

    @route("GET", "/global/activity", access=Access.USER, query=schemas.Activity, answer=schemas.ActivityAnswer,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def activity(self, call: Call, query: schemas.Activity) -> Any:
        """Calls and tokens by day; who is no admin is told of the own ones."""
        days = _days(_question(call, query))
        if wants_csv(call, query.format):
            return csv_answer(call, _TITLES, _lines(days), filename="activity.csv")
        return _shown(days)

    @route("GET", "/global/activity/model", access=Access.USER, query=schemas.ModelActivity,
           answer=list[schemas.OneModelActivity], envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def by_model(self, call: Call, query: schemas.ModelActivity) -> Any:
        """The same by model group, the busiest first."""
        models: defaultdict[str, _Days] = defaultdict(list)
        for group in spend_by(_question(call, query), By.MODEL_GROUP, By.DAY):
            models[group.values[0]].append((group.values[1], group.sums))
        busiest = sorted(models, key=lambda name: (-sum(sums.requests for _, sums in models[name]), name))
        ordered = [(name, sorted(models[name], key=_day)) for name in busiest]
        if wants_csv(call, query.format):
            lines = ((name, *line) for name, days in ordered for line in _lines(days))
            return csv_answer(call, ("model", *_TITLES), lines, filename="activity-by-model.csv")
        return [{"model": name, **_shown(days)} for name, days in ordered]

    @route("GET", "/global/activity/exceptions", access=Access.ADMIN_READ, query=schemas.ModelActivity,
           answer=schemas.Failures, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def exceptions(self, call: Call, query: schemas.ModelActivity) -> Any:
        """Failed calls by day."""
        failed = [(day, sums.failures) for day, sums in _days(_question(call, query)) if sums.failures]
        if wants_csv(call, query.format):
            lines = ((day.isoformat(), count) for day, count in failed)
            return csv_answer(call, ("date", "num_exceptions"), lines, filename="exceptions.csv")
        return {
            "daily_data": [{"date": _short(day), "num_exceptions": count} for day, count in failed],
            "sum_num_exceptions": sum(count for _, count in failed),
        }

    @route("GET", "/global/activity/cache_hits", access=Access.ADMIN_READ, query=schemas.Activity,
           answer=list[schemas.CacheHits], envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def cache_hits(self, call: Call, query: schemas.Activity) -> Any:
        """Calls by key and kind. There is no response cache, so that none was a hit."""
        groups = sorted(spend_by(_question(call, query), By.KEY, By.CALL_TYPE), key=lambda group: group.values)
        rows = [
            {
                "api_key": group.values[0],
                "call_type": group.values[1],
                "cache_hit_true_rows": 0,
                "cached_completion_tokens": 0,
                "generated_completion_tokens": group.sums.completion_tokens,
                "total_rows": group.sums.requests,
            }
            for group in groups
        ]
        if wants_csv(call, query.format):
            titles = tuple(schemas.CacheHits.model_fields)
            lines = (tuple(row.values()) for row in rows)
            return csv_answer(call, titles, lines, filename="cache-hits.csv")
        return rows

    @route("GET", "/gateway/daily/activity", access=Access.ADMIN_READ, query=schemas.GatewayDays,
           answer=schemas.GatewayActivity, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def gateway(self, call: Call, query: schemas.GatewayDays) -> Any:
        """Calls that were answered and that failed, by day and by path."""
        first, last = days_between(query.start_date, query.end_date, missing=MISSING)
        days: defaultdict[date, Sums] = defaultdict(lambda: NO_SPEND)
        paths: defaultdict[str, Sums] = defaultdict(lambda: NO_SPEND)
        groups = spend_by(Question(first=first, last=last), By.DAY, By.CALL_TYPE)
        for group in groups:
            days[group.values[0]] += group.sums
            paths[ENDPOINTS.get(group.values[1], _OTHERS)] += group.sums
        if wants_csv(call, query.format):
            lines = sorted(
                (day.isoformat(), ENDPOINTS.get(kind, _OTHERS), sums.successes, sums.failures)
                for (day, kind), sums in ((group.values, group.sums) for group in groups)
            )
            titles = ("date", "route", "successful_requests", "failed_requests")
            return csv_answer(call, titles, lines, filename="gateway-activity.csv")
        return {
            "total_successful_requests": sum(sums.successes for sums in days.values()),
            "total_failed_requests": sum(sums.failures for sums in days.values()),
            "by_date": [{"date": day.isoformat(), **_results(sums)} for day, sums in sorted(days.items(), key=_day)],
            "by_route": [
                {"category": "llm", "route": path, **_results(sums)}
                for path, sums in sorted(paths.items(), key=lambda item: (-item[1].requests, item[0]))
            ],
        }


def _question(call: Call, query: schemas.Activity) -> Question:
    first, last = days_between(query.start_date, query.end_date, missing=MISSING)
    where = {}
    if not call.reach.sees_everything:
        where[By.USER] = [call.reach.user_id or ""]
    if query.api_key:
        where[By.KEY] = hashes_of(query.api_key)
    if isinstance(query, schemas.ModelActivity) and query.model_group:
        where[By.MODEL_GROUP] = [query.model_group]
    return Question(first=first, last=last, where=where)


def _days(question: Question) -> _Days:
    return sorted(((group.values[0], group.sums) for group in spend_by(question, By.DAY)), key=_day)


def _day(item: tuple[date, Sums]) -> date:
    return item[0]


def _shown(days: _Days) -> dict[str, Any]:
    return {
        "daily_data": [
            {"date": _short(day), "api_requests": sums.requests, "total_tokens": sums.total_tokens}
            for day, sums in days
        ],
        "sum_api_requests": sum(sums.requests for _, sums in days),
        "sum_total_tokens": sum(sums.total_tokens for _, sums in days),
    }


def _lines(days: Iterable[tuple[date, Sums]]) -> Iterable[tuple[object, ...]]:
    return ((day.isoformat(), sums.requests, sums.total_tokens) for day, sums in days)


def _results(sums: Sums) -> dict[str, int]:
    return {"successful_requests": sums.successes, "failed_requests": sums.failures}


def _short(day: date) -> str:
    """Such as "Nov 23", as LiteLLM tells it."""
    return f"{day:%b %d}"
