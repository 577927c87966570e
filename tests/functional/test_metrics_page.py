"""`/metrics` as a scraper meets it: who may read it, in which form, and that reading it is no traffic."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.upstream import FakeUpstream
from tests.gateway import MASTER_KEY, Gateway, chat, model

TOKEN = "scrape-me-4711"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with FakeUpstream() as upstream:
        config = {
            "model_list": [model("gpt-4o", upstream.url)],
            "litellm_settings": {"require_auth_for_metrics_endpoint": True},
        }
        folder: Path = tmp_path_factory.mktemp("metrics")
        with Gateway(folder, config, environment={"TOLLKEEPER_METRICS_TOKEN": TOKEN}) as running:
            yield running


def scrape(gateway: Gateway, key: str | None = TOKEN, **options: Any) -> httpx.Response:
    given = httpx.Headers(options.pop("headers", {}))
    if key:
        given["Authorization"] = f"Bearer {key}"
    return httpx.get(f"{gateway.url}/metrics", headers=given, **options)


def test_strangers_are_told_how_to_read_it_and_are_not_counted(gateway: Gateway) -> None:
    for key in (None, "", "sk-nobody", TOKEN[:-1], "\N{LATIN SMALL LETTER E WITH ACUTE}"):
        refused = scrape(gateway, key)
        assert refused.status_code == 401
        assert "TOLLKEEPER_METRICS_TOKEN" in refused.json()["error"]["message"]
        assert TOKEN not in refused.text
    assert "litellm_proxy_failed_requests_metric_total{" not in scrape(gateway).text


def test_the_token_and_the_keys_of_admins_may_read_it(gateway: Gateway) -> None:
    with gateway.client() as admin:
        viewer = admin.post("/user/new", json={"user_role": "proxy_admin_viewer"}).json()["key"]
        scraper = admin.post("/key/generate", json={"allowed_routes": ["/metrics"]}).json()["key"]
        plain = admin.post("/key/generate", json={}).json()["key"]
    for key in (TOKEN, MASTER_KEY, viewer, scraper):
        assert scrape(gateway, key).status_code == 200
    refused = scrape(gateway, plain)
    assert refused.status_code == 403
    assert "only admins" in refused.json()["error"]["message"]


def test_it_answers_on_both_paths_without_a_redirect(gateway: Gateway) -> None:
    for path in ("/metrics", "/metrics/"):
        answer = httpx.get(f"{gateway.url}{path}", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ],
)
def test_it_speaks_the_format_that_is_asked_for(gateway: Gateway, accept: str, kind: str) -> None:
    answer = scrape(gateway, headers={"Accept": accept})
    assert answer.headers["content-type"] == kind
    assert answer.text.endswith("# EOF\n") == ("openmetrics" in kind)


def test_it_is_packed_for_who_takes_that(gateway: Gateway) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept-Encoding": "gzip"}
    with httpx.stream("GET", f"{gateway.url}/metrics", headers=headers) as answer:
        packed = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
    assert b"\ntollkeeper_metrics_store_up 1\n" in gzip.decompress(packed)


def test_names_choose_samples_and_scrapes_are_no_traffic(gateway: Gateway) -> None:
    with gateway.client() as client:
        assert client.post("/v1/chat/completions", json=chat()).status_code == 200
    for _ in range(5):
        scrape(gateway)
    page = scrape(gateway, params={"name[]": "litellm_proxy_total_requests_metric_total"}).text
    samples = [line for line in page.splitlines() if not line.startswith("#")]
    assert len(samples) == 1
    assert samples[0].startswith("litellm_proxy_total_requests_metric_total{")
    assert samples[0].endswith(" 1.0")
