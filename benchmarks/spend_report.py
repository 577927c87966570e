"""How long spend reports take over the roll-up of ten million calls in 90 days, and the log over a million entries.

.venv/bin/python -m benchmarks.spend_report                        # each of 1,000 keys calls 4 of 20 models a day
.venv/bin/python -m benchmarks.spend_report --models-per-key 20    # every key calls every model every day
"""

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import LiteralString

import httpx
import psycopg

from tests.gateway import Gateway, Store
from tests.services import postgres, redis

CALLS, DAYS, KEYS, TEAMS, MODELS, CUSTOMERS, TAGS, ENTRIES = 10_000_000, 90, 1000, 100, 20, 5000, 50, 1_000_000
_MONTH = "start_date={month}&end_date={today}"
_ALL = "start_date={first}&end_date={today}"
REPORTS = [
    *(f"/global/spend/report?group_by={grouping}&{days}"
      for days in ("start_date={today}&end_date={today}", _MONTH) for grouping in ("team", "customer", "api_key")),
    f"/global/spend/report?group_by=team&{_ALL}", f"/global/spend/report?group_by=api_key&{_ALL}",
    *(f"/global/spend/report?group_by={grouping}&details=false&{_ALL}" for grouping in ("team", "customer")),
    f"/global/spend/report?team_id=team-7&{_ALL}", "/global/spend", "/global/spend/logs", "/global/spend/teams",
    "/global/spend/keys", "/global/spend/models", f"/global/spend/provider?{_ALL}", f"/global/spend/tags?{_ALL}",
    "/global/spend/all_tag_names", f"/global/activity?{_ALL}", f"/global/activity/model?{_ALL}",
    *(f"/{entity}/daily/activity{form}?{days}" for entity in ("team", "user", "tag")
      for form, days in (("", _ALL), ("/aggregated", _MONTH), ("/aggregated", _ALL))),
    f"/user/daily/activity/aggregated?user_id=user-7&{_ALL}",
]  # fmt: skip
LOGS = [
    f"/spend/logs/v2?{_ALL}", f"/spend/logs/v2?{_ALL}&page=200", f"/spend/logs/v2?{_ALL}&user_id=user-7",
    f"/spend/logs/v2?{_ALL}&team_id=no-such", f"/spend/logs/v2?{_ALL}&sort_by=spend",
    f"/spend/logs/v2?{_ALL}&request_id=chatcmpl-500000", f"/spend/logs/v2?{_ALL}&request_id=call-500000",
    f"/spend/logs?{_ALL}", "/spend/logs",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models-per-key", type=int, default=4, choices=range(1, MODELS + 1), metavar="1-20")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tollkeeper-bench-")))
        database, cache = stack.enter_context(postgres()), stack.enter_context(redis())
        with Gateway(folder, None, store=Store(database.url, cache.url)) as gateway, gateway.client() as admin:
            admin.timeout = httpx.Timeout(300)
            _make_keys(admin)
            _fill(database.url, options.models_per_key)
            for path in (*REPORTS, *LOGS):
                _measure(admin, _dated(path), options.rounds)


def _make_keys(admin: httpx.Client) -> None:
    for number in range(TEAMS):
        team = {"team_id": f"team-{number}", "team_alias": f"Team {number}"}
        admin.post("/team/new", json=team).raise_for_status()
    for number in range(KEYS):
        key = {"key_alias": f"key-{number}", "team_id": f"team-{number % TEAMS}"}
        admin.post("/key/generate", json=key).raise_for_status()


_KEYS: LiteralString = """
    SELECT row_number() OVER (ORDER BY id) - 1 AS k, token_hash, team_id FROM teams_virtualkey WHERE alias LIKE 'key-%%'
"""
_SUMS: LiteralString = "1000000 * %(calls)s, %(calls)s, 0, 500 * %(calls)s, 200 * %(calls)s, 0, 0, 900 * %(calls)s"
_COLUMNS: LiteralString = """
    id, day, facet, facet_value, key_hash, user_id, team_id, organization_id, call_type, model_group, model, provider,
    deployment_id, amount_nano, requests, failures, prompt_tokens, completion_tokens, cached_tokens,
    cache_creation_tokens, milliseconds
"""
_OF_MODEL: LiteralString = """
    '', 'acompletion', 'group-' || m, 'model-' || m, 'provider-' || m %% 5, 'deployment-' || m
"""
# One row for each day, key and model that meet; they come day by day.
_ROWS: LiteralString = f"""
    INSERT INTO budgets_dailyspend ({_COLUMNS})
    SELECT md5(d || '/' || k || '/' || m)::uuid, current_date - d, '', '', token_hash, 'user-' || k %% 500, team_id,
           {_OF_MODEL}, {_SUMS}
    FROM ({_KEYS}) AS keys, generate_series(0, %(days)s - 1) AS d, generate_series(0, %(models)s - 1) AS n,
         LATERAL (SELECT (k * 7 + n) %% %(all_models)s AS m) AS chosen
    ORDER BY d DESC
"""
# Calls of one facet, each of another key, model and value: about as many rows as there are such calls.
_FACET_ROWS: LiteralString = f"""
    INSERT INTO budgets_dailyspend ({_COLUMNS})
    SELECT md5(%(facet)s || d || '/' || c)::uuid, current_date - d, %(facet)s, %(facet)s || '-' || c %% %(values)s,
           token_hash, 'user-' || k %% 500, team_id, {_OF_MODEL}, {_SUMS}
    FROM generate_series(0, %(days)s - 1) AS d, generate_series(0, %(rows)s - 1) AS c
    JOIN ({_KEYS}) AS keys ON keys.k = c %% %(keys)s, LATERAL (SELECT (c / 7) %% %(all_models)s AS m) AS chosen
    ORDER BY d DESC
"""
_LEDGER: LiteralString = """
    INSERT INTO budgets_ledgerentry (
        id, request_id, attempt, call_id, upstream_id, call_type, status, status_code, error_class, started_at,
        first_token_at, ended_at, key_hash, key_alias, user_id, team_id, end_user, tags, requested_model, model_group,
        deployment_id, provider, model, stream, prompt_tokens, completion_tokens, cached_tokens,
        cache_creation_tokens, reasoning_tokens, amount_nano, basis
    )
    SELECT md5('i' || n)::uuid, md5('r' || n)::uuid, 0, 'call-' || n, 'chatcmpl-' || n, 'acompletion', 'success', 200,
           '', at, NULL, at + interval '1 second', token_hash, 'key-' || k, 'user-' || k %% 500, team_id, '', '[]',
           'group-1', 'group-' || n %% 20, 'deployment-1', 'provider-1', 'model-' || n %% 20, false, 500, 200, 0, 0, 0,
           1000000 + n, 'usage'
    FROM generate_series(1, %(entries)s) AS n
    JOIN (""" + _KEYS + """) AS keys ON keys.k = n %% %(keys)s,
         LATERAL (SELECT now() - interval '1 day' * %(days)s * n / %(entries)s AS at) AS times
"""  # fmt: skip


def _fill(url: str, models_per_key: int) -> None:
    """As the roll-up would. Half of the calls name a customer, and a fifth a tag."""
    a_day = KEYS * models_per_key
    facets = {"customer": (CUSTOMERS, CALLS // 2), "tag": (TAGS, CALLS // 5)}
    with psycopg.connect(url, autocommit=True) as server:
        plain = {"days": DAYS, "all_models": MODELS, "keys": KEYS}
        server.execute(_ROWS, {**plain, "models": models_per_key, "calls": CALLS // DAYS // a_day})
        for facet, (values, calls) in facets.items():
            # A key has so many customers or tags, and calls with each of them as many models as it has at all.
            rows = min(calls // DAYS, a_day * (CUSTOMERS // KEYS if facet == "customer" else 1))
            one = {**plain, "facet": facet, "values": values, "rows": rows, "calls": max(1, calls // DAYS // rows)}
            server.execute(_FACET_ROWS, one)
        server.execute(_LEDGER, {"entries": ENTRIES, "days": DAYS, "keys": KEYS})
        server.execute("VACUUM ANALYZE")
        for facet in ("", *facets):
            found = server.execute("SELECT count(*) FROM budgets_dailyspend WHERE facet = %s", [facet]).fetchone()
            print(f"{found[0] if found else 0:12,} rows of the roll-up, {facet or 'calls'}")
    print(f"{ENTRIES:12,} entries of the ledger\n   least      p50      p95     size")


def _dated(path: str) -> str:
    today = time.time()
    days = {"today": today, "month": today - 29 * 86_400, "first": today - (DAYS - 1) * 86_400}
    return path.format(**{name: time.strftime("%Y-%m-%d", time.gmtime(at)) for name, at in days.items()})


def _measure(admin: httpx.Client, path: str, rounds: int) -> None:
    taken, size = [], 0
    for _ in range(rounds):
        began = time.perf_counter()
        size = len(admin.get(path).raise_for_status().content)
        taken.append(time.perf_counter() - began)
    taken.sort()
    shown = (taken[0], taken[len(taken) // 2], taken[round(0.95 * (len(taken) - 1))])
    print(" ".join(f"{seconds:7.3f}s" for seconds in shown), f"{size / 1e6:6.1f}M   {path}", flush=True)


if __name__ == "__main__":
    main()
