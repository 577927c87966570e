"""The whole of deploy/ as processes: a gateway with traffic, Prometheus, Alertmanager, and a fake Slack at the end."""

import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import yaml

from tests.alertmanager import alertmanager
from tests.conftest import started
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.monitoring.expressions import DEPLOY
from tests.gateway import Gateway, Store, chat, migrate, model
from tests.prometheus import Prometheus, prometheus
from tests.services import postgres, redis

BROKEN = "gpt-4.1"


@dataclass
class Load:
    """Asks until it is told to stop: whole answers, streams, and a model that always fails."""

    gateway: Gateway
    key: str
    _stopping: threading.Event = field(default_factory=threading.Event)
    _breaking: threading.Event = field(default_factory=threading.Event)
    asked: int = 0
    trouble: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def break_things(self) -> None:
        self._breaking.set()

    def mend_things(self) -> None:
        self._breaking.clear()

    def _ask(self) -> None:
        with self.gateway.client(self.key) as client:
            while not self._stopping.wait(0.1):
                self._expect(client, 200, chat(metadata={"tags": ["load"]}))
                self._expect(client, 200, chat(stream=True))
                if self._breaking.is_set():
                    self._expect(client, 500, chat(BROKEN))

    def _expect(self, client: httpx.Client, status: int, body: dict[str, Any]) -> None:
        answer = client.post("/v1/chat/completions", json=body)
        self.asked += 1
        if answer.status_code != status:
            self.trouble.append(f"{body['model']}: {answer.status_code} {answer.text[:200]}")


@dataclass
class Stack:
    gateway: Gateway
    prometheus: Prometheus
    slack: FakeSlack
    load: Load


@pytest.fixture(scope="package")
def stack(
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
    shared_upstream: FakeUpstream,
    shared_slack: FakeSlack,
) -> Iterator[Stack]:
    for store in _store(request):
        yield from _running(tmp_path_factory.mktemp("monitoring"), store, request, shared_upstream, shared_slack)


def _store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """SQLite and one process; with TEST_STORE=postgres two, on PostgreSQL and Redis."""
    if os.environ.get("TEST_STORE") != "postgres":
        yield Store()
        return
    for database in started(postgres(prepare=migrate), request):
        for cache in started(redis(), request):
            yield Store(database.url, cache.url)


def _running(
    folder: Path, store: Store, request: pytest.FixtureRequest, shared_upstream: FakeUpstream, shared_slack: FakeSlack
) -> Iterator[Stack]:
    with (
        FakeUpstream() as broken,
        Gateway(
            folder / "data",
            _config(shared_upstream, broken),
            store=store,
            arguments=("--num_workers", "2") if store.redis_url else (),
            environment={"SLACK_WEBHOOK_URL": f"{shared_slack.url}/services/T/B/secret"},
        ) as gateway,
    ):
        broken.script(*[openai_error(500, "boom", "server_error")] * 10_000)
        key = _people(gateway)
        _traffic(gateway, key, shared_upstream)
        (folder / "alertmanager").mkdir()
        for bells in started(alertmanager(folder / "alertmanager", _bells(gateway, folder)), request):
            for watching in started(prometheus(folder, _watching(gateway, bells, folder)), request):
                with Load(gateway, key) as load:
                    yield Stack(gateway, watching, shared_slack, load)
                assert load.trouble == []
        assert "Traceback" not in gateway.log(), gateway.log()


@pytest.fixture(autouse=True)
def _fresh_fakes() -> None:
    """Here they are of one piece: the load goes on from test to test."""


def _config(well: FakeUpstream, broken: FakeUpstream) -> dict[str, Any]:
    free = {"input_cost_per_token": 0, "output_cost_per_token": 0}
    return {
        "model_list": [
            model("gpt-4o", well.url, rpm=10_000, tpm=10_000_000),
            model(BROKEN, broken.url),
            {**model("gpt-4.1-mini", broken.url), "model_name": "frail"},
            {**model("gpt-4o-mini", well.url, **free), "model_name": "stand-in"},
            model("pair", well.url, **free),
            model("pair", broken.url, **free),
            model("nobody-knows-its-price", well.url),
        ],
        "general_settings": {"alerting": ["slack"]},
        "litellm_settings": {
            "callbacks": ["prometheus"],
            "enable_end_user_cost_tracking_prometheus_only": True,
        },
        "router_settings": {
            "num_retries": 0,
            "fallbacks": [{"frail": [BROKEN, "stand-in"]}],
            "provider_budget_config": {"openai": {"budget_limit": 1000, "time_period": "1d"}},
        },
    }


def _people(gateway: Gateway) -> str:
    """A key of somebody in a team of an organization, all of whom have budgets and limits."""
    money = {"max_budget": 100, "budget_duration": "30d"}
    with gateway.client() as admin:

        def made(path: str, **body: Any) -> dict[str, Any]:
            answer = admin.post(path, json=body)
            assert answer.is_success, answer.text
            found: dict[str, Any] = answer.json()
            return found

        organization = made("/organization/new", organization_alias="works", models=[], **money)["organization_id"]
        team = made("/team/new", team_alias="blue", organization_id=organization, rpm_limit=100_000, **money)["team_id"]
        user = made("/user/new", user_alias="ann", user_email="ann@example.org", **money)["user_id"]
        made("/customer/new", user_id="shop-1", **money)
        limits = {"rpm_limit": 100_000, "tpm_limit": 10_000_000}
        tight = made("/key/generate", key_alias="tight", rpm_limit=1)["key"]
        _ask(gateway, tight, chat())
        assert _ask(gateway, tight, chat()) == 429
        key = made("/key/generate", key_alias="load", team_id=team, user_id=user, **limits, **money)["key"]
        return str(key)


def _traffic(gateway: Gateway, key: str, upstream: FakeUpstream) -> None:
    """Of everything that dashboards show, once."""
    assert _ask(gateway, key, chat(user="shop-1")) == 200
    assert _ask(gateway, key, chat(stream=True)) == 200
    assert _ask(gateway, key, chat("nobody-knows-its-price")) == 200
    assert _ask(gateway, key, chat("frail")) == 200
    assert _ask(gateway, key, chat(BROKEN)) == 500
    # One of the two fails and goes into cooldown; the other answers.
    for _ in range(20):
        _ask(gateway, key, chat("pair"))
    upstream.cached_tokens, upstream.reasoning_tokens = 5, 3
    assert _ask(gateway, key, chat()) == 200
    upstream.cached_tokens = upstream.reasoning_tokens = 0


def _ask(gateway: Gateway, key: str, body: dict[str, Any]) -> int:
    with gateway.client(key) as client:
        return client.post("/v1/chat/completions", json=body).status_code


def _bells(gateway: Gateway, folder: Path) -> str:
    """deploy/alertmanager.yml with our address, an admin's key for its one route, and less patience."""
    with gateway.client() as admin:
        body = {"user_alias": "alertmanager", "user_role": "proxy_admin", "allowed_routes": ["/alerts/receive"]}
        key = admin.post("/user/new", json=body).json()["key"]
    with gateway.client(key) as narrow:
        assert narrow.get("/user/list").status_code == 403
    (folder / "key").write_text(key)
    text = (DEPLOY / "alertmanager.yml").read_text()
    for given, ours in (
        ("http://web:4000", gateway.url),
        ("/run/secrets/alertmanager_key", str(folder / "key")),
        ("group_wait: 10s", "group_wait: 100ms"),
        ("group_interval: 30s", "group_interval: 1s"),
    ):
        assert given in text
        text = text.replace(given, ours)
    return text


def _watching(gateway: Gateway, bells: str, folder: Path) -> dict[str, Any]:
    """deploy/prometheus.yml with our addresses, and rules that look at seconds where they looked at minutes."""
    (folder / "rules").mkdir()
    for path in (DEPLOY / "rules").glob("*.yml"):
        text = re.sub(r"interval: \w+", "interval: 1s", path.read_text())
        text = text.replace("for: 2m", "for: 1s").replace("[5m]", "[15s]")
        (folder / "rules" / path.name).write_text(text)
    config: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [bells.removeprefix("http://")]}]
    (job,) = config["scrape_configs"]
    job |= {"static_configs": [{"targets": [gateway.url.removeprefix("http://")]}], "scrape_interval": "1s"}
    return config
