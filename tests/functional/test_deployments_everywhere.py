"""Two web processes: what is done to a deployment, by the API or at the admin's pages, holds on both within 2 s."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import started
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.browser import Browser
from tests.functional.management.callers import made
from tests.gateway import Gateway, Store, chat, migrate, model
from tests.services import postgres, redis

SOON_SECONDS = 2.0
PAGES = "/admin/proxy/deployment"


@pytest.fixture
def gateway(tmp_path: Path, request: pytest.FixtureRequest, upstream: FakeUpstream) -> Iterator[Gateway]:
    entry = {**model("gpt-4o", upstream.url), "model_info": {"id": "configured"}}
    config = {"model_list": [entry], "router_settings": {"num_retries": 0}}
    for database in started(postgres(prepare=migrate), request):
        for cache in started(redis(), request):
            with Gateway(
                tmp_path / "data", config, store=Store(database.url, cache.url), arguments=("--num_workers", "2")
            ) as running:
                yield running


def statuses(gateway: Gateway, name: str, count: int = 16) -> Counter[int]:
    def ask(_: int) -> int:
        # A connection of its own each time, so that both processes get their share.
        with gateway.client() as client:
            return client.post("/v1/chat/completions", json=chat(name)).status_code

    with ThreadPoolExecutor(8) as pool:
        return Counter(pool.map(ask, range(count)))


def holds_soon(gateway: Gateway, name: str, status: int) -> None:
    """Every process answers with `status` two seconds from now at the latest."""
    done = time.monotonic()
    while statuses(gateway, name).keys() != {status}:
        assert time.monotonic() - done < SOON_SECONDS, f"{name} does not answer {status} everywhere"
    assert statuses(gateway, name) == {status: 16}, "and it stays so"


def test_what_the_api_does_to_a_deployment_holds_on_every_process(gateway: Gateway, upstream: FakeUpstream) -> None:
    params = {"model": "openai/gpt-4o", "api_base": f"{upstream.url}/v1", "api_key": "sk-upstream"}
    with gateway.client() as admin:
        made(admin, "/model/new", model_name="fresh", litellm_params=params, model_info={"id": "fresh"})
        holds_soon(gateway, "fresh", 200)
        made(admin, "/model/block", model_id="fresh")
        holds_soon(gateway, "fresh", 400)
        made(admin, "/model/unblock", model_id="fresh")
        holds_soon(gateway, "fresh", 200)
        made(admin, "/model/update", model_info={"id": "fresh"}, model_name="renamed")
        holds_soon(gateway, "renamed", 200)
        holds_soon(gateway, "fresh", 400)
        made(admin, "/model/delete", id="fresh")
        holds_soon(gateway, "renamed", 400)


def test_what_is_done_at_the_admins_pages_holds_on_every_process(gateway: Gateway, upstream: FakeUpstream) -> None:
    with Browser(gateway.url, username="admin", password=_password(gateway)) as browser:
        browser.submit(f"{PAGES}/configured/drain/")
        holds_soon(gateway, "gpt-4o", 400)
        assert "Drained" in browser.open(f"{PAGES}/")
        browser.submit(f"{PAGES}/configured/restore/")
        holds_soon(gateway, "gpt-4o", 200)
        browser.submit(
            f"{PAGES}/add/",
            id="typed",
            model_name="typed",
            litellm_params=json.dumps({"model": "openai/gpt-4o", "api_base": f"{upstream.url}/v1"}),
            credentials="sk-upstream",
        )
        holds_soon(gateway, "typed", 200)
        assert "it answered in" in browser.submit(f"{PAGES}/typed/check_now/").text


def test_requests_that_run_are_finished_when_their_deployment_is_drained(
    gateway: Gateway, upstream: FakeUpstream
) -> None:
    upstream.latency_seconds = 2.5
    with ThreadPoolExecutor(1) as pool, gateway.client() as admin:
        running = pool.submit(statuses, gateway, "gpt-4o", 8)
        upstream.wait_for(8)
        upstream.latency_seconds = 0
        made(admin, "/model/block", model_id="configured")
        holds_soon(gateway, "gpt-4o", 400)

        assert running.result() == {200: 8}


def test_every_process_says_how_a_deployment_stands_in_all_of_them(gateway: Gateway, upstream: FakeUpstream) -> None:
    upstream.script(*[openai_error(500, "oops", "server_error")] * 4)
    with Browser(gateway.url, username="admin", password=_password(gateway)) as browser:
        assert statuses(gateway, "gpt-4o", 12) == {200: 8, 500: 4}
        deadline = time.monotonic() + 5
        pages: list[str] = []
        # Several in a row, so that each process has rendered one.
        while len(pages) < 6:
            pages = [page for _ in range(6) if "12, 4 failed" in (page := browser.open(f"{PAGES}/"))]
            assert time.monotonic() < deadline, "the processes do not say the same"


def _password(gateway: Gateway) -> str:
    return str(json.loads((gateway.data / "secrets.json").read_text())["admin_password"])
