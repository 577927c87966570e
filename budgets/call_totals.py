"""What calls of upstreams add up to since counting began, as metrics tell them apart.

Each entry of the ledger is added by the roll-up that takes it, in the same transaction: the numbers are the ledger's
whatever dies when, and of all processes. Health checks of the gateway itself are in none, corrections in none either:
they may take away, and what a metric counts never goes down.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from django.db.models import Max

from budgets.additions import add, digest_id
from budgets.core.pricing import Unit
from budgets.models import CallTotal
from teams.models import Organization, Team, User

OTHER = "other"
# More would make every scrape slow. What comes later is counted together, so that sums stay what they are.
MOST_SERIES = 10_000
# Columns of an entry that a label shows.
FACTS = (
    "key_hash", "key_alias", "team_id", "organization_id", "user_id", "requested_model", "model_group",
    "deployment_id", "provider", "model", "service_tier",
)  # fmt: skip
SUMS = (
    "calls", "amount_nano", "prompt_tokens", "completion_tokens", "cached_tokens", "cache_creation_tokens",
    "reasoning_tokens", "images", "unpriced",
)  # fmt: skip
Row = dict[str, Any]


def count_calls(entries: Sequence[Row]) -> None:
    """In the transaction of a roll-up, of which one runs at a time."""
    calls = [row for row in entries if row["corrects"] is None]
    if not calls:
        return
    found: dict[bytes, list[int]] = {}
    names = _Names(calls)
    for row in calls:
        labels = orjson.dumps(_labels(row, names), option=orjson.OPT_SORT_KEYS)
        sums = _sums(row)
        known = found.get(labels)
        found[labels] = sums if known is None else [old + new for old, new in zip(known, sums, strict=True)]
    version = (CallTotal.objects.aggregate(last=Max("version"))["last"] or 0) + 1
    rows = {digest_id(labels.decode()): ((labels.decode(),), sums) for labels, sums in found.items()}
    add(CallTotal, _within_bounds(rows), agree=("labels",), sums=SUMS, replace={"version": version})


class _Names:
    """What those are called now whom the entries name."""

    def __init__(self, rows: Iterable[Row]) -> None:
        rows = list(rows)
        teams = {row["team_id"] for row in rows} - {""}
        organizations = {row["organization_id"] for row in rows} - {""}
        users = {row["user_id"] for row in rows} - {""}
        self.teams = dict(Team.objects.filter(pk__in=teams).values_list("pk", "alias")) if teams else {}
        self.organizations = (
            dict(Organization.objects.filter(pk__in=organizations).values_list("pk", "alias")) if organizations else {}
        )
        self.emails = dict(User.objects.filter(pk__in=users).values_list("pk", "email")) if users else {}


def _labels(row: Row, names: _Names) -> Row:
    """Only what is there: an absent label is an empty one."""
    own = row["labels"] if isinstance(row["labels"], dict) else {}
    labels = {name: value for name in FACTS if (value := own.get(name) or row[name])}
    now = {
        "team_alias": names.teams.get(row["team_id"]),
        "org_alias": names.organizations.get(row["organization_id"]),
        "user_email": names.emails.get(row["user_id"]),
    }
    labels |= {label: text for label, text in now.items() if text}
    if row["status"] != "success":
        labels["status_code"] = str(row["status_code"])
        labels["error_class"] = row["error_class"]
    if rest := {name: value for name, value in own.items() if name not in FACTS}:
        labels["own"] = rest
    return labels


def _sums(row: Row) -> list[int]:
    is_served = row["status"] == "success"
    tokens = row["prompt_tokens"] + row["completion_tokens"]
    return [
        1,
        row["amount_nano"],
        row["prompt_tokens"],
        row["completion_tokens"],
        row["cached_tokens"],
        row["cache_creation_tokens"],
        row["reasoning_tokens"],
        row["units"] if row["unit"] == Unit.IMAGE else 0,
        int(is_served and row["price_id"] is None and tokens > 0),
    ]


def _within_bounds(rows: dict[Any, Any]) -> dict[Any, Any]:
    room = MOST_SERIES - CallTotal.objects.count()
    if room >= len(rows):
        return rows
    known = set(CallTotal.objects.filter(pk__in=list(rows)).values_list("pk", flat=True))
    kept: dict[Any, Any] = {}
    for key, (facts, sums) in rows.items():
        if key not in known and room <= 0:
            facts = (_other(facts[0]),)  # noqa: PLW2901
            key = digest_id(facts[0])  # noqa: PLW2901
        elif key not in known:
            room -= 1
        old = kept.get(key)
        kept[key] = (facts, sums if old is None else [one + two for one, two in zip(old[1], sums, strict=True)])
    return kept


def _other(labels: str) -> str:
    """Whether they were served stays told apart."""
    found = orjson.loads(labels)
    kept = dict.fromkeys(FACTS, OTHER)
    if "status_code" in found:
        kept |= {"status_code": OTHER, "error_class": OTHER}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode()
