"""A private Prometheus, the real one, and promtool."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.alertmanager import is_ready
from tests.services import Missing

START_SECONDS = 30.0


@contextmanager
def promtool() -> Iterator[str]:
    """Where it is. Raises Missing."""
    if not (program := shutil.which("promtool")):
        raise Missing("no promtool on PATH; Debian has it in the package prometheus")
    yield program


@dataclass(frozen=True)
class Prometheus:
    url: str
    log: Path

    def get(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer of its HTTP API; an AssertionError says what it did not like."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, trust_env=False, timeout=30)
        body = json.loads(answer.text)
        assert body["status"] == "success", f"{parameters}: {body.get('error')}"
        return body["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Of an instant vector: what each series has as `metric` and `value`. Raises AssertionError."""
        found: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return found

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            told = self.log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < deadline, f"not within {seconds} s:\n{told}"
            time.sleep(0.2)


@contextmanager
def prometheus(directory: Path, config: Mapping[str, Any]) -> Iterator[Prometheus]:
    """One with this configuration. Raises Missing."""
    if not (program := shutil.which("prometheus")):
        raise Missing("no prometheus on PATH")
    config_path = directory / "prometheus.yml"
    config_path.write_text(yaml.safe_dump(dict(config)), encoding="utf-8")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{found.getsockname()[1]}"
    command = [
        program,
        f"--config.file={config_path}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={address}",
    ]
    log_path = directory / "log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and not is_ready(f"http://{address}") and time.monotonic() < deadline:
            time.sleep(0.05)
        if process.poll() is not None or not is_ready(f"http://{address}"):
            raise Missing(f"{program} does not start: {log_path.read_text(errors='replace')[-800:]}")
        yield Prometheus(f"http://{address}", log_path)
    finally:
        process.terminate()
        process.wait(15)
