"""Tollkeeper itself with everything on: a virtual key with a budget and limits, the ledger, the metrics."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import httpx
import psycopg

from benchmarks.gateway import Absent, Books, Gateway, ask_by_model, check, send, serving, workplace
from benchmarks.load import Rig
from benchmarks.peers import MASTER_KEY, config_yaml
from benchmarks.process import NotReady, clean_environment, free_port
from tests.services import Missing, postgres, redis

COMMAND = Path(sys.executable).parent / "tollkeeper"
READY_SECONDS = 60.0
KEY_SECONDS = 15.0
REQUESTS_METRIC = "litellm_proxy_total_requests_metric_total"
# High enough never to refuse: everything is checked and nothing strikes.
COUNT_ROWS = "SELECT count(*) FROM budgets_ledgerentry WHERE status = 'success'"
LIMITS = {"max_budget": 1_000_000, "rpm_limit": 1_000_000_000, "tpm_limit": 1_000_000_000}


@contextmanager
def with_services(rig: Rig) -> Iterator[Gateway]:
    """One web process with a private PostgreSQL that syncs its log, and a private Redis; both on the other core."""
    with ExitStack() as stack:
        try:
            urls = {
                "DATABASE_URL": stack.enter_context(postgres(durable=True)).url,
                "REDIS_URL": stack.enter_context(redis()).url,
            }
        except Missing as missing:
            raise Absent(str(missing)) from missing
        count_rows = partial(_count_in_postgres, urls["DATABASE_URL"])
        yield stack.enter_context(_tollkeeper(rig, workplace(rig, "ours-server"), urls, count_rows))


@contextmanager
def embedded(rig: Rig) -> Iterator[Gateway]:
    folder = workplace(rig, "ours-embedded")
    with _tollkeeper(rig, folder, {}, partial(_count_in_sqlite, folder / "data" / "tollkeeper.sqlite3")) as gateway:
        yield gateway


@contextmanager
def _tollkeeper(rig: Rig, folder: Path, urls: Mapping[str, str], count_rows: Callable[[], int]) -> Iterator[Gateway]:
    with tollkeeper(rig, folder, urls, count_rows, config=config_yaml(rig, callbacks=("prometheus",))) as gateway:
        yield gateway


@contextmanager
def tollkeeper(
    rig: Rig,
    folder: Path,
    urls: Mapping[str, str],
    count_rows: Callable[[], int],
    *,
    config: str,
    program: Sequence[str | Path] = (COMMAND,),
) -> Iterator[Gateway]:
    """`program` stands in for the command `tollkeeper`."""
    if not COMMAND.exists():
        raise Absent(f"{COMMAND.name} is not installed beside {Path(sys.executable).name}")
    port = free_port()
    (folder / "config.yaml").write_text(config)
    environment = {"TOLLKEEPER_DATA": str(folder / "data"), **urls}
    where = ["up", "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    with serving(
        rig,
        [*program, *where],
        folder=folder,
        ask=ask_by_model(rig, port, f"Authorization: Bearer {MASTER_KEY}"),
        about=f"tollkeeper {version('tollkeeper')}",
        environment=environment,
        seconds=READY_SECONDS,
    ) as gateway:
        key, which = _virtual_key(port, folder, environment)
        ask = ask_by_model(rig, port, f"Authorization: Bearer {key}")
        ours = replace(gateway, ask=ask, about=f"{gateway.about}, {which}", read_books=_books_of(port, count_rows))
        ours.program.wait_until(lambda: send(ask(False, False)).is_success, seconds=KEY_SECONDS)
        check(ours)
        yield ours


def _virtual_key(port: int, folder: Path, environment: Mapping[str, str]) -> tuple[str, str]:
    """A key, and what kind of key it is."""
    made = subprocess.run(
        [COMMAND, "key", "--alias", "bench"],
        env=clean_environment(folder, environment),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    keys = [word for word in made.stdout.split() if word.startswith("sk-")]
    if made.returncode or not keys:
        return MASTER_KEY, "MASTER KEY (`tollkeeper key` did not make a virtual one)"
    reply = _with_master_key("POST", port, "/key/update", json={"key": keys[-1], **LIMITS})
    if not reply.is_success:
        return keys[-1], f"virtual key WITHOUT budget and limits (/key/update answered {reply.status_code})"
    return keys[-1], "virtual key with budget, rpm and tpm limits"


def _books_of(port: int, count_rows: Callable[[], int]) -> Callable[[], Books]:
    def read() -> Books:
        reply = _with_master_key("GET", port, "/metrics")
        if not reply.is_success:
            raise NotReady(f"/metrics answers {reply.status_code}: {reply.text[:300]}")
        # Labels may hold blanks, but no value holds a brace.
        lines = [line for line in reply.text.splitlines() if line.startswith(f"{REQUESTS_METRIC}{{")]
        return Books(count_rows(), round(sum(float(line.rpartition("}")[2].split()[0]) for line in lines)))

    return read


def _count_in_postgres(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(COUNT_ROWS).fetchone()
    return int(row[0]) if row else 0


def _count_in_sqlite(path: Path) -> int:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute(COUNT_ROWS).fetchone()[0])


def _with_master_key(method: str, port: int, path: str, json: object = None) -> httpx.Response:
    with httpx.Client(trust_env=False, follow_redirects=True, timeout=20) as client:
        headers = {"Authorization": f"Bearer {MASTER_KEY}"}
        return client.request(method, f"http://127.0.0.1:{port}{path}", json=json, headers=headers)
