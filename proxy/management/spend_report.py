"""/global/spend/report: who spent how much with which models, by day or by key (api.md 2.8)."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

from budgets.core.pricing import dollars
from budgets.reports import NO_SPEND, By, Question, Sums, amounts_by, amounts_day_by_day, day_by_day, spend_by
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.schemas import spend as schemas
from proxy.management.spend_days import days_between
from proxy.management.spend_names import hashes_of, name_keys, name_teams
from proxy.management.spend_rows import exact, qualified
from proxy.management.streamed import csv_answer, list_answer, wants_csv
from teams.errors import Envelope

MISSING = "Please provide start_date and end_date"
UNASSIGNED_TEAM = "Unassigned Team"


@dataclass(frozen=True)
class Form:
    """How a kind of report groups a day: by the dimensions `heads`, under `title` in the answer."""

    title: str
    heads: tuple[By, ...]


_BY_TEAM = Form("teams", (By.TEAM,))
_BY_CUSTOMER = Form("customers", (By.CUSTOMER,))
_BY_TEAM_AND_CUSTOMER = Form("teams_customers", (By.TEAM, By.CUSTOMER))
_DETAILS = (By.PROVIDER, By.MODEL, By.KEY)
_FIELDS = {By.TEAM: "team_name", By.CUSTOMER: "customer"}


class SpendReport(ManagementViewSet):
    tag = "spend"

    @route("GET", "/global/spend/report", access=Access.ADMIN_READ, query=schemas.Report,
           answer=schemas.ReportAnswer, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def report(self, call: Call, query: schemas.Report) -> Any:
        """Spend by day for teams or customers, or by key; filtered by key, user, team and customer. Also as CSV."""
        first, last = days_between(query.start_date, query.end_date, missing=MISSING)
        question = Question(first=first, last=last, where=_conditions(query))
        form = _form(query)
        if wants_csv(call, query.format):
            titles, lines = (
                (_KEY_TITLES, _key_lines(question)) if form is None else (_titles(form), _lines(question, form))
            )
            return csv_answer(call, titles, lines, filename=f"spend-{first}-{last}.csv")
        found = _by_key(question) if form is None else _by_day(question, form, details=query.details)
        return list_answer(call, found)


def _conditions(query: schemas.Report) -> dict[By, list[str]]:
    given = {By.USER: query.internal_user_id, By.TEAM: query.team_id, By.CUSTOMER: query.customer_id}
    where = {by: [value] for by, value in given.items() if value}
    if query.api_key:
        where[By.KEY] = hashes_of(query.api_key)
    return where


def _form(query: schemas.Report) -> Form | None:
    """None for a report by key, which is also what a filter alone asks for."""
    if query.group_by is not None:
        return {"team": _BY_TEAM, "customer": _BY_CUSTOMER, "api_key": None}[query.group_by]
    if query.team_id and query.customer_id:
        return _BY_TEAM_AND_CUSTOMER
    return None if query.api_key or query.internal_user_id or query.team_id or query.customer_id else _BY_TEAM


def _by_day(question: Question, form: Form, *, details: bool) -> Iterator[dict[str, Any]]:
    for day, rows in _days(question, form, details=details):
        yield {"group_by_day": f"{day.isoformat()}T00:00:00", form.title: _heads(form, rows, details=details)}


def _days(question: Question, form: Form, *, details: bool) -> Iterator[tuple[date, list[tuple[Any, ...]]]]:
    """With details, a day is in memory at a time; without, a question for each would take longer than one for all."""
    if details:
        yield from amounts_day_by_day(question, *form.heads, *_DETAILS)
        return
    rows = sorted(amounts_by(question, By.DAY, *form.heads), key=itemgetter(0))
    for day, of_day in groupby(rows, key=itemgetter(0)):
        yield day, [row[1:] for row in of_day]


def _heads(form: Form, rows: list[tuple[Any, ...]], *, details: bool) -> list[dict[str, Any]]:
    """The dearest first, and so within each. A row ends with nano-dollars and tokens."""
    width = len(form.heads)
    groups: defaultdict[tuple[str, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        groups[row[:width]].append(row[width:])
    amounts = {head: sum(row[-2] for row in inner) for head, inner in groups.items()}
    named = _namer(form, groups)
    return [
        {
            **named(head),
            "total_spend": dollars(amount),
            **({"metadata": _metadata(groups[head])} if details else {}),
        }
        for head, amount in sorted(amounts.items(), key=_dearest_first)
    ]


def _metadata(rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    rows.sort(key=itemgetter(3), reverse=True)
    return [
        {"model": qualified(provider, model), "api_key": key, "spend": dollars(nano), "total_tokens": tokens}
        for provider, model, key, nano, tokens in rows
    ]


def _namer(form: Form, heads: Mapping[tuple[str, ...], Any]) -> Callable[[tuple[str, ...]], dict[str, str]]:
    teams: Mapping[str, str] = {}
    if By.TEAM in form.heads:
        at = form.heads.index(By.TEAM)
        teams = name_teams((head[at] for head in heads), nobody=UNASSIGNED_TEAM)

    def named(head: tuple[str, ...]) -> dict[str, str]:
        return {
            _FIELDS[by]: teams[value] if by is By.TEAM else value for by, value in zip(form.heads, head, strict=True)
        }

    return named


def _by_key(question: Question) -> list[dict[str, Any]]:
    """By the hash that each key has now."""
    found: defaultdict[str, dict[str, Sums]] = defaultdict(dict)
    groups = spend_by(question, By.KEY, By.PROVIDER, By.MODEL)
    names = name_keys(group.values[0] for group in groups)
    for group in groups:
        key, provider, model = group.values
        models, name = found[names[key].token_hash], qualified(provider, model)
        models[name] = models.get(name, NO_SPEND) + group.sums
    answers = [
        {
            "api_key": key,
            **_costs(sum(models.values(), NO_SPEND)),
            "model_details": [
                {"model": name, **_costs(sums)}
                for name, sums in sorted(models.items(), key=lambda item: (-item[1].amount_nano, item[0]))
            ],
        }
        for key, models in found.items()
    ]
    return sorted(answers, key=lambda answer: (-answer["total_cost"], answer["api_key"]))


def _costs(sums: Sums) -> dict[str, Any]:
    return {
        "total_cost": dollars(sums.amount_nano),
        "total_input_tokens": sums.prompt_tokens,
        "total_output_tokens": sums.completion_tokens,
    }


_SUM_TITLES = ("requests", "failures", "prompt_tokens", "completion_tokens", "spend")
_KEY_TITLES = ("api_key", "key_alias", "model", *_SUM_TITLES)


def _titles(form: Form) -> tuple[str, ...]:
    ids = ("team_id",) if By.TEAM in form.heads else ()
    return ("date", *ids, *(_FIELDS[by] for by in form.heads), "model", "api_key", "key_alias", *_SUM_TITLES)


def _lines(question: Question, form: Form) -> Iterator[tuple[object, ...]]:
    """A day is in memory at a time."""
    width = len(form.heads)
    for day, groups in day_by_day(question, *form.heads, *_DETAILS):
        named = _namer(form, {group.values[:width]: None for group in groups})
        names = name_keys(group.values[-1] for group in groups)
        for group in sorted(groups, key=lambda group: group.values):
            head, (provider, model, key) = group.values[:width], group.values[width:]
            ids = (head[form.heads.index(By.TEAM)],) if By.TEAM in form.heads else ()
            yield (
                _text(day), *ids, *named(head).values(), qualified(provider, model), names[key].token_hash,
                names[key].alias or "", *_sums(group.sums),
            )  # fmt: skip


def _key_lines(question: Question) -> Iterator[tuple[object, ...]]:
    groups = spend_by(question, By.KEY, By.PROVIDER, By.MODEL)
    names = name_keys(group.values[0] for group in groups)
    for group in sorted(groups, key=lambda group: group.values):
        key, provider, model = group.values
        yield names[key].token_hash, names[key].alias or "", qualified(provider, model), *_sums(group.sums)


def _sums(sums: Sums) -> tuple[object, ...]:
    return sums.requests, sums.failures, sums.prompt_tokens, sums.completion_tokens, exact(sums.amount_nano)


def _text(day: date) -> str:
    return day.isoformat()


def _dearest_first(item: tuple[tuple[str, ...], int]) -> tuple[int, tuple[str, ...]]:
    return -item[1], item[0]
