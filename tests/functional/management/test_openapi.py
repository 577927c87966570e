"""The OpenAPI document: complete, shown without a CDN, and no request that follows or breaks it ends in a 5xx."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from proxy.management.urls import VIEWSETS
from tests.fakes.upstream import FakeUpstream
from tests.gateway import MASTER_KEY, Gateway, Store, model

CASES = 10_000
_MODELS = "/(completions|embeddings|messages|responses|moderations|generations|transcriptions|speech|rerank)$"
# These say with a 5xx, or after a try of an address, how upstreams are doing.
_UPSTREAMS = "^/health(/test_connection)?$"


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, own_store: Store, shared_upstream: FakeUpstream
) -> Iterator[Gateway]:
    """One of its own: made-up requests change and delete whatever they hit."""
    config = {"model_list": [model("gpt-4o", shared_upstream.url)]}
    with Gateway(tmp_path_factory.mktemp("openapi"), config, store=own_store) as running:
        yield running


def test_every_management_route_is_documented(admin: httpx.Client) -> None:
    document = admin.get("/openapi.json").json()
    declared = {
        (re.sub(r"<\w+:(\w+)>", r"{\1}", path), route.method.lower())
        for viewset in VIEWSETS
        for _, route in viewset.routes()
        for path in route.paths
    }
    documented = {(path, method) for path, methods in document["paths"].items() for method in methods}

    assert declared - documented == set()
    assert {("/v1/chat/completions", "post"), ("/models", "get"), ("/health/services", "get")} <= documented
    operations = [found["operationId"] for methods in document["paths"].values() for found in methods.values()]
    assert len(operations) == len(set(operations))


def test_the_documents_pages_are_public_and_ask_nobody_else(gateway: Gateway) -> None:
    with gateway.client(key="") as stranger:
        assert stranger.get("/openapi.json").status_code == 200
        page = stranger.get("/docs").text
        loaded = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)
        assert loaded
        assert all(address.startswith("/") for address in loaded), loaded
        assert all(stranger.get(address).status_code == 200 for address in loaded)


def test_no_request_ends_in_a_server_error(gateway: Gateway) -> None:
    """Schemathesis makes up requests from the document: valid ones, broken ones, and the limits in between."""
    # First, while all models lead to the fake upstream: what a made-up model answers is no fault of ours.
    cases = made_up(gateway, "--include-path-regex", _MODELS)
    cases += made_up(gateway, "--exclude-path-regex", f"{_MODELS}|{_UPSTREAMS}")

    assert cases >= CASES
    assert "in a way nobody foresaw" not in gateway.log()


def made_up(gateway: Gateway, *selected: str) -> int:
    """How many requests were made up and answered without a 5xx."""
    command = [
        str(Path(sys.executable).with_name("st")), "run", f"{gateway.url}/openapi.json", *selected,
        "--header", f"Authorization: Bearer {MASTER_KEY}",
        "--checks", "not_a_server_error", "--phases", "coverage,fuzzing", "--max-examples", "10",
        "--continue-on-failure", "--no-color", "--generation-database", "none", "--seed", "7",
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False, cwd=gateway.data)
    found = re.search(r"(\d+) generated", ran.stdout)

    # What breaks inside of the generator is no answer of ours; that it made enough is asserted by the number.
    assert "Server error" not in ran.stdout, ran.stdout[-6000:]
    assert found is not None, ran.stdout[-3000:]
    return int(found[1])
