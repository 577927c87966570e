"""Web, worker and beat as processes of their own, by the commands of deploy/compose.yaml."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from tests.conftest import started
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.gateway import READY_SECONDS, STOP_SECONDS, Gateway, Store, chat, model
from tests.services import postgres, redis

WAIT_SECONDS = 40.0


@pytest.mark.parametrize("role", ["worker", "beat"])
def test_a_role_of_its_own_is_refused_without_stores_to_share(tmp_path: Path, role: str) -> None:
    refused = Gateway(tmp_path / "data").run(role)
    assert refused.returncode == 1
    assert "A process with one role needs PostgreSQL and Redis" in refused.stderr
    web = Gateway(tmp_path / "data").run("up", "--web-only", "--port", "0")
    assert web.returncode == 1
    assert "needs PostgreSQL and Redis" in web.stderr


@contextmanager
def role(gateway: Gateway, name: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Running, until the block ends."""
    log_path = gateway.data / f"{name}.log"
    environment = {**gateway.full_environment(), "TMPDIR": str(gateway.data)}
    with log_path.open("wb") as log:
        process = subprocess.Popen(gateway.command(name), env=environment, cwd=gateway.data, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while f"Tollkeeper's {name} is up" not in log_path.read_text():
            assert process.poll() is None, log_path.read_text()
            assert time.monotonic() < deadline, log_path.read_text()
            time.sleep(0.05)
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS + 20) == 0, log_path.read_text()
        assert "Traceback" not in log_path.read_text(), log_path.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_a_web_process_answers_and_a_worker_does_what_a_beat_says(
    tmp_path: Path, request: pytest.FixtureRequest, upstream: FakeUpstream, slack: FakeSlack
) -> None:
    for database in started(postgres(), request):
        for cache in started(redis(), request):
            data = tmp_path / "data"
            gateway = Gateway(
                data,
                {"model_list": [model("gpt-4o", upstream.url)], "general_settings": {"alerting": ["slack"]}},
                store=Store(database.url, cache.url),
                environment={"SLACK_WEBHOOK_URL": f"{slack.url}/services/T/B/x"},
                arguments=("--web-only",),
            )
            assert gateway.run("migrate").returncode == 0
            with gateway as web, Redis.from_url(cache.url) as broker, role(web, "beat"):
                wait_until(lambda: broker.llen("celery") > 3)
                upstream.script(*[openai_error(500, "oops", "server_error")] * 9)
                with web.client() as client:
                    assert client.post("/v1/chat/completions", json=chat()).status_code == 500
                with role(web, "worker"):
                    slack.wait_for(1, timeout=WAIT_SECONDS)
                    wait_until(lambda: broker.llen("celery") == 0)
                    assert (data / "tollkeeper-worker.alive").exists()
                assert (data / "tollkeeper-beat.alive").exists()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
