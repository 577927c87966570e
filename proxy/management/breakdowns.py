"""Days of activity as LiteLLM tells them: sums, and those of each model, provider, path, key and entity within."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from budgets.core.pricing import dollars
from budgets.reports import NO_SPEND, By, Question, Sums, column_of, rows_of, spend_by
from proxy.core.operations import ENDPOINTS
from proxy.management.spend_names import KeyName, name_keys
from proxy.management.spend_rows import qualified

# In an answer without pages: breakdowns by key and entity are of the dearest of all the days asked.
MOST_KEYS = 20
MOST_ENTITIES = 100
_CALLS = (By.PROVIDER, By.MODEL, By.MODEL_GROUP, By.CALL_TYPE)
_PARTS = ("models", "model_groups", "providers", "endpoints")


@dataclass(slots=True)
class _Part:
    sums: Sums = NO_SPEND
    keys: dict[str, Sums] = field(default_factory=dict)


@dataclass(slots=True)
class _Day:
    sums: Sums = NO_SPEND
    keys: dict[str, Sums] = field(default_factory=dict)
    parts: dict[str, dict[str, _Part]] = field(default_factory=dict)

    def count(self, names: Mapping[str, str], sums: Sums) -> None:
        for title, name in names.items():
            self._part(title, name).sums += sums

    def count_key(self, names: Mapping[str, str], key: str, sums: Sums) -> None:
        self.keys[key] = self.keys.get(key, NO_SPEND) + sums
        for title, name in names.items():
            keys = self._part(title, name).keys
            keys[key] = keys.get(key, NO_SPEND) + sums

    def _part(self, title: str, name: str) -> _Part:
        return self.parts.setdefault(title, {}).setdefault(name, _Part())


@dataclass(frozen=True)
class Activity:
    """The newest day first."""

    days: list[dict[str, Any]]
    sums: Sums


def page_of_activity(question: Question, entity: By, *, number: int, size: int) -> tuple[Activity, int]:
    """What so many rows of the roll-up add up to, and how many pages there are."""
    rows = rows_of(question, entity)
    count = rows.count()
    first = (number - 1) * size
    columns = ("day", *map(column_of, (*_CALLS, By.KEY, entity)))
    days: dict[date, _Day] = {}
    shown = rows.order_by("-day", "pk")[first : first + size] if first < count else ()
    found = [(tuple(getattr(row, name) for name in columns), _sums_of(row)) for row in shown]
    names = name_keys(values[-2] for values, _ in found)
    for (day, *calls, key, one), sums in found:
        told = {**_call_names(calls), "entities": one}
        at = days.setdefault(day, _Day())
        at.sums += sums
        at.count(told, sums)
        at.count_key(told, names[key].token_hash, sums)
    return _activity(days, names), -(-count // size)


def whole_activity(question: Question, entity: By) -> Activity:
    """All the days. Sums are of every call; by key and entity, the dearest are told."""
    days: dict[date, _Day] = {}
    for group in spend_by(question, By.DAY, *_CALLS):
        at = days.setdefault(group.values[0], _Day())
        at.sums += group.sums
        at.count(_call_names(group.values[1:]), group.sums)
    _count_entities(days, question, entity)
    names = _count_keys(days, question, entity)
    return _activity(days, names)


def _count_entities(days: Mapping[date, _Day], question: Question, entity: By) -> None:
    dearest = [group.values[0] for group in spend_by(question, entity, limit=MOST_ENTITIES)]
    for group in spend_by(_narrowed(question, entity, dearest), By.DAY, entity):
        days[group.values[0]].count({"entities": group.values[1]}, group.sums)


def _count_keys(days: Mapping[date, _Day], question: Question, entity: By) -> dict[str, KeyName]:
    dearest = [group.values[0] for group in spend_by(question, By.KEY, limit=MOST_KEYS)]
    names = name_keys(dearest)
    for group in spend_by(_narrowed(question, By.KEY, dearest), By.DAY, *_CALLS, By.KEY, entity):
        day, *calls, key, one = group.values
        told = _call_names(calls)
        if one in days[day].parts.get("entities", {}):
            told["entities"] = one
        days[day].count_key(told, names[key].token_hash, group.sums)
    return names


def _narrowed(question: Question, by: By, values: list[str]) -> Question:
    return replace(question, where={**question.where, by: values})


def _call_names(calls: Iterable[str]) -> dict[str, str]:
    provider, model, model_group, call_type = calls
    told = (qualified(provider, model), model_group, provider, ENDPOINTS.get(call_type, call_type))
    return dict(zip(_PARTS, told, strict=True))


def _sums_of(row: Any) -> Sums:
    return Sums(
        row.amount_nano, row.requests, row.failures, row.prompt_tokens, row.completion_tokens, row.cached_tokens,
        row.cache_creation_tokens, row.milliseconds,
    )  # fmt: skip


def _activity(days: Mapping[date, _Day], names: Mapping[str, KeyName]) -> Activity:
    told = {name.token_hash: _key_metadata(name) for name in names.values()}
    ordered = sorted(days.items(), key=lambda item: item[0], reverse=True)
    return Activity(
        days=[
            {"date": day.isoformat(), "metrics": metrics(one.sums), "breakdown": _breakdown(one, told)}
            for day, one in ordered
        ],
        sums=sum((one.sums for one in days.values()), NO_SPEND),
    )


def _breakdown(day: _Day, keys: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        title: {
            name: {
                "metrics": metrics(part.sums),
                "metadata": {},
                "api_key_breakdown": _by_key(part.keys, keys),
            }
            for name, part in day.parts.get(title, {}).items()
        }
        for title in (*_PARTS, "entities")
    }
    return {**found, "api_keys": _by_key(day.keys, keys), "mcp_servers": {}}


def _by_key(sums: Mapping[str, Sums], keys: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    return {key: {"metrics": metrics(one), "metadata": keys[key]} for key, one in sums.items()}


def _key_metadata(name: KeyName) -> dict[str, Any]:
    return {
        "key_alias": name.alias,
        "team_id": name.team_id,
        "user_id": name.user_id,
        "user_email": name.user_email or None,
        "key_exists": name.exists,
    }


def metrics(sums: Sums) -> dict[str, Any]:
    return {
        "spend": dollars(sums.amount_nano),
        "prompt_tokens": sums.prompt_tokens,
        "completion_tokens": sums.completion_tokens,
        "cache_read_input_tokens": sums.cached_tokens,
        "cache_creation_input_tokens": sums.cache_creation_tokens,
        "total_tokens": sums.total_tokens,
        "successful_requests": sums.successes,
        "failed_requests": sums.failures,
        "api_requests": sums.requests,
        "total_response_time_ms": sums.milliseconds,
        "timed_requests": sums.successes,
    }
