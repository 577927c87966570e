"""A gateway as a user starts it: the command `tollkeeper up` in a process of its own, on a port the system picks."""

import atexit
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psycopg
import pytest
import yaml

READY_SECONDS = 90.0
STOP_SECONDS = 20.0
DATABASE_FILE = "tollkeeper.sqlite3"
MASTER_KEY = "sk-functional-master-key-0123456789"
# Whatever the machine has set must not reach a gateway under test.
_FOREIGN = ("DATABASE_URL", "REDIS_URL", "SLACK_WEBHOOK_URL", "LITELLM_", "TOLLKEEPER_", "DJANGO_", "OPENAI_", "PROXY_")


@dataclass(frozen=True)
class Store:
    """Empty URLs mean SQLite in the data folder and nothing shared."""

    database_url: str = ""
    redis_url: str = ""

    def environment(self) -> dict[str, str]:
        urls = {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}
        return {name: url for name, url in urls.items() if url}


def migrate(database_url: str = "", *, data: Path | None = None) -> None:
    """Bring a database up to this version: that of an address, or the file in a data folder."""
    with tempfile.TemporaryDirectory(prefix="tollkeeper-migrate-") as folder:
        done = Gateway(data or Path(folder), store=Store(database_url), is_empty=True).run("migrate")
    assert done.returncode == 0, done.stderr


@cache
def _migrated_file() -> Path:
    """Made once a test process: most tests are not about what the first start does with an empty folder."""
    folder = Path(tempfile.mkdtemp(prefix="tollkeeper-migrated-"))
    atexit.register(shutil.rmtree, folder)
    migrate(data=folder)
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / DATABASE_FILE


@dataclass
class Gateway:
    """A context manager. `config` is a config.yaml as text or a mapping; None starts the demo."""

    data: Path
    config: str | Mapping[str, Any] | None = None
    store: Store = field(default_factory=Store)
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    # Whether the first start finds no tables. A database with an address is its maker's to migrate.
    is_empty: bool = False
    url: str = field(default="", init=False)
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when the banner with the address has been printed."""
        self.data.mkdir(exist_ok=True, parents=True)
        if not (self.is_empty or self.store.database_url or (self.data / DATABASE_FILE).exists()):
            shutil.copyfile(_migrated_file(), self.data / DATABASE_FILE)
        self._log = (self.data / "gateway.log").open("ab")
        written = self._log.tell()
        self.process = subprocess.Popen(
            self.command("up", "--port", "0", *self._config_arguments(), *self.arguments),
            env=self.full_environment(),
            cwd=self.data,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + READY_SECONDS
        while not (found := re.search(r"Tollkeeper is up: (\S+)", self.log()[written:])):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the gateway did not start:\n{self.log()}")
            time.sleep(0.02)
        self.url = found.group(1)

    def stop(self, number: int = signal.SIGINT) -> int:
        """As Ctrl-C does; returns the exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the gateway did not stop:\n{self.log()[-4000:]}") from None
        finally:
            self._log.close()

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOP_SECONDS)
        self._log.close()

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Another command of the same installation."""
        self.data.mkdir(exist_ok=True, parents=True)
        return subprocess.run(
            self.command(*arguments),
            env=self.full_environment(),
            cwd=self.data,
            capture_output=True,
            text=True,
            timeout=READY_SECONDS,
            check=False,
        )

    def client(self, key: str = MASTER_KEY, *, headers: Mapping[str, str] | None = None) -> httpx.Client:
        authorization = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(
            base_url=self.url, headers={**authorization, **(headers or {})}, timeout=20, trust_env=False
        )

    def log(self) -> str:
        return (self.data / "gateway.log").read_text(errors="replace")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the database holds, asked past the gateway."""
        if self.store.database_url:
            with psycopg.connect(self.store.database_url) as server:
                return server.execute(sql).fetchall()
        connection = sqlite3.connect(self.data / DATABASE_FILE, timeout=10)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def wait_for_rows(self, sql: str, count: int, timeout: float = 10.0) -> list[tuple[Any, ...]]:
        deadline = time.monotonic() + timeout
        while len(rows := self.rows(sql)) < count:
            assert time.monotonic() < deadline, f"{len(rows)} of {count} rows: {rows}\n{self.log()[-3000:]}"
            time.sleep(0.05)
        return rows

    def metrics(self) -> dict[str, float]:
        """Samples by their line up to the value."""
        with self.client(key="") as client:
            text = client.get("/metrics").text
        pairs = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name which carry these labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            value
            for sample, value in self.metrics().items()
            if sample.partition("{")[0] == name and all(part in sample for part in wanted)
        )

    def wait_for_metric(self, name: str, wanted: float, **labels: str) -> None:
        """What the ledger knows is on the page when the roll-up has taken it."""
        deadline = time.monotonic() + 30
        while (found := self.metric(name, **labels)) != pytest.approx(wanted, rel=1e-12, abs=0):
            assert time.monotonic() < deadline, f"{name} is {found} and not {wanted}"
            time.sleep(0.2)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "gateway_project", *arguments]

    def full_environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        own = {
            "TOLLKEEPER_DATA": str(self.data),
            "LITELLM_MASTER_KEY": MASTER_KEY,
            # Where the fakes are.
            "TOLLKEEPER_UPSTREAM_NETWORKS": "127.0.0.0/8",
            "PYTHONPATH": str(Path(__file__).parent.parent),
        }
        return {**clean, **own, **self.store.environment(), **self.environment}

    def _config_arguments(self) -> list[str]:
        if self.config is None:
            return []
        text = self.config if isinstance(self.config, str) else yaml.safe_dump(dict(self.config))
        path = self.data / "config.yaml"
        path.write_text(text, encoding="utf-8")
        return ["--config", str(path)]


def chat(model: str = "gpt-4o", content: str = "Hello", **fields: Any) -> dict[str, Any]:
    """A request body."""
    return {"model": model, "messages": [{"role": "user", "content": content}], **fields}


def model(name: str, api_base: str, **params: Any) -> dict[str, Any]:
    """An entry of model_list."""
    return {
        "model_name": name,
        "litellm_params": {"model": f"openai/{name}", "api_base": f"{api_base}/v1", "api_key": "sk-upstream", **params},
    }
