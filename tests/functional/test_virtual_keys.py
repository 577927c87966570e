"""Virtual keys in use: every header, model access, and how soon a change is felt."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes.upstream import FakeUpstream
from tests.gateway import Gateway, Store, chat, model

# The promise of the architecture is five seconds, on every process.
SOON_SECONDS = 5.0


def new_key(gateway: Gateway, *arguments: str) -> str:
    made = gateway.run("key", *arguments)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip().splitlines()[-1]


def until(condition: Callable[[], bool]) -> float:
    """Seconds until it held."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < SOON_SECONDS, "not within five seconds"
        time.sleep(0.05)
    return time.monotonic() - started


def status(gateway: Gateway, key: str, name: str = "gpt-4o") -> int:
    with gateway.client(key) as client:
        return client.post("/v1/chat/completions", json=chat(name)).status_code


@pytest.mark.parametrize(
    "header",
    ["Authorization: Bearer {}", "Authorization: bearer {}", "x-api-key: {}", "api-key: {}", "x-litellm-api-key: {}",
     "x-litellm-api-key: Bearer {}"],
)  # fmt: skip
def test_key_is_taken_from_every_header_clients_use(gateway: Gateway, header: str) -> None:
    key = new_key(gateway)
    until(lambda: status(gateway, key) == 200)
    name, _, value = header.format(key).partition(": ")

    with gateway.client(key="", headers={name: value}) as client:
        assert client.post("/v1/chat/completions", json=chat()).status_code == 200


def test_entry_and_metrics_name_the_key_by_hash_and_alias(gateway: Gateway) -> None:
    key = new_key(gateway, "--alias", "reporting")
    until(lambda: status(gateway, key) == 200)

    (row,) = gateway.rows("SELECT key_hash, key_alias FROM budgets_ledgerentry WHERE key_alias = 'reporting' LIMIT 1")
    assert len(row[0]) == 64
    ((amount,),) = gateway.rows("SELECT sum(amount_nano) FROM budgets_ledgerentry WHERE key_alias = 'reporting'")
    gateway.wait_for_metric(
        "litellm_spend_metric_total", float(amount) / 1e9, hashed_api_key=row[0], api_key_alias="reporting"
    )
    assert key not in gateway.log()
    assert key not in str(gateway.rows("SELECT * FROM teams_virtualkey"))


def test_key_with_a_list_of_models_gets_no_other(gateway: Gateway) -> None:
    key = new_key(gateway, "--models", "gpt-4o-mini")
    until(lambda: status(gateway, key, "gpt-4o-mini") == 200)

    with gateway.client(key) as client:
        refused = client.post("/v1/chat/completions", json=chat("gpt-4o"))
        assert [entry["id"] for entry in client.get("/v1/models").json()["data"]] == ["gpt-4o-mini"]
    assert refused.status_code == 403
    assert refused.json()["error"]["type"] == "key_model_access_denied"
    assert refused.json()["error"]["param"] == "model"


def test_virtual_key_is_no_admin(gateway: Gateway) -> None:
    key = new_key(gateway)
    until(lambda: status(gateway, key) == 200)
    with gateway.client(key) as client:
        response = client.get("/health/services?service=slack")

    assert response.status_code == 401
    assert response.json()["error"]["message"].startswith("Authentication Error, Only proxy admin can be used")


def test_change_of_a_key_is_felt_by_every_process_soon(tmp_path: Path, store: Store, upstream: FakeUpstream) -> None:
    """Made, blocked and expired past the running processes, as another process would."""
    config = {"model_list": [model("gpt-4o", upstream.url)]}
    workers = ("--num_workers", "2") if store.database_url else ()
    with Gateway(tmp_path / "data", config, store=store, arguments=workers) as gateway:
        key = new_key(gateway, "--alias", "short-lived")
        # Two workers share the port, so one answer says little.
        until(lambda: all(status(gateway, key) == 200 for _ in range(8)))

        shell(gateway, "VirtualKey.objects.get(alias='short-lived')", "row.blocked = True")
        until(lambda: all(status(gateway, key) == 401 for _ in range(8)))

        past = datetime.now(UTC) - timedelta(days=1)
        shell(gateway, "VirtualKey.objects.get(alias='short-lived')", f"row.blocked = False; row.expires_at = {past!r}")
        with gateway.client(key) as client:
            until(lambda: "expired_key" in client.post("/v1/chat/completions", json=chat()).json()["error"]["type"])


def shell(gateway: Gateway, get: str, change: str) -> None:
    code = f"import datetime; from teams.models import VirtualKey; row = {get}; {change}; row.save()"
    done = gateway.run("manage", "shell", "-c", code)
    assert done.returncode == 0, done.stderr
