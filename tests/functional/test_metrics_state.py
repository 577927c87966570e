"""Gauges of what is so now, from two processes: the same from each, and right at once whatever happens."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import started
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.gateway import Gateway, Store, chat, migrate, model
from tests.services import postgres, redis

COOLDOWN_SECONDS = 4
REMAINING = "litellm_remaining_api_key_budget_metric"


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, upstream: FakeUpstream
) -> Iterator[Gateway]:
    config = {
        "model_list": [
            {**model("gpt-4o", upstream.url, rpm=50), "model_info": {"id": name}} for name in ("first", "second")
        ],
        "router_settings": {"num_retries": 0, "cooldown_time": COOLDOWN_SECONDS},
    }
    folder: Path = tmp_path_factory.mktemp("state")
    for database in started(postgres(prepare=migrate), request):
        for cache in started(redis(), request):
            store = Store(database.url, cache.url)
            with Gateway(folder, config, store=store, arguments=("--num_workers", "2")) as running:
                yield running


def read(gateway: Gateway, name: str, **labels: str) -> dict[str, float]:
    """By the values of its labels, from one of the processes: each time on a connection of its own."""
    page = httpx.get(f"{gateway.url}/metrics", params={"name[]": name}, timeout=20).text
    families = text_string_to_metric_families(page)
    found = [one for family in families for one in family.samples if labels.items() <= one.labels.items()]
    return {",".join(one.labels.values()): one.value for one in found}


def seen(gateway: Gateway, name: str, **labels: str) -> dict[str, float]:
    """The same however often it is read, by whomever."""
    pages = [read(gateway, name, **labels) for _ in range(6)]
    assert all(page == pages[0] for page in pages), pages
    return pages[0]


def eventually(condition: Callable[[], bool], *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.1)


def test_what_there_is_before_the_first_request(gateway: Gateway) -> None:
    states = seen(gateway, "litellm_deployment_state")
    assert len(states) == 2
    assert set(states.values()) == {0}
    assert seen(gateway, "litellm_in_flight_requests") == {"": 0}
    assert list(seen(gateway, "tollkeeper_build_info").values()) == [1]
    assert list(seen(gateway, "litellm_deployment_rpm_limit").values()) == [50, 50]
    assert seen(gateway, REMAINING) == {}
    assert seen(gateway, "litellm_total_users")[""] >= 1


def test_a_budget_is_right_at_once_after_each_change_and_gone_with_its_key(
    gateway: Gateway, upstream: FakeUpstream
) -> None:
    with gateway.client() as admin:
        key = admin.post("/key/generate", json={"key_alias": "k", "max_budget": 1, "rpm_limit": 9}).json()["key"]
        assert list(seen(gateway, REMAINING).values()) == [1]
        with gateway.client(key) as client:
            client.post("/v1/chat/completions", json=chat()).raise_for_status()
        # What is spent may be a second old, and no older.
        eventually(lambda: all(set(read(gateway, REMAINING).values()) != {1} for _ in range(6)), seconds=5)
        (left,) = seen(gateway, REMAINING).values()
        assert 0.9 < left < 1
        (spent,) = seen(gateway, "tollkeeper_budget_spent_usd", scope="key").values()
        assert left == pytest.approx(1 - spent, abs=1e-12)
        assert list(seen(gateway, "litellm_api_key_rate_limit_used_metric").values()) == [1]

        admin.post("/key/update", json={"key": key, "max_budget": 5}).raise_for_status()
        assert list(seen(gateway, REMAINING).values()) == [pytest.approx(5 - spent, abs=1e-12)]
        admin.post(f"/key/{key}/reset_spend", json={"reset_to": 0}).raise_for_status()
        assert list(seen(gateway, REMAINING).values()) == [5]
        admin.post("/key/delete", json={"keys": [key]}).raise_for_status()
        assert seen(gateway, REMAINING) == {}
        assert seen(gateway, "litellm_api_key_rate_limit_allowed_metric") == {}


def test_a_cooldown_is_seen_by_all_and_ends_and_what_a_429_says_is_left_is_shown(
    gateway: Gateway, upstream: FakeUpstream
) -> None:
    def states() -> list[float]:
        return sorted(read(gateway, "litellm_deployment_state").values())

    refusal = openai_error(429, "slow down", "rate_limit_error")
    upstream.script(replace(refusal, headers={**refusal.headers, "x-ratelimit-remaining-requests": "0"}))
    with gateway.client() as client:
        assert client.post("/v1/chat/completions", json=chat()).status_code == 429
    eventually(lambda: all(states() == [0, 2] for _ in range(4)), seconds=COOLDOWN_SECONDS - 1)
    eventually(lambda: 0 in read(gateway, "litellm_remaining_requests_metric").values(), seconds=5)
    eventually(lambda: all(states() == [0, 0] for _ in range(4)), seconds=COOLDOWN_SECONDS + 5)


def test_a_database_that_hung_up_between_two_scrapes_is_asked_again(gateway: Gateway) -> None:
    seen(gateway, "litellm_total_users")
    ours = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
    assert gateway.rows(f"SELECT pg_terminate_backend(pid) {ours}")
    assert set(seen(gateway, "tollkeeper_metrics_collector_up").values()) == {1}
