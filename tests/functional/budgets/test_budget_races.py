"""Many clients at once at one budget: exactly as many are served as it affords, and nobody is refused for nothing."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.budgets.money import (
    COST,
    COST_NANO,
    PRICES,
    TOKEN_DOLLARS,
    TOKENS,
    TWO_PROCESSES,
    ask,
    becomes,
    change,
    config,
    crowd,
    hashed,
    key_of,
    ledger_nano,
    several,
)
from tests.functional.management.answers import unique
from tests.gateway import Gateway, chat, model

CLIENTS = 64


@pytest.fixture(scope="module", params=["one process", "two processes"])
def racing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shared_upstream: FakeUpstream
) -> Iterator[Gateway]:
    """In memory, and on PostgreSQL and Redis."""
    data: Path = tmp_path_factory.mktemp("racing")
    if request.param == "one process":
        with Gateway(data, config(shared_upstream)) as started:
            yield started
        return
    for store in several(request):
        with Gateway(data, config(shared_upstream), store=store, arguments=TWO_PROCESSES) as started:
            yield started


def statuses(gateway: Gateway, key: str, count: int, **fields: Any) -> Counter[int]:
    answers = crowd(gateway, key, [chat(**fields)] * count, clients=CLIENTS)
    return Counter(answer.status for answer in answers)


@pytest.mark.parametrize("seconds", [0.0, 0.4], ids=["quick answers", "slow answers"])
def test_exactly_as_many_are_served_as_the_budget_affords(
    racing: Gateway, shared_upstream: FakeUpstream, seconds: float
) -> None:
    shared_upstream.latency_seconds = seconds
    count = 40
    key = key_of(racing, max_budget=count * COST)

    assert statuses(racing, key, 3 * count, max_tokens=TOKENS) == {200: count, 422: 2 * count}

    assert ledger_nano(racing, f"key_hash = '{hashed(key)}'") == count * COST_NANO
    assert len(shared_upstream.received) == count
    # Nothing is held any more, and nothing is left.
    assert "held" not in ask(racing, key, tokens=1).message
    change(racing, "/key/update", key=key, max_budget=(count + 1) * COST)
    assert [ask(racing, key).status for _ in range(2)] == [200, 422]


def test_a_deployment_serves_what_its_own_budget_affords_and_no_more(
    racing: Gateway, shared_upstream: FakeUpstream
) -> None:
    shared_upstream.latency_seconds = 0.2
    name = unique("m")
    bound = model(name, shared_upstream.url, **PRICES, max_budget=10 * COST)
    change(racing, "/model/new", **bound, model_info={"id": name})
    key = key_of(racing)
    becomes(lambda: ask(racing, key, model=name).status == 200)

    answers = crowd(racing, key, [chat(name, max_tokens=TOKENS)] * 30, clients=30)

    assert Counter(answer.status for answer in answers) == {200: 9, 429: 21}
    assert ledger_nano(racing, f"deployment_id = '{name}'") == 10 * COST_NANO
    refused = next(answer for answer in answers if answer.status == 429)
    assert "crossed budget: Exceeded budget for deployment" in refused.message


def test_the_tightest_of_several_budgets_decides_and_the_others_are_not_charged_for_who_is_refused(
    racing: Gateway, shared_upstream: FakeUpstream
) -> None:
    team = change(racing, "/team/new", team_id=unique("t"), max_budget=30 * COST)["team_id"]
    keys = [key_of(racing, team_id=team, max_budget=20 * COST) for _ in range(2)]

    assert statuses(racing, keys[0], 40, max_tokens=TOKENS) == {200: 20, 422: 20}
    assert statuses(racing, keys[1], 40, max_tokens=TOKENS) == {200: 10, 422: 30}
    assert ledger_nano(racing, f"team_id = '{team}'") == 30 * COST_NANO


def test_what_is_only_held_is_waited_for(racing: Gateway, shared_upstream: FakeUpstream) -> None:
    """Each holds ten times what it costs in the end, and all of them together cost what there is."""
    shared_upstream.latency_seconds = 0.1
    shared_upstream.completion_tokens = TOKENS
    # The last of them still finds room for the fewest tokens that an answer may have.
    key = key_of(racing, max_budget=40 * COST)

    assert statuses(racing, key, 40, max_tokens=10 * TOKENS) == {200: 40}

    assert ledger_nano(racing, f"key_hash = '{hashed(key)}'") == 40 * COST_NANO


def test_the_budget_is_used_up_whatever_the_answers_cost(racing: Gateway, shared_upstream: FakeUpstream) -> None:
    """Whoever comes last is given what is left; less than the fewest tokens is not."""
    limit = 999
    key = key_of(racing, max_budget=limit * TOKEN_DOLLARS)

    answers = crowd(racing, key, [chat(max_tokens=17 + 11 * (number % 9)) for number in range(120)], clients=CLIENTS)

    spent = ledger_nano(racing, f"key_hash = '{hashed(key)}'") // (COST_NANO // TOKENS)
    assert limit - 16 < spent <= limit
    assert {answer.status for answer in answers} == {200, 422}
    assert sum(one.completion_tokens for one in shared_upstream.billed) == spent


def test_streams_race_as_whole_answers_do(racing: Gateway, shared_upstream: FakeUpstream) -> None:
    key = key_of(racing, max_budget=20 * COST)

    assert statuses(racing, key, 60, max_tokens=TOKENS, stream=True) == {200: 20, 422: 40}
    assert ledger_nano(racing, f"key_hash = '{hashed(key)}'") == 20 * COST_NANO


def test_who_fails_upstream_leaves_room_for_others(racing: Gateway, shared_upstream: FakeUpstream) -> None:
    shared_upstream.script(*[openai_error(400, "no", "invalid_request_error")] * 30)
    key = key_of(racing, max_budget=20 * COST)

    assert statuses(racing, key, 80, max_tokens=TOKENS) == {400: 30, 200: 20, 422: 30}
