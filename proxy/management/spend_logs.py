"""The routes that tell of single calls, from the ledger (api.md 2.8); who is no admin is told of the own ones."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from budgets.core.pricing import dollars
from budgets.reports import By, Question, amounts_by
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.schemas import spend_logs as schemas
from proxy.management.spend_days import days_between, moments_between
from proxy.management.spend_names import hashes_of
from proxy.management.spend_rows import (
    LOG_TITLES,
    in_order,
    log_line,
    log_rows,
    matching,
    newest_first,
    of_request,
    qualified,
    visible_entries,
)
from proxy.management.streamed import csv_answer, wants_csv
from teams.errors import NotFound

MOST_ROWS = 10_000
# Counting further takes longer than anybody reads.
MOST_COUNTED = 10_000
_MOST_PADDED = timedelta(days=366)
_MISSING = "Start date and end date are required"


class SpendLogs(ManagementViewSet):
    tag = "spend"

    @route("GET", "/spend/logs", access=Access.USER, query=schemas.Logs, answer=schemas.LogsAnswer)
    def listed(self, call: Call, query: schemas.Logs) -> Any:
        """Calls, newest first, ten thousand at most; with dates, sums by day. As CSV all calls that were asked for."""
        as_csv = wants_csv(call, query.format)
        dated = bool(query.start_date or query.end_date)
        if dated and query.summarize and not as_csv and not query.request_id:
            return _summary(call, query)
        moments = moments_between(query.start_date, query.end_date)
        rows = visible_entries(call, api_key=query.api_key, user_id=query.user_id, moments=moments)
        if query.request_id:
            rows = of_request(rows, query.request_id)
        if as_csv:
            return csv_answer(call, LOG_TITLES, map(log_line, newest_first(rows)), filename="spend-logs.csv")
        newest = rows.order_by("-started_at", "-pk")[:MOST_ROWS]
        return log_rows(newest, shows_addresses=call.reach.sees_everything)

    @route("GET", "/spend/logs/v2", "/spend/logs/ui", access=Access.USER, query=schemas.LogList, answer=schemas.LogPage)
    def page(self, call: Call, query: schemas.LogList) -> Any:
        """Calls of some days, by pages. Ten thousand are counted, and all can be reached."""
        moments = moments_between(query.start_date, query.end_date, missing=_MISSING)
        rows = visible_entries(call, api_key=query.api_key, user_id=query.user_id, moments=moments)
        rows = matching(rows, query, moments=moments)
        if wants_csv(call, query.format):
            return csv_answer(call, LOG_TITLES, map(log_line, newest_first(rows)), filename="spend-logs.csv")
        counted = rows.order_by()[: MOST_COUNTED + 1].count()
        total = min(counted, MOST_COUNTED)
        began = (query.page - 1) * query.page_size
        shown = in_order(rows, query.sort_by, query.sort_order)[began : began + query.page_size]
        return {
            "data": log_rows(shown, shows_addresses=call.reach.sees_everything),
            "total": total,
            "page": query.page,
            "page_size": query.page_size,
            "total_pages": -(-total // query.page_size),
            "total_is_capped": counted > MOST_COUNTED,
        }

    @route("GET", "/spend/logs/ui/<path:request_id>", access=Access.USER, answer=schemas.Payload)
    def payload(self, call: Call, request_id: str) -> Any:
        """What was asked and answered: empty, since prompts and answers are never stored."""
        rows = visible_entries(call, api_key=None, user_id=None)
        if not of_request(rows, request_id[:255]).exists():
            raise NotFound(f"Request {request_id[:255]} not found", param="request_id")
        return {"messages": {}, "response": {}, "proxy_server_request": {}}


def _summary(call: Call, query: schemas.Logs) -> list[dict[str, Any]]:
    first, last = days_between(query.start_date, query.end_date)
    where = {}
    if owner := (query.user_id if call.reach.sees_everything else call.reach.user_id):
        where[By.USER] = [owner]
    if query.api_key:
        where[By.KEY] = hashes_of(query.api_key)
    question = Question(first=first, last=last, where=where)
    keys, users, models = (_by_day(question, *by) for by in ((By.KEY,), (By.USER,), (By.PROVIDER, By.MODEL)))
    days = [_day(day, keys[day], users.get(day, {}), models.get(day, {})) for day in sorted(keys)]
    return [*days, *_padding(days, last)]


def _by_day(question: Question, *by: By) -> dict[date, dict[str, int]]:
    """Nano-dollars by name; a model has that of its provider before its own."""
    found: defaultdict[date, dict[str, int]] = defaultdict(dict)
    for day, *values, nano, _ in amounts_by(question, By.DAY, *by):
        found[day][qualified(*values) if len(values) == 2 else values[0]] = nano
    return found


def _day(day: date, keys: dict[str, int], users: dict[str, int], models: dict[str, int]) -> dict[str, Any]:
    named = {name: dollars(nano) for name, nano in keys.items()}
    return {
        **named,
        "startTime": day.isoformat(),
        "spend": dollars(sum(keys.values())),
        "users": {name: dollars(nano) for name, nano in users.items()},
        "models": {name: dollars(nano) for name, nano in models.items()},
    }


def _padding(days: list[dict[str, Any]], last: date | None) -> list[dict[str, Any]]:
    """The days after the last one with spend, as LiteLLM has them; not more than a year's."""
    if not days or last is None:
        return []
    latest = date.fromisoformat(days[-1]["startTime"])
    count = (min(last, latest + min(_MOST_PADDED, date.max - latest)) - latest).days
    return [_day(latest + timedelta(days=number), {}, {}, {}) for number in range(1, count + 1)]
