"""`/health` and its relatives over HTTP: what upstreams answer, who is told how much, and what it costs."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.server import Reply
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.gateway import Gateway, Store, chat, model

SECRET = "sk-upstream-secret-0123456789"
INTERNAL = "litellm-internal-health-check"


def entry(name: str, url: str, pk: str, **info: Any) -> dict[str, Any]:
    made = model(name, url, api_key=SECRET)
    return {**made, "model_info": {"id": pk, **info}}


@pytest.fixture
def broken() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        server.api_key = "another"
        yield server


def run(folder: Path, store: Store, upstream: FakeUpstream, broken: FakeUpstream) -> Iterator[Gateway]:
    config = {
        "model_list": [
            entry("gpt-4o", upstream.url, "well"),
            entry("gpt-4o", broken.url, "ill"),
            entry("gpt-4o-mini", upstream.url, "mini"),
            entry("dead", broken.url, "dead"),
            entry("dall-e-3", upstream.url, "image"),
        ]
    }
    with Gateway(folder, config, store=store) as running:
        yield running
    assert "Traceback" not in running.log(), running.log()[-3000:]


@pytest.fixture
def gateway(tmp_path: Path, upstream: FakeUpstream, broken: FakeUpstream) -> Iterator[Gateway]:
    yield from run(tmp_path / "data", Store(), upstream, broken)


@pytest.fixture
def anywhere(tmp_path: Path, store: Store, upstream: FakeUpstream, broken: FakeUpstream) -> Iterator[Gateway]:
    """The same on each store."""
    yield from run(tmp_path / "data", store, upstream, broken)


def ids(endpoints: list[dict[str, Any]]) -> set[str]:
    return {endpoint["model_id"] for endpoint in endpoints}


def health(client: httpx.Client, *, status: int = 200, **query: str) -> dict[str, Any]:
    answer = client.get("/health", params=query)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def generate(client: httpx.Client, **body: Any) -> str:
    return str(client.post("/key/generate", json=body).json()["key"])


def test_health_asks_each_deployment_and_nobody_pays_for_it(
    anywhere: Gateway, upstream: FakeUpstream, broken: FakeUpstream
) -> None:
    with anywhere.client() as admin:
        found = health(admin)

        assert ids(found["healthy_endpoints"]) == {"well", "mini", "image"}
        assert ids(found["unhealthy_endpoints"]) == {"ill", "dead"}
        assert (found["healthy_count"], found["unhealthy_count"]) == (3, 2)
        (well,) = [one for one in found["healthy_endpoints"] if one["model_id"] == "well"]
        assert (well["model"], well["model_name"], well["api_base"]) == (
            "openai/gpt-4o",
            "gpt-4o",
            f"{upstream.url}/v1",
        )
        assert int(well["x-ratelimit-remaining-requests"]) > 0
        (image,) = [one for one in found["healthy_endpoints"] if one["model_id"] == "image"]
        assert image["note"].startswith("not probed")
        assert all("Incorrect API key" in one["error"] for one in found["unhealthy_endpoints"])
        assert SECRET not in str(found)

        asked = len(upstream.received) + len(broken.received)
        assert asked == 4
        for _ in range(5):
            assert health(admin)["healthy_count"] == 3
        assert len(upstream.received) + len(broken.received) == asked, "asking in a loop costs nothing"

        rows = anywhere.wait_for_rows(
            "SELECT key_hash, call_type, amount_nano, user_id, team_id FROM budgets_ledgerentry", 4
        )
        assert {(row[0], row[1], row[3], row[4]) for row in rows} == {(INTERNAL, "/health", "", "")}
        assert sum(row[2] for row in rows) > 0, "the provider bills it"
        assert anywhere.metric("litellm_spend_metric_total") == 0
        assert anywhere.metric("litellm_proxy_total_requests_metric_total") == 0
        assert admin.get("/user/info").json()["user_info"]["spend"] == 0
        checks = anywhere.rows("SELECT deployment_id, healthy, checked_by FROM proxy_healthcheck")
        assert {row[0] for row in checks if row[1]} == {"well", "mini"}


def test_health_of_one_group_and_of_one_deployment(gateway: Gateway) -> None:
    with gateway.client() as admin:
        both = health(admin, model="gpt-4o")
        assert (ids(both["healthy_endpoints"]), ids(both["unhealthy_endpoints"])) == ({"well"}, {"ill"})
        assert health(admin, model_id="mini")["healthy_count"] == 1
        assert health(admin, status=503, model="dead")["unhealthy_count"] == 1
        assert health(admin, status=503, model_id="ill")["healthy_count"] == 0
        assert "model=nope" in health(admin, status=400, model="nope")["error"]["message"]
        assert "nope" in health(admin, status=404, model_id="nope")["error"]["message"]


def test_others_are_told_of_what_they_may_call_and_not_where_it_is(gateway: Gateway, broken: FakeUpstream) -> None:
    with gateway.client() as admin:
        viewer = admin.post("/user/new", json={"user_id": "vic", "user_role": "proxy_admin_viewer"}).json()["key"]
        limited = generate(admin, models=["gpt-4o"])
    with gateway.client(limited) as client:
        found = health(client)
        assert ids(found["healthy_endpoints"]) == {"well"}
        assert ids(found["unhealthy_endpoints"]) == {"ill"}
        for hidden in ("api_base", "127.0.0.1", "error", "Incorrect", SECRET):
            assert hidden not in str(found)
        assert client.get("/health", params={"model": "gpt-4o-mini"}).status_code == 403
        assert client.get("/health", params={"model_id": "mini"}).status_code == 404
        assert client.get("/health/latest").status_code == 401
        assert client.get("/health/history").status_code == 401
        assert client.post("/health/test_connection", json={"litellm_params": {"model": "x"}}).status_code == 401
    with gateway.client(viewer) as client:
        assert broken.url in str(health(client)["unhealthy_endpoints"])
        assert client.get("/health/latest").status_code == 200
        asked = len(broken.received)
        params = {"model": "openai/gpt-4o", "api_base": f"{broken.url}/v1", "api_key": SECRET}
        assert client.post("/health/test_connection", json={"litellm_params": params}).status_code == 403
        assert len(broken.received) == asked
    with gateway.client("") as client:
        assert client.get("/health").status_code == 401
        assert client.get("/health/readiness/details").status_code == 401
        assert client.get("/health/backlog").status_code == 401


def test_a_drained_deployment_is_not_asked_unless_by_name(gateway: Gateway) -> None:
    with gateway.client() as admin:
        admin.post("/model/block", json={"model_id": "ill"})
        assert ids(health(admin, model="gpt-4o")["unhealthy_endpoints"]) == set()
        assert ids(health(admin, status=503, model_id="ill")["unhealthy_endpoints"]) == {"ill"}


def test_history_and_latest_tell_what_was_found(anywhere: Gateway) -> None:
    with anywhere.client() as admin:
        health(admin)
        history = admin.get("/health/history").json()
        assert (history["total_records"], history["limit"], history["offset"]) == (4, 100, 0)
        one = history["health_checks"][0]
        assert one.keys() == {
            "health_check_id", "model_name", "model_id", "status", "healthy_count", "unhealthy_count", "error_message",
            "response_time_ms", "details", "checked_by", "checked_at", "created_at",
        }  # fmt: skip
        ill = admin.get("/health/history", params={"model": "gpt-4o", "status": "unhealthy"}).json()
        assert [row["model_id"] for row in ill["health_checks"]] == ["ill"]
        assert "Incorrect API key" in ill["health_checks"][0]["error_message"]
        assert len(admin.get("/health/history", params={"limit": 2, "offset": 1}).json()["health_checks"]) == 2
        assert admin.get("/health/history", params={"limit": 0}).status_code == 422
        assert admin.get("/health/history", params={"status": "so-so"}).status_code == 422

        latest = admin.get("/health/latest").json()
        assert latest["total_models"] == 3
        groups = latest["latest_health_checks"]
        assert {name: row["status"] for name, row in groups.items()} == {
            "gpt-4o": "healthy",
            "gpt-4o-mini": "healthy",
            "dead": "unhealthy",
        }
        assert (groups["gpt-4o"]["healthy_count"], groups["gpt-4o"]["unhealthy_count"]) == (1, 1)
        assert SECRET not in str(history) + str(latest)


def test_a_connection_is_tested_and_nothing_of_it_is_kept(gateway: Gateway, upstream: FakeUpstream) -> None:
    # What is typed, rather than written into config.yaml, may not lead to this machine unless the operator says so.
    before = gateway.rows("SELECT count(*) FROM proxy_deployment")
    params = {"model": "openai/gpt-4o", "api_base": f"{upstream.url}/v1", "api_key": SECRET}
    with gateway.client() as admin:
        found = admin.post("/health/test_connection", json={"litellm_params": params, "mode": "chat"}).json()
        assert found["status"] == "success", found
        assert found["result"]["model"] == "openai/gpt-4o"
        assert "x-ratelimit-remaining-requests" in found["result"]

        upstream.script(openai_error(401, f"Incorrect API key {SECRET}", "invalid_request_error"))
        failed = admin.post("/health/test_connection", json={"litellm_params": params}).json()
        assert failed["status"] == "error"
        assert "Incorrect API key" in failed["result"]["error"]
        assert SECRET not in str(found) + str(failed)

        for body in ({"litellm_params": {"model": "nobody/x"}}, {"litellm_params": {**params, "api_base": "ftp://x"}}):
            assert admin.post("/health/test_connection", json=body).status_code == 400
        assert admin.post("/health/test_connection", json={}).status_code == 422
    assert gateway.rows("SELECT count(*) FROM proxy_deployment") == before
    assert gateway.rows("SELECT 1 FROM budgets_ledgerentry") == []
    assert gateway.rows("SELECT 1 FROM proxy_healthcheck") == []
    assert SECRET not in gateway.log()


def test_readiness_in_detail_and_the_backlog(anywhere: Gateway, store: Store, upstream: FakeUpstream) -> None:
    with anywhere.client() as admin:
        admin.post("/model/block", json={"model_id": "dead"})
        found = admin.get("/health/readiness/details").json()
        assert found.keys() >= {
            "status", "db", "cache", "litellm_version", "success_callbacks", "last_updated", "use_aiohttp_transport",
            "log_level", "is_detailed_debug", "deployments", "draining", "ledger", "snapshot_age_seconds",
        }  # fmt: skip
        assert (found["status"], found["db"], found["draining"]) == ("healthy", "connected", False)
        assert found["deployments"] == {"in_service": 4, "cooling": 0, "unhealthy": 0, "drained": 1}
        assert found["snapshot_age_seconds"] < 5
        deadline = time.monotonic() + 5
        while store.redis_url and admin.get("/health/readiness/details").json()["cache"] != "redis":
            assert time.monotonic() < deadline
        if not store.redis_url:
            assert found["cache"] is None
        public = httpx.get(f"{anywhere.url}/health/readiness", trust_env=False).json()
        assert "deployments" not in public

        assert admin.get("/health/backlog").json() == {"in_flight_requests": 0}
        upstream.script(Reply(hang=True))
        with anywhere.client() as other, pytest.raises(httpx.ReadTimeout):
            other.post("/v1/chat/completions", json=chat("gpt-4o-mini"), timeout=0.5)
        assert admin.get("/health/backlog").json() == {"in_flight_requests": 1}
        # A request that hangs is waited for at the gateway's stop.
        upstream.close()


def test_details_may_be_public(tmp_path: Path, upstream: FakeUpstream) -> None:
    config = {
        "model_list": [model("gpt-4o", upstream.url)],
        "general_settings": {"allow_public_health_readiness_details": True},
    }
    with Gateway(tmp_path / "data", config) as running:
        found = httpx.get(f"{running.url}/health/readiness", trust_env=False).json()

    assert found["deployments"] == {"in_service": 1, "cooling": 0, "unhealthy": 0, "drained": 0}


def test_background_checks_tell_health_and_the_router(
    tmp_path: Path, store: Store, upstream: FakeUpstream, broken: FakeUpstream
) -> None:
    config = {
        "model_list": [
            entry("gpt-4o", upstream.url, "well"),
            entry("gpt-4o", broken.url, "ill"),
            entry("gpt-4o-mini", upstream.url, "off", disable_background_health_check=True),
        ],
        "general_settings": {
            "background_health_checks": True,
            "health_check_interval": 3600,
            "enable_health_check_routing": True,
        },
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    with Gateway(tmp_path / "data", config, store=store) as gateway, gateway.client() as admin:
        assert all(one["note"] for one in health(admin)["healthy_endpoints"]), "nothing is known yet"
        assert not upstream.received
        gateway.wait_for_rows("SELECT 1 FROM proxy_healthcheck", 2, timeout=40)
        found = health(admin)
        assert (ids(found["healthy_endpoints"]), ids(found["unhealthy_endpoints"])) == ({"well", "off"}, {"ill"})
        assert "checked_at" in found["unhealthy_endpoints"][0]
        assert (len(upstream.received), len(broken.received)) == (1, 1)
        assert len(gateway.rows(f"SELECT 1 FROM budgets_ledgerentry WHERE key_hash = '{INTERNAL}'")) == 2

        deadline = time.monotonic() + 15
        while admin.get("/health/readiness/details").json()["deployments"]["unhealthy"] != 1:
            assert time.monotonic() < deadline, "the router does not heed the checks"
            time.sleep(0.1)
        for _ in range(20):
            assert admin.post("/v1/chat/completions", json=chat("gpt-4o")).status_code == 200
        assert len(broken.received) == 1
    assert "Traceback" not in gateway.log(), gateway.log()[-3000:]
