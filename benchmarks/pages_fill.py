"""The rows that `pages.py` measures with: one row of each kind, and copies of it by the database."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import connection, models, transaction

from alerts.models import AlertChannel, Delivery, Incident
from budgets.models import Balance, CallDay, CallHour, DailySpend, LedgerEntry, PriceSnapshot
from budgets.totals import mend, months
from proxy.models import Deployment, RequestTrace
from teams.models import AuditEntry, Budget, Customer, Membership, Organization, Tag, Team, User, VirtualKey

DAYS = 30
LEDGER = 10_000_000
MODELS = 40


@dataclass(frozen=True)
class Sizes:
    """How many rows of each kind at `factor` 1; never less than what the pages need to have something to show."""

    factor: float

    def of(self, full: int, *, least: int = 200) -> int:
        return max(least, round(full * self.factor))


def fill(sizes: Sizes, *, now: datetime, told: Callable[[str], None]) -> None:
    keys, teams, users = sizes.of(1_000_000), sizes.of(20_000), sizes.of(200_000)
    organizations, customers, tags = sizes.of(1_000), sizes.of(200_000), sizes.of(2_000)
    with transaction.atomic():
        _copy(Budget(id="seed", max_budget_nano=10**12), sizes.of(2_000), id=_named("budget"))
        _copy(Organization(id="seed", alias="seed"), organizations, id=_named("org"), alias=_words("Org"))
        team = {"id": _named("team"), "alias": _words("Team"), "organization_id": f"'org-' || 1 + n % {organizations}"}
        _copy(Team(id="seed", alias="seed", created_at=now), teams, created_at=_ago("n"), **team)
        user = {"id": _named("user"), "username": _named("user"), "alias": _words("Person"),
                "email": "'person-' || n || '@example.com'", "created_at": _ago("n")}  # fmt: skip
        _copy(User(id="seed", username="seed"), users, **user)
        # Every user in one team, and a few teams with very many.
        member = {
            "user_id": _named("user"),
            "team_id": f"'team-' || 1 + CASE WHEN n % 20 = 0 THEN n / 20 % 3 ELSE n % {teams} END",
        }
        _copy(Membership(team_id="seed", user_id="seed"), users, id="n + 1", **member)
        key = {"id": "n + 1000", "alias": "'alias-' || n", "token_hash": _hash("n"), "name": _tail("n"),
               "user_id": f"'user-' || 1 + n % {users}", "team_id": f"'team-' || 1 + n % {teams}",
               "blocked": "n % 50 = 0", "created_at": _ago("n"), "updated_at": _ago("n"),
               "max_budget_nano": "CASE WHEN n % 3 = 0 THEN n * 1000000::bigint END",
               "expires_at": "CASE WHEN n % 10 = 0 "
                             "THEN now() + interval '1 minute' * (n % 90000 - 40000) END"}  # fmt: skip
        _copy(VirtualKey(token_hash="0" * 64, name="sk-...seed", alias="seed"), keys, **key)
        _copy(Customer(id="seed"), customers, id=_named("customer"), blocked="n % 100 = 0")
        _copy(Tag(name="seed"), tags, name=_named("tag"))
    told("people and keys")
    with transaction.atomic():
        for scope, number, entity in (
            ("key", keys, "'' || n + 1000"), ("team", teams, _named("team")), ("user", users, _named("user")),
            ("customer", customers, _named("customer")), ("tag", tags, _named("tag")),
        ):  # fmt: skip
            balance = Balance(scope=scope, entity_id="seed", period_start=now - timedelta(days=DAYS), last_at=now)
            first = {"key": 0, "team": 1, "user": 2, "customer": 3, "tag": 4}[scope] * 2_000_000
            _copy(
                balance, number, id=f"n + {first + 10}", entity_id=entity, spent_nano="n * 7919::bigint % 100000000000"
            )
        _days(sizes, keys=keys, teams=teams, users=users, organizations=organizations, now=now)
    told("balances and sums")
    _ledger(sizes, keys=keys, teams=teams, users=users, now=now)
    told("ledger")
    with transaction.atomic():
        _alerts(sizes, teams=teams, now=now)
        _records(sizes, keys=keys, teams=teams, users=users, now=now)
    told("alerts, audit trail, requests")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    told("analyzed")


def _days(sizes: Sizes, *, keys: int, teams: int, users: int, organizations: int, now: datetime) -> None:
    """About one row for every seven calls, as when each key calls some models several times a day."""
    row = DailySpend(
        id=uuid4(), day=now.date(), key_hash="", call_type="acompletion", model_group="m", model="m", provider="openai",
        deployment_id="d", amount_nano=7_000_000, requests=7, prompt_tokens=3500, completion_tokens=1400,
        milliseconds=6300,
    )  # fmt: skip
    whose = {**_caller(keys=keys, teams=teams, users=users), "organization_id": f"'org-' || 1 + n % {organizations}"}
    whose.pop("key_alias")
    what = {"day": f"current_date - (n % {DAYS})", **_model()}
    _copy(row, sizes.of(LEDGER // 7), id="md5('d' || n)::uuid", **whose, **what)
    for facet, values, number in (("customer", 200_000, 700_000), ("tag", 2_000, 300_000)):
        row.pk, row.facet = uuid4(), facet
        value = {"facet_value": f"'{facet}-' || 1 + n % {sizes.of(values)}"}
        _copy(row, sizes.of(number), id=f"md5('{facet}' || n)::uuid", **value, **whose, **what)
    for month in months():
        mend(month)
    sums: dict[str, Any] = {"amount_nano": 10**12, "calls": LEDGER // DAYS // 24, "failures": 100,
                            "seconds": {"40": 9000, "45": 4000}, "first_token": {"30": 5000}}  # fmt: skip
    hour = now.replace(minute=0, second=0, microsecond=0)
    CallHour.objects.bulk_create(CallHour(begins_at=hour - timedelta(hours=n), **sums) for n in range(24 * DAYS))
    CallDay.objects.bulk_create(CallDay(day=now.date() - timedelta(days=n), **sums) for n in range(DAYS))


def _ledger(sizes: Sizes, *, keys: int, teams: int, users: int, now: datetime) -> None:
    """Oldest first, as they come; the indexes are made afterwards."""
    number = sizes.of(LEDGER)
    price = PriceSnapshot.objects.create(digest="seed", provider="openai", model="m", source="table", rates={})
    row = LedgerEntry(
        id=uuid4(), request_id=uuid4(), call_id="seed", call_type="acompletion", status="success", status_code=200,
        started_at=now - timedelta(days=DAYS), ended_at=now - timedelta(days=DAYS), key_hash="", requested_model="m",
        model_group="m", deployment_id="d", provider="openai", model="m", stream=False, prompt_tokens=500,
        completion_tokens=200, cached_tokens=0, cache_creation_tokens=0, reasoning_tokens=0, amount_nano=1_000_000,
        basis="usage",
    )  # fmt: skip
    at = f"now() - interval '{DAYS} days' * (1 - n / {number}::float)"
    changed = {"id": "md5('i' || n)::uuid", "request_id": "md5('r' || n)::uuid", "call_id": _named("call"),
               "upstream_id": "'chatcmpl-' || n", "started_at": at, "ended_at": f"{at} + interval '1 second'",
               "amount_nano": "1000000 + n", "status": "CASE WHEN n % 50 = 0 THEN 'failure' ELSE 'success' END",
               "status_code": "CASE WHEN n % 50 = 0 THEN 500 ELSE 200 END", "stream": "n % 2 = 0",
               "basis": "CASE WHEN n % 50 = 0 THEN 'none' WHEN n % 400 = 1 THEN 'estimated' ELSE 'usage' END",
               # What succeeded has one, save for some.
               "price_id": f"CASE WHEN n % 50 > 0 AND n % 1000 <> 7 THEN {price.pk} END",
               "end_user": "CASE WHEN n % 2 = 0 THEN 'customer-' || 1 + n % 200000 ELSE '' END",
               **_caller(keys=keys, teams=teams, users=users), **_model()}  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        # What is checked at the end would keep the indexes from being made.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("""SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index AS i
            JOIN pg_class AS c ON c.oid = i.indexrelid
            WHERE i.indrelid = 'budgets_ledgerentry'::regclass AND NOT i.indisunique""")
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        _copy(row, number, **changed)
        for _, definition in indexes:
            cursor.execute(definition)


def _alerts(sizes: Sizes, *, teams: int, now: datetime) -> None:
    number = sizes.of(1_000_000)
    channel = AlertChannel.objects.create(name="on call", kind="webhook", url="https://alerts.example.com/hook")
    moments = {"opened_at": now, "last_seen_at": now, "next_notify_at": now}
    incident = Incident(fingerprint="seed", alert_type="llm_exceptions", level="High", title="seed", reason="DELIVER",
                        status="resolved", quiet_seconds=600, resolved_at=now, details={"error": "timeout"},
                        labels={"model": "gpt-4o", "team_id": "team-1"}, **moments)  # fmt: skip
    at = _ago("n")
    status = (
        "CASE WHEN n % 1000 = 0 THEN 'open' WHEN n % 1000 = 1 THEN 'acknowledged' "
        "WHEN n % 100 = 2 THEN 'dismissed' ELSE 'resolved' END"
    )
    types = "(ARRAY['llm_exceptions', 'llm_too_slow', 'budget_alerts', 'outage_alerts', 'db_exceptions'])[1 + n % 5]"
    changed = {"id": "md5('n' || n)::uuid", "fingerprint": "md5('f' || n)", "status": status, "alert_type": types,
               "title": "'Calls of gpt-' || n % 40 || ' fail for team ' || n", "opened_at": at, "last_seen_at": at,
               "level": "(ARRAY['High', 'Medium', 'Low'])[1 + n % 3]",
               "team_id": f"CASE WHEN n % 4 > 0 THEN 'team-' || 1 + n % {teams} ELSE '' END"}  # fmt: skip
    _copy(incident, number, **changed)
    delivery = Delivery(incident_id=incident.pk, channel=channel, kind="firing", state="delivered", attempt=1,
                        message={"title": "Calls fail"}, created_at=now, next_attempt_at=now, finished_at=now,
                        last_status=200, latency_ms=120)  # fmt: skip
    state = "CASE WHEN n % 500 = 0 THEN 'dead' WHEN n % 500 < 10 THEN 'merged' ELSE 'delivered' END"
    _copy(delivery, number, id="md5('v' || n)::uuid", incident_id="md5('n' || n)::uuid", created_at=at, finished_at=at,
          state=state)  # fmt: skip


def _records(sizes: Sizes, *, keys: int, teams: int, users: int, now: datetime) -> None:
    entry = AuditEntry(at=now, change_id=uuid4(), action="updated", object_type="VirtualKey", object_id="1",
                       object_label="seed", source="api", actor_id="seed", told=True, before={"blocked": False},
                       after={"blocked": True})  # fmt: skip
    changed = {"id": "n + 10", "at": f"now() - interval '{DAYS} days' * (1 - n / {sizes.of(300_000)}::float)",
               "object_id": "'' || n % 1000 + 1000", "object_label": "'alias-' || n", "actor_id": _named("user"),
               "object_type": "(ARRAY['VirtualKey', 'Team', 'User'])[1 + n % 3]", "change_id": "md5('c' || n)::uuid",
               "action": "(ARRAY['created', 'updated', 'deleted'])[1 + n / 3 % 3]"}  # fmt: skip
    _copy(entry, sizes.of(300_000), **changed)
    Deployment.objects.bulk_create(
        Deployment(id=f"deployment-{n}", model_name=f"group-{n % 20}", litellm_params={"model": f"openai/model-{n}"})
        for n in range(MODELS)
    )
    trace = RequestTrace(id=uuid4(), call_id="seed", at=now, route="/v1/chat/completions", operation="chat", model="m",
                         status=200, key_hash="", stream=False, seconds=1.0, amount_nano=1_000_000, attempts=1,
                         eventful=False, steps=[])  # fmt: skip
    number = sizes.of(1_000_000)
    whose = _caller(keys=keys, teams=teams, users=users)
    what = {"model": f"'group-' || n % {MODELS}", "eventful": "n % 100 = 0",
            "status": "CASE WHEN n % 50 = 0 THEN 500 ELSE 200 END"}  # fmt: skip
    at = f"now() - interval '3 days' * (1 - n / {number}::float)"
    _copy(trace, number, id="md5('r' || n)::uuid", call_id=_named("call"), at=at, **whose, **what)


def _copy(seed: models.Model, number: int, **changed: str) -> None:
    """Save the seed past all signals and copy it; `changed` are columns that differ, as SQL over `n`, from 1."""
    type(seed)._base_manager.bulk_create([seed])
    table, columns = seed._meta.db_table, [str(field.column) for field in seed._meta.concrete_fields]
    all_changed = dict(changed)
    values = [changed.pop(column, f'"{column}"') for column in columns]
    if changed:
        raise ValueError(f"{table} has no columns {sorted(changed)}")
    names = ", ".join(f'"{column}"' for column in columns)
    assert seed._meta.pk is not None
    key = seed._meta.pk.column
    with connection.cursor() as cursor:
        source = f'(SELECT * FROM {table} WHERE "{key}" = %s) AS seed, generate_series(1, {number}) AS numbers(n)'
        sql = f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM {source}"
        cursor.execute(sql.replace("%", "%%").replace("= %%s", "= %s"), [seed.pk])
        if "id" in all_changed and all_changed["id"].startswith("n + "):
            # So that rows that are made later do not meet these.
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")


def _named(prefix: str) -> str:
    return f"'{prefix}-' || n"


def _words(prefix: str) -> str:
    return f"'{prefix} ' || n"


def _ago(number: str) -> str:
    return f"now() - interval '1 second' * ({number})"


def _hash(number: str) -> str:
    return f"md5('k' || ({number})) || md5('h' || ({number}))"


def hash_of(number: int) -> str:
    """The same of one number."""
    return "".join(hashlib.md5(f"{letter}{number}".encode(), usedforsecurity=False).hexdigest() for letter in "kh")


def _tail(number: str) -> str:
    return f"'sk-...' || right('0000' || ({number}), 4)"


def _caller(*, keys: int, teams: int, users: int) -> dict[str, str]:
    """Of call `n`: a key and those it belongs to; calls of one key are far apart."""
    key = f"(1 + n::bigint * 7919 % {keys})"
    return {"key_hash": _hash(key), "key_alias": f"'alias-' || {key}", "user_id": f"'user-' || 1 + {key} % {users}",
            "team_id": f"'team-' || 1 + {key} % {teams}"}  # fmt: skip


def _model() -> dict[str, str]:
    names = {"model_group": "group", "model": "model", "deployment_id": "deployment"}
    return {column: f"'{name}-' || n % {MODELS}" for column, name in names.items()} | {
        "provider": "(ARRAY['openai', 'azure', 'anthropic', 'bedrock'])[1 + n % 4]"
    }
