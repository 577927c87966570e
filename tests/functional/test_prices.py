"""What an answer costs: service tiers, the operator's discounts and margins, from config.yaml to header and ledger."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.fakes.upstream import FakeUpstream
from tests.functional.browser import Browser
from tests.gateway import Gateway, Store, chat, model

ENTRIES = """
    SELECT amount_nano, original_nano, service_tier, prompt_tokens, completion_tokens
    FROM budgets_ledgerentry WHERE call_id = '{}'
"""
PRICES = {"input_cost_per_token": 1e-6, "output_cost_per_token": 4e-6, "input_cost_per_token_flex": 5e-7}
TERMS = {
    "cost_discount_config": {"openai": 0.05},
    "cost_margin_config": {"global": 0.9, "openai": {"percentage": 0.1, "fixed_amount": 0.001}},
}


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory, shared_upstream: FakeUpstream) -> Iterator[Gateway]:
    config = {"model_list": [model("gpt-4o", shared_upstream.url, **PRICES)], "litellm_settings": TERMS}
    data: Path = tmp_path_factory.mktemp("prices")
    with Gateway(data, config) as started:
        yield started
    assert "Traceback" not in started.log(), started.log()


@pytest.mark.parametrize(("service_tier", "input_nano"), [("default", 1000), ("flex", 500)])
def test_headers_and_ledger_tell_the_original_and_what_was_changed(
    priced: Gateway, shared_upstream: FakeUpstream, service_tier: str, input_nano: int
) -> None:
    shared_upstream.service_tier = service_tier
    # What a client wishes for is not what it gets.
    with priced.client(headers={"x-litellm-call-id": f"whole-{service_tier}"}) as client:
        headers = client.post("/v1/chat/completions", json=chat(service_tier="priority")).headers
    ((amount, stored_original, tier, prompt, completion),) = priced.rows(ENTRIES.format(f"whole-{service_tier}"))

    original = prompt * input_nano + completion * 4000
    assert stored_original == original
    assert amount == round(original * 95 * 110 / 10_000) + 1_000_000
    assert tier == ("" if service_tier == "default" else "flex")
    told = {
        name.removeprefix("x-litellm-response-cost"): float(headers[name])
        for name in headers
        if "response-cost" in name
    }
    discount = round(original * 0.05)
    assert told == {
        "": amount / 1e9,
        "-original": original / 1e9,
        "-discount-amount": discount / 1e9,
        "-margin-amount": (amount - original + discount) / 1e9,
        "-margin-percent": 0.1,
        "-input": prompt * input_nano / 1e9,
        "-output": completion * 4000 / 1e9,
    }


def test_a_stream_is_charged_by_the_service_tier_that_its_last_chunk_tells(
    priced: Gateway, shared_upstream: FakeUpstream
) -> None:
    shared_upstream.service_tier = "flex"
    with priced.client(headers={"x-litellm-call-id": "streamed"}) as client:
        assert client.post("/v1/chat/completions", json=chat(stream=True)).text.endswith("data: [DONE]\n\n")
    ((_, original, tier, prompt, completion),) = priced.rows(ENTRIES.format("streamed"))

    assert (original, tier) == (prompt * 500 + completion * 4000, "flex")


@pytest.fixture(autouse=True)
def _usual_service(shared_upstream: FakeUpstream) -> Iterator[None]:
    yield
    shared_upstream.service_tier = "default"


def cost_of(client: httpx.Client, name: str) -> float:
    return float(client.post("/v1/chat/completions", json=chat(name)).headers["x-litellm-response-cost-input"])


def cost_becomes(client: httpx.Client, name: str, wanted: float, *, within: float) -> None:
    deadline = time.monotonic() + within
    while (found := cost_of(client, name)) != pytest.approx(wanted):
        assert time.monotonic() < deadline, f"{name} costs {found}, not {wanted}"
        time.sleep(0.1)


def test_an_imported_price_and_one_set_for_later_reach_a_running_process(
    tmp_path: Path, store: Store, upstream: FakeUpstream
) -> None:
    config = {"model_list": [model("gpt-4o", upstream.url)]}
    path = tmp_path / "map.json"
    path.write_text(json.dumps({"gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 1e-3}}))
    with Gateway(tmp_path / "data", config, store=store) as gateway, gateway.client() as client:
        published = cost_of(client, "gpt-4o")
        would = gateway.run("prices", "import", str(path), "--dry-run")
        assert (would.returncode, would.stdout.splitlines()[0]) == (0, "+ gpt-4o"), would.stderr
        assert cost_of(client, "gpt-4o") == published

        done = gateway.run("prices", "import", str(path))
        assert done.stdout.splitlines() == ["+ gpt-4o", "1 added, 0 changed, 0 unchanged, 0 skipped"], done.stderr
        imported = published / 2.5e-6 * 1e-3
        cost_becomes(client, "gpt-4o", imported, within=2.0)
        again = gateway.run("prices", "import", str(path))
        assert again.stdout.splitlines() == ["0 added, 0 changed, 1 unchanged, 0 skipped"]

        secrets = json.loads((gateway.data / "secrets.json").read_text())
        with Browser(gateway.url, username="admin", password=secrets["admin_password"]) as browser:
            # After the login, which may take seconds itself.
            begins = datetime.now(UTC) + timedelta(seconds=6)
            browser.submit(
                "/admin/budgets/modelprice/add/",
                provider="openai",
                model="gpt-4o",
                prices='{"input_cost_per_token": 2e-3}',
                effective_from_0=begins.strftime("%Y-%m-%d"),
                effective_from_1=begins.strftime("%H:%M:%S"),
            )
        cost_becomes(client, "gpt-4o", imported, within=0.1)
        cost_becomes(client, "gpt-4o", 2 * imported, within=9.0)
        assert datetime.now(UTC) >= begins.replace(microsecond=0)


def test_a_map_that_cannot_be_read_is_told(tmp_path: Path, priced: Gateway) -> None:
    done = priced.run("prices", "import", str(tmp_path / "none.json"))

    assert done.returncode == 1
    assert "none.json cannot be read" in done.stderr


GUARDED = {"block_requests_for_models_without_pricing": True}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, shared_upstream: FakeUpstream) -> Iterator[Gateway]:
    address = shared_upstream.url
    free = {"input_cost_per_token": 0, "output_cost_per_token": 0}
    config = {
        "model_list": [
            model("gpt-4o", address),
            model("nobody-knows", address),
            {**model("mixed", address), "model_info": {"id": "unpriced"}},
            {**model("mixed", address, **PRICES), "model_info": {"id": "priced"}},
            model("free-of-charge", address, **free),
            model("by-image", address, output_cost_per_image=0.01),
            model("*", address),
            {**model("backed", address)},
            model("text-moderation", address),
        ],
        "router_settings": {"fallbacks": [{"backed": ["gpt-4o"]}], "num_retries": 0},
        "litellm_settings": GUARDED,
    }
    with Gateway(tmp_path_factory.mktemp("guarded"), config) as started:
        yield started
    assert "Traceback" not in started.log(), started.log()


@pytest.mark.parametrize("name", ["nobody-knows", "some-other-model", "backed"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_without_a_known_price_is_refused_before_anybody_is_asked(
    guarded: Gateway, shared_upstream: FakeUpstream, name: str, stream: bool
) -> None:
    with guarded.client() as client:
        answer = client.post("/v1/chat/completions", json=chat(name, stream=stream))

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (403, "403", "model_cost_map_missing")
    assert error["param"] == "model"
    assert error["message"].startswith(f"No price is known for model={name}")
    assert shared_upstream.received == []


@pytest.mark.parametrize("name", ["gpt-4o", "free-of-charge", "by-image", "gpt-4o-mini"])
def test_a_request_with_a_known_price_is_served_even_if_it_is_nothing(guarded: Gateway, name: str) -> None:
    with guarded.client() as client:
        assert client.post("/v1/chat/completions", json=chat(name)).status_code == 200


def test_a_deployment_without_a_price_is_passed_over_for_one_that_has_it(guarded: Gateway) -> None:
    with guarded.client() as client:
        answers = [client.post("/v1/chat/completions", json=chat("mixed")) for _ in range(12)]

    assert {answer.headers["x-litellm-model-id"] for answer in answers} == {"priced"}


def test_moderation_is_free_and_never_blocked(guarded: Gateway) -> None:
    with guarded.client() as client:
        answer = client.post("/v1/moderations", json={"model": "text-moderation", "input": "x"})

    assert answer.status_code == 200, answer.text


def test_without_the_setting_it_is_served_and_counted_as_unpriced(
    tmp_path: Path, shared_upstream: FakeUpstream
) -> None:
    config = {"model_list": [model("nobody-knows", shared_upstream.url), model("free-*", shared_upstream.url)]}
    with Gateway(tmp_path / "data", config) as gateway, gateway.client() as client:
        for name in ("nobody-knows", "nobody-knows", "free-1", "free-2"):
            answer = client.post("/v1/chat/completions", json=chat(name))
            assert answer.status_code == 200, answer.text
            assert "x-litellm-response-cost" not in answer.headers
        assert client.post("/v1/moderations", json={"model": "nobody-knows", "input": "x"}).status_code == 200

        gateway.wait_for_metric("litellm_zero_cost_requests_total", 2, model="nobody-knows", api_provider="openai")
        # Whatever names clients make up, the label is the pattern's.
        gateway.wait_for_metric("litellm_zero_cost_requests_total", 2, model="free-*", api_provider="openai")
        assert gateway.rows("SELECT count(*) FROM budgets_ledgerentry WHERE price_id IS NULL AND amount_nano = 0") == [
            (5,)
        ]
