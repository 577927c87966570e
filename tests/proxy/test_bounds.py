"""What a request may cost at most, whatever the words in which it says how much it wants."""

from typing import Any

import pytest

from budgets.core.pricing import Usage, cost
from proxy.bounds import asked_tokens, bound_of, capped, prompt_bytes_of
from proxy.core.calls import Call, parse_call
from proxy.core.operations import Operation
from proxy.registry import Group
from tests.proxy.deployments import built

pytestmark = pytest.mark.django_db
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
TEXT: dict[str, Any] = {"model": "m", "prompt": "Hi"}
RESPONSE: dict[str, Any] = {"model": "m", "input": "Hi"}
# Nano-dollars a token.
ASKED, SAID = 1_000, 10_000
MOST = 500


def group(*prices: float) -> Group:
    return Group.of(
        [
            built(
                "http://127.0.0.1:9",
                pk=f"d{price}",
                input_cost_per_token=ASKED / 1e9,
                output_cost_per_token=price / 1e9,
                info={"max_output_tokens": MOST},
            )
            for price in prices or (SAID,)
        ]
    )


def bound(operation: Operation, body: dict[str, Any], among: Group | None = None, prompt_bytes: int = 0) -> Any:
    call = parse_call(operation, body, route="/")
    return bound_of(call, among or group(), prompt_bytes=prompt_bytes)


@pytest.mark.parametrize(
    ("operation", "body", "tokens"),
    [
        pytest.param(Operation.CHAT, CHAT, MOST, id="nothing said: as long as the model can"),
        pytest.param(Operation.CHAT, {**CHAT, "max_tokens": 7}, 7, id="a limit"),
        pytest.param(Operation.CHAT, {**CHAT, "max_completion_tokens": 8}, 8, id="by its newer name"),
        pytest.param(
            Operation.CHAT, {**CHAT, "max_tokens": 1, "max_completion_tokens": 90}, 90, id="the larger of two"
        ),
        pytest.param(Operation.CHAT, {**CHAT, "max_output_tokens": 1}, MOST, id="the name of another operation"),
        pytest.param(Operation.CHAT, {**CHAT, "max_tokens": 0}, MOST, id="none is no limit"),
        pytest.param(Operation.CHAT, {**CHAT, "max_tokens": -5}, MOST, id="less than none is no limit"),
        pytest.param(Operation.CHAT, {**CHAT, "max_tokens": True}, MOST, id="a truth is no number"),
        pytest.param(Operation.CHAT, {**CHAT, "max_tokens": 2.5}, MOST, id="a fraction is no number of tokens"),
        pytest.param(Operation.CHAT, {**CHAT, "max_tokens": 7, "n": 3}, 21, id="several answers"),
        pytest.param(Operation.CHAT, {**CHAT, "max_tokens": 1, "n": 500}, 500, id="very many answers"),
        pytest.param(Operation.CHAT, {**CHAT, "max_tokens": 7, "best_of": 3}, 7, id="a word that chats do not know"),
        pytest.param(Operation.COMPLETION, {**TEXT, "max_tokens": 7, "n": 2}, 14, id="several completions"),
        pytest.param(Operation.COMPLETION, {**TEXT, "max_tokens": 7, "n": 2, "best_of": 5}, 35, id="the best of more"),
        pytest.param(
            Operation.COMPLETION, {**TEXT, "prompt": ["a", "b", "c"], "max_tokens": 7, "n": 2}, 42, id="several prompts"
        ),
        pytest.param(
            Operation.COMPLETION, {**TEXT, "prompt": [1, 2, 3], "max_tokens": 7}, 7, id="one prompt of tokens"
        ),
        pytest.param(
            Operation.COMPLETION, {**TEXT, "prompt": [[1, 2], [3]], "max_tokens": 7}, 14, id="two prompts of tokens"
        ),
        pytest.param(Operation.RESPONSES, {**RESPONSE, "max_output_tokens": 7}, 7, id="a response"),
        pytest.param(Operation.RESPONSES, {**RESPONSE, "max_tokens": 1}, MOST, id="a limit that no response has"),
    ],
)
def test_the_ceiling_is_of_all_the_tokens_that_may_be_generated(
    operation: Operation, body: dict[str, Any], tokens: int
) -> None:
    assert bound(operation, body).ceiling_nano == tokens * SAID


def test_the_ceiling_is_of_the_dearest_and_of_the_whole_prompt() -> None:
    found = bound(Operation.CHAT, {**CHAT, "max_tokens": 100}, group(10, 30, 20), prompt_bytes=50)

    assert found.ceiling_nano == 50 * ASKED + 100 * 30
    assert found.floor_nano == 50 * ASKED + 16 * 30
    assert found.affordable(50 * ASKED + 60 * 30) == 60


@pytest.mark.parametrize(
    ("operation", "body", "limits"),
    [
        (Operation.CHAT, {}, {"max_tokens": 40}),
        (Operation.CHAT, {"max_tokens": 90}, {"max_tokens": 40}),
        (Operation.CHAT, {"max_tokens": 9}, {"max_tokens": 9}),
        (Operation.CHAT, {"max_tokens": 0}, {"max_tokens": 40}),
        (Operation.CHAT, {"max_completion_tokens": 90}, {"max_completion_tokens": 40}),
        (
            Operation.CHAT,
            {"max_tokens": None, "max_completion_tokens": 90},
            {"max_tokens": 40, "max_completion_tokens": 40},
        ),
        (Operation.RESPONSES, {"max_tokens": 90}, {"max_tokens": 90, "max_output_tokens": 40}),
        (Operation.EMBEDDING, {"input": "Hi"}, {"input": "Hi"}),
    ],
)
def test_a_body_is_capped_under_each_name_that_may_count(
    operation: Operation, body: dict[str, Any], limits: dict[str, Any]
) -> None:
    assert capped(operation, body, 40) == limits
    assert (asked_tokens(operation, capped(operation, body, 40)) or 0) <= 40


def test_what_a_deployment_asks_for_where_the_client_says_nothing_is_its_bound() -> None:
    prices = {"input_cost_per_token": 0, "output_cost_per_token": SAID / 1e9}
    generous = Group.of([built("http://127.0.0.1:9", pk="d", info={"max_output_tokens": 9}, max_tokens=70, **prices)])

    assert bound(Operation.CHAT, CHAT, generous).ceiling_nano == 70 * SAID
    assert bound(Operation.CHAT, {**CHAT, "max_tokens": 7}, generous).ceiling_nano == 7 * SAID


def test_who_has_no_price_has_no_bound() -> None:
    unpriced = Group.of([built("http://127.0.0.1:9", pk="d", model="openai/nobody-knows")])

    assert bound(Operation.CHAT, CHAT, unpriced) == bound_of(
        parse_call(Operation.CHAT, CHAT, route="/"), Group(()), prompt_bytes=0
    )
    assert bound(Operation.CHAT, CHAT, unpriced).ceiling_nano == 0


def say(text: str) -> Call:
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return parse_call(Operation.CHAT, body, route="/")


@pytest.mark.parametrize("text", ["", "Hi", "ünïcödé", "日本語の文", "x" * 5000])
def test_a_prompt_has_no_more_tokens_than_its_text_has_bytes(text: str) -> None:
    assert len(text.encode()) < prompt_bytes_of(say(text), sent=10**6) < len(text.encode()) + 40


def test_a_picture_counts_as_the_most_it_may_be_and_its_bytes_do_not() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    body = {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, picture]}]}
    call = parse_call(Operation.CHAT, body, route="/")
    found = bound_of(call, group(), prompt_bytes=prompt_bytes_of(call, sent=100_200))

    assert 3000 < found.prompt_tokens < 3200


def test_what_is_afforded_costs_no_more_than_was_held() -> None:
    found = bound(Operation.CHAT, {**CHAT, "n": 2}, prompt_bytes=50)
    price = found.prices[0]
    for nano in range(found.floor_nano, found.floor_nano + 30_000, 997):
        usage = Usage(prompt_tokens=found.prompt_tokens, completion_tokens=found.affordable(nano) * 2)
        assert cost(usage, price).total <= nano
