"""Which deployment is asked: names, weights, tiers, tags, limits, and what an admin took out of service."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.fakes.upstream import FakeUpstream
from tests.functional.routing.conftest import Start, entry
from tests.gateway import MASTER_KEY, Gateway, chat


def ask(gateway: Gateway, *, key: str = MASTER_KEY, **fields: Any) -> httpx.Response:
    with gateway.client(key) as client:
        return client.post("/v1/chat/completions", json=chat(**fields))


def test_alias_stands_for_its_group(start: Start, upstreams: list[FakeUpstream]) -> None:
    aliases = {"gpt-4": "gpt-4o", "unlisted": {"model": "gpt-4o", "hidden": True}}
    gateway = start([entry("gpt-4o", upstreams[0])], {"model_group_alias": aliases})

    for alias in aliases:
        response = ask(gateway, model=alias)
        assert response.status_code == 200
        assert response.json()["model"] == alias
    with gateway.client() as client:
        assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["gpt-4", "gpt-4o"]


def test_most_specific_pattern_serves_and_the_name_goes_upstream(start: Start, upstreams: list[FakeUpstream]) -> None:
    one, two, _ = upstreams
    gateway = start([entry("openai/*", one, model="openai/*"), entry("openai/gpt-4o*", two, model="openai/gpt-4o*")])
    assert ask(gateway, model="openai/gpt-4o-mini").status_code == 200
    assert ask(gateway, model="openai/gpt-4.1").status_code == 200

    assert two.received[0].json()["model"] == "gpt-4o-mini"
    assert one.received[0].json()["model"] == "gpt-4.1"
    amounts = gateway.rows("SELECT amount_nano > 0 FROM budgets_ledgerentry")
    assert [bool(amount) for (amount,) in amounts] == [True, True]


def test_names_that_clients_make_up_become_no_metric_labels(start: Start, upstreams: list[FakeUpstream]) -> None:
    gateway = start([entry("openai/*", upstreams[0], model="openai/*")])
    for number in range(5):
        assert ask(gateway, model=f"openai/made-up-{number}").status_code == 200

    assert "made-up" not in str(gateway.metrics())


def test_weight_0_is_never_picked_while_another_is_well(start: Start, upstreams: list[FakeUpstream]) -> None:
    one, two, _ = upstreams
    gateway = start([entry("gpt-4o", one, weight=0), entry("gpt-4o", two, weight=1)])
    for _ in range(12):
        assert ask(gateway).status_code == 200

    assert not one.received


def test_second_tier_serves_only_when_the_first_is_out(start: Start, upstreams: list[FakeUpstream]) -> None:
    one, two, _ = upstreams
    gateway = start([entry("gpt-4o", one, order=1), entry("gpt-4o", two, order=2)])
    for _ in range(6):
        assert ask(gateway).status_code == 200
    assert not two.received
    one.close()
    assert ask(gateway).status_code == 200

    assert len(two.received) == 1


def test_tags_choose(start: Start, upstreams: list[FakeUpstream]) -> None:
    free, paid, default = upstreams
    gateway = start(
        [
            entry("gpt-4o", free, tags=["free"]),
            entry("gpt-4o", paid, tags=["paid"]),
            entry("gpt-4o", default, tags=["default"]),
        ],
        {"enable_tag_filtering": True},
    )
    assert ask(gateway, tags=["paid"]).status_code == 200
    assert ask(gateway, metadata={"tags": ["free"]}).status_code == 200
    assert ask(gateway).status_code == 200

    assert [len(upstream.received) for upstream in upstreams] == [1, 1, 1]


def test_tags_that_nobody_has_are_refused(start: Start, upstreams: list[FakeUpstream]) -> None:
    gateway = start([entry("gpt-4o", upstreams[0], tags=["paid"])], {"enable_tag_filtering": True})
    response = ask(gateway, tags=["nobody"])

    assert response.status_code == 401
    assert response.json()["error"]["message"] == "Not allowed to access model due to tags configuration"


def test_full_deployment_is_passed_over(start: Start, upstreams: list[FakeUpstream]) -> None:
    one, two, _ = upstreams
    one.latency_seconds = two.latency_seconds = 0.5
    gateway = start(
        [entry("gpt-4o", one, max_parallel_requests=1), entry("gpt-4o", two, max_parallel_requests=1)],
        {"num_retries": 0},
    )
    with ThreadPoolExecutor(3) as pool:
        statuses = sorted(response.status_code for response in pool.map(lambda _: ask(gateway), range(3)))

    assert statuses == [200, 200, 429]
    assert len(one.received) == len(two.received) == 1


def test_rpm_of_a_deployment_holds_where_it_is_enforced(start: Start, upstreams: list[FakeUpstream]) -> None:
    one, two, _ = upstreams
    gateway = start(
        [entry("gpt-4o", one, rpm=2), entry("gpt-4o", two, rpm=3)],
        {"routing_strategy": "usage-based-routing-v2", "num_retries": 0},
    )
    statuses = [ask(gateway).status_code for _ in range(6)]

    assert statuses == [200] * 5 + [429]
    assert (len(one.received), len(two.received)) == (2, 3)


def test_fastest_is_preferred(start: Start, upstreams: list[FakeUpstream]) -> None:
    slow, fast, _ = upstreams
    slow.latency_seconds = 0.15
    gateway = start([entry("gpt-4o", slow), entry("gpt-4o", fast)], {"routing_strategy": "latency-based-routing"})
    for _ in range(12):
        assert ask(gateway).status_code == 200

    assert len(fast.received) > len(slow.received) * 3


def test_cheapest_is_preferred(start: Start, upstreams: list[FakeUpstream]) -> None:
    dear, cheap, _ = upstreams
    gateway = start(
        [
            entry("gpt-4o", dear, input_cost_per_token=1e-5, output_cost_per_token=1e-5),
            entry("gpt-4o", cheap, input_cost_per_token=1e-6, output_cost_per_token=1e-6),
        ],
        {"routing_strategy": "cost-based-routing"},
    )
    for _ in range(5):
        assert ask(gateway).status_code == 200

    assert not dear.received


def test_prompt_that_fits_nowhere_else_goes_where_it_fits(start: Start, upstreams: list[FakeUpstream]) -> None:
    small, large, _ = upstreams
    entries = [entry("gpt-4o", small), entry("gpt-4o", large)]
    entries[0]["model_info"] = {"id": "small", "max_input_tokens": 50}
    entries[1]["model_info"] = {"id": "large", "max_input_tokens": 100_000}
    gateway = start(entries, {"enable_pre_call_checks": True})
    for _ in range(6):
        assert ask(gateway, content="long " * 200).status_code == 200

    assert not small.received


def test_drained_deployment_gets_no_new_requests(start: Start, upstreams: list[FakeUpstream]) -> None:
    one, two, _ = upstreams
    gateway = start([entry("gpt-4o", one, deployment="one"), entry("gpt-4o", two, deployment="two")])
    with gateway.client() as admin:
        assert admin.post("/model/block", json={"model_id": "one"}).status_code == 200
    for _ in range(8):
        assert ask(gateway).status_code == 200

    assert not one.received


def test_provider_over_its_budget_serves_no_more(start: Start, upstreams: list[FakeUpstream]) -> None:
    budget = {"openai": {"budget_limit": 0.001, "time_period": "1d"}}
    gateway = start([entry("gpt-4o", upstreams[0])], {"provider_budget_config": budget})
    assert ask(gateway, max_tokens=5).status_code == 200
    deadline = time.monotonic() + 10
    while (response := ask(gateway, max_tokens=5)).status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.05)

    assert response.status_code == 429
    assert response.json()["error"]["message"].startswith(
        "No deployments available - crossed budget: Exceeded budget for provider openai:"
    )


@pytest.mark.parametrize("stored_on", ["key", "team"])
def test_router_settings_of_key_or_team_go_before_the_clients(
    start: Start, upstreams: list[FakeUpstream], stored_on: str
) -> None:
    gateway = start([entry("a", upstreams[0]), entry("b", upstreams[1])], {"num_retries": 0})
    stored = {"router_settings": {"fallbacks": [{"a": ["b"]}]}}
    with gateway.client() as admin:
        body: dict[str, Any] = dict(stored) if stored_on == "key" else {}
        if stored_on == "team":
            body["team_id"] = admin.post("/team/new", json={"team_alias": "t", **stored}).json()["team_id"]
        key = admin.post("/key/generate", json=body).json()["key"]
    upstreams[0].close()
    response = ask(gateway, key=key, model="a", router_settings_override={"fallbacks": []})

    assert response.status_code == 200, response.text
    assert response.headers["x-litellm-model-group"] == "b"


def test_slow_answer_is_hedged(start: Start, upstreams: list[FakeUpstream]) -> None:
    slow, fast, _ = upstreams
    slow.latency_seconds = 1.5
    gateway = start([entry("gpt-4o", slow, order=1), entry("gpt-4o", fast, order=1)], {"hedge_after": 0.1})
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda _: ask(gateway), range(4)))

    assert {response.status_code for response in responses} == {200}
    assert time.monotonic() - began < 1.2
    # Who was too slow is paid for all the same.
    entries = len(slow.received) + len(fast.received)
    assert (
        len(gateway.wait_for_rows("SELECT status FROM budgets_ledgerentry WHERE status = 'success'", entries))
        == entries
    )
    assert gateway.metric("litellm_proxy_total_requests_metric_total") == 4


@pytest.mark.parametrize(
    ("grants", "model", "status"),
    [
        (["openai/*"], "gpt-4o", 200),
        (["openai/*"], "private", 403),
        (["gpt-4o"], "nickname", 200),
        (["nickname"], "nickname", 200),
        (["nickname"], "gpt-4o", 403),
        (["openai/*"], "openai/gpt-4o-mini", 200),
        (["anthropic/*"], "gpt-4o", 403),
    ],
)
def test_what_a_grant_covers(
    start: Start, upstreams: list[FakeUpstream], grants: list[str], model: str, status: int
) -> None:
    gateway = start(
        [
            entry("gpt-4o", upstreams[0]),
            entry("private", upstreams[1]),
            entry("openai/*", upstreams[2], model="openai/*"),
        ],
        {"model_group_alias": {"nickname": "gpt-4o"}},
    )
    with gateway.client() as admin:
        key = admin.post("/key/generate", json={"models": grants}).json()["key"]

    assert ask(gateway, key=key, model=model).status_code == status
