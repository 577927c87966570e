"""How the gateway holds up with many keys: lists and pages, how soon a change counts, start and memory.

.venv/bin/python -m benchmarks.many_keys                  # 1,000,000 keys on a private PostgreSQL
.venv/bin/python -m benchmarks.many_keys --keys 100000 --store sqlite
"""

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx
import psycopg

from tests.functional.browser import Browser
from tests.gateway import Gateway, Store
from tests.services import postgres, redis

T = TypeVar("T")
LISTS = [
    "/key/list", "/key/list?page=5000", "/key/list?return_full_object=true&size=100", "/key/list?user_id=owner",
    "/key/list?team_id=team&status=active", "/key/list?search=alias-77777", "/key/list?key_alias=alias-5",
    "/key/list?sort_by=updated_at", "/key/list?sort_by=key_alias", "/key/list?sort_by=max_budget",
    "/key/list?sort_by=spend", "/key/aliases", "/v2/team/list", "/user/list",
]  # fmt: skip
PAGES = ["/admin/teams/virtualkey/", "/admin/teams/virtualkey/?q=alias-77777", "/admin/teams/virtualkey/?p=100",
         "/admin/teams/team/", "/admin/teams/user/", "/admin/teams/auditentry/"]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--store", choices=["postgres", "sqlite"], default="postgres")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tollkeeper-bench-")))
        gateway = Gateway(folder, None, store=stack.enter_context(open_store(options.store)))
        with gateway, gateway.client() as admin:
            seed = admin.post("/key/generate", json={"key_alias": "seed", "user_id": "owner", "team_id": "team"})
            seed.raise_for_status()
            copy_key(gateway, options.keys)
        print(f"{options.keys:,} keys on {options.store}")
        began = time.perf_counter()
        with gateway:
            print(f"{time.perf_counter() - began:8.2f} s   start, {_resident_mb(gateway):.0f} MB resident")
            _measure(gateway)


@contextmanager
def open_store(kind: str) -> Iterator[Store]:
    if kind == "sqlite":
        yield Store()
        return
    with postgres() as database, redis() as cache:
        yield Store(database.url, cache.url)


def copy_key(gateway: Gateway, count: int) -> None:
    """As many as wanted, past the gateway."""
    table = "teams_virtualkey"
    if url := gateway.store.database_url:
        with psycopg.connect(url, autocommit=True) as server:
            asked = server.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
            columns = [row[0] for row in asked]
            server.execute(_copies(columns, f"generate_series(1, {count}) AS numbers(n)").encode())
            server.execute("VACUUM ANALYZE")
        return
    with sqlite3.connect(gateway.data / "tollkeeper.sqlite3", timeout=60) as file:
        columns = [row[1] for row in file.execute(f"PRAGMA table_info({table})")]
        upwards = f"SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}"
        numbers = f"(WITH RECURSIVE numbers(n) AS ({upwards}) SELECT n FROM numbers)"
        file.execute(_copies(columns, numbers))
        file.execute("ANALYZE")


def _copies(columns: list[str], numbers: str) -> str:
    padded = f"substr('{'0' * 64}' || n, length('' || n) + 1, 64)"
    made = {"id": "n + 1000", "alias": "'alias-' || n", "token_hash": padded}
    names = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join(made.get(column, f'"{column}"') for column in columns)
    seed = f"FROM teams_virtualkey, {numbers} WHERE alias = 'seed'"
    return f"INSERT INTO teams_virtualkey ({names}) SELECT {values} {seed}"


def _measure(gateway: Gateway) -> None:
    with gateway.client() as admin:
        admin.timeout = httpx.Timeout(120)
        for path in LISTS:
            _timed(path, partial(_get, admin, path))
        made = _timed("POST /key/generate", lambda: admin.post("/key/generate", json={}).raise_for_status())
        with gateway.client(made.json()["key"]) as client:
            _timed("the new key's first request", lambda: client.post("/key/health").raise_for_status())
    password = json.loads((gateway.data / "secrets.json").read_text())["admin_password"]
    with Browser(gateway.url, username="admin", password=password) as browser:
        for path in PAGES:
            _timed(path, partial(browser.open, path))


def _get(client: httpx.Client, path: str) -> httpx.Response:
    return client.get(path).raise_for_status()


def _timed(name: str, call: Callable[[], T]) -> T:
    began = time.perf_counter()
    answer = call()
    print(f"{time.perf_counter() - began:8.3f} s   {name}", flush=True)
    return answer


def _resident_mb(gateway: Gateway) -> float:
    assert gateway.process is not None
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
