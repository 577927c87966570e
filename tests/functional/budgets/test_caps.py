"""No answer is dearer than what its budget has left, however it is asked for."""

from typing import Any

import pytest

from tests.fakes.server import Reply
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.budgets.money import (
    BUDGET,
    COST,
    COST_NANO,
    DEAR,
    TOKEN_DOLLARS,
    TOKENS,
    ask,
    exceeded,
    hashed,
    key_of,
    ledger_nano,
    masked,
)
from tests.functional.management.answers import unique
from tests.gateway import Gateway


@pytest.mark.parametrize(
    ("path", "fields", "limit"),
    [
        pytest.param("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}, "max_tokens"),
        pytest.param(
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": "Hi"}], "max_completion_tokens": 700},
            "max_completion_tokens",
        ),
        pytest.param("/v1/completions", {"prompt": "Hi"}, "max_tokens"),
        pytest.param("/v1/responses", {"input": "Hi"}, "max_output_tokens"),
        pytest.param(
            "/v1/messages", {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 700}, "max_tokens"
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_may_be_as_long_as_the_budget_affords(
    gateway: Gateway, shared_upstream: FakeUpstream, path: str, fields: dict[str, Any], limit: str, stream: bool
) -> None:
    key = key_of(gateway, max_budget=BUDGET)
    with gateway.client(key) as client:
        first, second = (
            client.post(path, json={"model": "gpt-4o", "stream": stream, **fields}).status_code for _ in range(2)
        )

    assert (first, second) == (200, 422)
    (received,) = shared_upstream.received
    assert received.json()[limit] == 2 * TOKENS
    assert ledger_nano(gateway, f"key_hash = '{hashed(key)}'") == 2 * COST_NANO


def test_several_answers_share_what_the_budget_affords(gateway: Gateway, shared_upstream: FakeUpstream) -> None:
    key = key_of(gateway, max_budget=4 * COST)

    assert ask(gateway, key, tokens=None, n=4).status == 200
    assert shared_upstream.received[0].json()["max_tokens"] == TOKENS


def test_a_budget_that_affords_no_answer_worth_the_name_refuses(gateway: Gateway) -> None:
    key = key_of(gateway, max_budget=15 * TOKEN_DOLLARS)

    answer = ask(gateway, key, tokens=None)
    assert (answer.status, answer.body["error"]["type"]) == (422, "budget_exceeded")
    # Whoever asks for less than that knows what for.
    assert ask(gateway, key, tokens=15).status == 200


EVASIONS = [
    pytest.param({"max_tokens": 1, "max_completion_tokens": 900}, id="the larger of two limits"),
    pytest.param({"max_completion_tokens": 1, "max_tokens": 900}, id="the larger of two limits, the other way round"),
    pytest.param({"max_output_tokens": 1}, id="a limit that no chat has"),
    pytest.param({"max_tokens": 0}, id="none at all"),
    pytest.param({"max_tokens": -1}, id="a limit below none"),
]


@pytest.mark.parametrize("limits", EVASIONS)
def test_no_way_of_saying_it_makes_an_answer_dearer_than_its_budget(
    gateway: Gateway, shared_upstream: FakeUpstream, limits: dict[str, int]
) -> None:
    key = key_of(gateway, max_budget=BUDGET)

    ask(gateway, key, tokens=None, **limits)

    assert ledger_nano(gateway, f"key_hash = '{hashed(key)}'") <= 2 * COST_NANO
    assert [one.completion_tokens for one in shared_upstream.billed if one.completion_tokens > 2 * TOKENS] == []


def test_what_an_upstream_bills_beyond_the_limit_counts_and_the_next_is_refused(
    gateway: Gateway, shared_upstream: FakeUpstream
) -> None:
    shared_upstream.script(Reply(body=completion(tokens=90)))
    key = key_of(gateway, key_alias=(alias := unique("k")), max_budget=BUDGET)

    assert ask(gateway, key).status == 200
    assert ask(gateway, key).message == exceeded(f"Key={alias} ({masked(key)})", 0.09, BUDGET)


def test_a_request_that_fails_upstream_leaves_its_budget_as_it_was(
    gateway: Gateway, shared_upstream: FakeUpstream
) -> None:
    key = key_of(gateway, max_budget=COST)
    shared_upstream.script(*[openai_error(400, "no", "invalid_request_error")] * 3)

    assert [ask(gateway, key).status for _ in range(5)] == [400, 400, 400, 200, 422]


def failing(upstream: FakeUpstream, times: int = 1) -> None:
    upstream.script(*[openai_error(500, "oops", "server_error")] * times)


def test_a_fallback_that_the_budget_does_not_afford_is_not_asked(
    gateway: Gateway, shared_upstream: FakeUpstream
) -> None:
    failing(shared_upstream)
    key = key_of(gateway, max_budget=BUDGET)

    assert ask(gateway, key, fallbacks=["dear"]).status == 500
    assert len(shared_upstream.received) == 1
    assert [ask(gateway, key).status for _ in range(3)] == [200, 200, 422]


def test_a_dearer_fallback_says_as_much_as_the_budget_affords(gateway: Gateway, shared_upstream: FakeUpstream) -> None:
    failing(shared_upstream)
    key = key_of(gateway, max_budget=DEAR * COST)

    assert ask(gateway, key, tokens=3 * TOKENS, fallbacks=["dear"]).headers["x-litellm-model-group"] == "dear"
    assert [one.json()["max_tokens"] for one in shared_upstream.received] == [3 * TOKENS, TOKENS]
    assert ledger_nano(gateway, f"key_hash = '{hashed(key)}'") == DEAR * COST_NANO
    assert ask(gateway, key).status == 422


def test_a_fallback_that_may_say_more_than_was_asked_for_is_held_for_all_of_it(
    gateway: Gateway, shared_upstream: FakeUpstream
) -> None:
    failing(shared_upstream)
    key = key_of(gateway, max_budget=BUDGET)

    assert ask(gateway, key, tokens=1, fallbacks=[{"model": "gpt-4o-mini", "max_tokens": 900}]).status == 200
    assert [one.json()["max_tokens"] for one in shared_upstream.received] == [1, 2 * TOKENS]
    assert ledger_nano(gateway, f"key_hash = '{hashed(key)}'") == 2 * COST_NANO


def test_a_fallback_counts_for_its_own_models_budget_alone(gateway: Gateway, shared_upstream: FakeUpstream) -> None:
    failing(shared_upstream)
    key = key_of(gateway, model_max_budget={name: {"budget_limit": COST} for name in ("gpt-4o", "gpt-4o-mini")})

    assert ask(gateway, key, fallbacks=["gpt-4o-mini"]).status == 200
    assert ask(gateway, key, model="gpt-4o-mini").status == 422
    assert ask(gateway, key).status == 200
    assert ask(gateway, key).status == 422


def test_a_fallback_leaves_nothing_held(gateway: Gateway, shared_upstream: FakeUpstream) -> None:
    key = key_of(gateway, max_budget=BUDGET, max_parallel_requests=1)
    for _ in range(3):
        failing(shared_upstream, 2)
        assert ask(gateway, key, fallbacks=["gpt-4o-mini"]).status == 500

    assert [ask(gateway, key).status for _ in range(3)] == [200, 200, 422]


def completion(*, tokens: int) -> dict[str, Any]:
    """What an upstream answers that heeds no limit."""
    usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": 1 + tokens}
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o", "choices": [choice], "usage": usage}
