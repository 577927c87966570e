"""Rates and requests in flight, in one process and over two: never one more than the limit, and never one fewer."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.server import Reply
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.budgets.money import (
    COST,
    TWO_PROCESSES,
    Answered,
    ask,
    becomes,
    change,
    config,
    crowd,
    hashed,
    key_of,
    ledger_count,
    several,
    team_with_member,
)
from tests.functional.management.answers import unique
from tests.gateway import Gateway, chat

MOST, TRIES = 5, 20
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


@pytest.fixture(scope="module", params=["one process", "two processes"])
def limiting(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shared_upstream: FakeUpstream
) -> Iterator[Gateway]:
    """In memory, and on PostgreSQL and Redis."""
    data: Path = tmp_path_factory.mktemp("limiting")
    if request.param == "one process":
        with Gateway(data, config(shared_upstream)) as started:
            yield started
        return
    for store in several(request):
        with Gateway(data, config(shared_upstream), store=store, arguments=TWO_PROCESSES) as started:
            yield started


@pytest.fixture(autouse=True)
def _short_answers(shared_upstream: FakeUpstream, _long_answers: None) -> None:
    shared_upstream.completion_tokens = 2


@dataclass(frozen=True)
class Limited:
    """Whose requests are limited: `name` as LiteLLM has it in headers, `value` as the refusal has it."""

    key: str
    name: str
    value: str
    fields: dict[str, Any] = field(default_factory=dict)


Limits = dict[str, int]


def key_itself(gateway: Gateway, limits: Limits) -> Limited:
    key = key_of(gateway, **limits)
    return Limited(key, "api_key", hashed(key))


def shared_budget(gateway: Gateway, limits: Limits) -> Limited:
    budget = change(gateway, "/budget/new", budget_id=unique("b"), **limits)["budget_id"]
    key = key_of(gateway, budget_id=budget)
    return Limited(key, "api_key", hashed(key))


def team(gateway: Gateway, limits: Limits) -> Limited:
    name = change(gateway, "/team/new", team_id=unique("t"), **limits)["team_id"]
    return Limited(key_of(gateway, team_id=name), "team", name)


def member(gateway: Gateway, limits: Limits) -> Limited:
    name, user = team_with_member(gateway, {}, limits)
    return Limited(key_of(gateway, team_id=name, user_id=user), "team_member", f"{user} in team {name}")


def user(gateway: Gateway, limits: Limits) -> Limited:
    name = unique("u")
    change(gateway, "/user/new", user_id=name, auto_create_key=False, **limits)
    return Limited(key_of(gateway, user_id=name), "user", name)


def organization(gateway: Gateway, limits: Limits) -> Limited:
    name = unique("o")
    change(gateway, "/organization/new", organization_id=name, organization_alias=name, **limits)
    return Limited(key_of(gateway, organization_id=name), "organization", name)


def customer(gateway: Gateway, limits: Limits) -> Limited:
    name = change(gateway, "/customer/new", user_id=unique("c"), **limits)["user_id"]
    return Limited(key_of(gateway), "end_user", name, {"user": name})


def every_member(gateway: Gateway, limits: Limits) -> Limited:
    name, user = team_with_member(gateway, {f"team_member_{kind}": most for kind, most in limits.items()}, {})
    return Limited(key_of(gateway, team_id=name, user_id=user), "team_member", f"{user} in team {name}")


def model_of_key(gateway: Gateway, limits: Limits) -> Limited:
    key = key_of(gateway, **{f"model_{kind}": {"gpt-4o": most} for kind, most in limits.items()})
    return Limited(key, "model_per_key", f"{hashed(key)}:gpt-4o")


def model_of_team(gateway: Gateway, limits: Limits) -> Limited:
    given = {f"model_{kind}": {"gpt-4o": most} for kind, most in limits.items()}
    name = change(gateway, "/team/new", team_id=unique("t"), **given)["team_id"]
    return Limited(key_of(gateway, team_id=name), "model_per_team", f"{name}:gpt-4o")


def tag_of_key(gateway: Gateway, limits: Limits) -> Limited:
    key = key_of(gateway, tag_rpm_limit={"batch": limits["rpm_limit"]})
    return Limited(key, "tag_per_key", f"{hashed(key)}:batch", {"tags": ["batch", "other"]})


Scope = Callable[[Gateway, Limits], Limited]
OWNERS: list[Scope] = [key_itself, shared_budget, team, member, user, organization, customer]
RATED: list[Scope] = [*OWNERS, every_member, model_of_key, model_of_team, tag_of_key]


def ensure_told(answer: Answered, limited: Limited, kind: str, most: int) -> None:
    """In LiteLLM's words, with when to come again."""
    error = answer.body["error"]
    assert (error["type"], error["param"], error["code"]) == ("throttling_error", None, "429")
    told = (
        f"Rate limit exceeded for {re.escape(f'{limited.name}: {limited.value}')}. Limit type: {kind}. "
        rf"Current limit: {most}, Remaining: \d+. Limit resets at: ({TIME})"
    )
    found = re.fullmatch(told, error["message"])
    assert found, error["message"]
    assert answer.headers["rate_limit_type"] == kind
    assert answer.headers["reset_at"] == found[1]
    resets_at = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    seconds = timedelta(seconds=int(answer.headers["retry-after"]))
    assert abs(datetime.now(UTC) + seconds - resets_at) < timedelta(seconds=15)


@pytest.mark.parametrize("scope", RATED, ids=lambda scope: scope.__name__)
def test_of_many_requests_at_once_exactly_as_many_are_served_as_the_rate_allows(
    limiting: Gateway, shared_upstream: FakeUpstream, scope: Scope
) -> None:
    limited = scope(limiting, {"rpm_limit": MOST})
    before = ledger_count(limiting)

    answers = crowd(limiting, limited.key, [chat(**limited.fields)] * TRIES, clients=TRIES)

    assert Counter(answer.status for answer in answers) == {200: MOST, 429: TRIES - MOST}
    header = f"x-ratelimit-{limited.name}-%s-requests"
    served = [answer for answer in answers if answer.status == 200]
    assert {answer.headers[header % "limit"] for answer in served} == {str(MOST)}
    assert sorted(int(answer.headers[header % "remaining"]) for answer in served) == list(range(MOST))
    for answer in answers:
        if answer.status == 429:
            ensure_told(answer, limited, "requests", MOST)
            assert 1 <= int(answer.headers["retry-after"]) <= 61
    assert len(shared_upstream.received) == MOST
    assert ledger_count(limiting) == before + MOST


@pytest.mark.parametrize("scope", OWNERS, ids=lambda scope: scope.__name__)
def test_of_many_requests_at_once_exactly_as_many_are_in_flight_as_may_be(
    limiting: Gateway, shared_upstream: FakeUpstream, scope: Scope
) -> None:
    most, tries = 3, 12
    limited = scope(limiting, {"max_parallel_requests": most})
    shared_upstream.latency_seconds = 1.5

    answers = crowd(limiting, limited.key, [chat(**limited.fields)] * tries, clients=tries)

    assert Counter(answer.status for answer in answers) == {200: most, 429: tries - most}
    header = f"x-ratelimit-{limited.name}-%s-max_parallel_requests"
    served = [answer for answer in answers if answer.status == 200]
    assert {answer.headers[header % "limit"] for answer in served} == {str(most)}
    assert sorted(int(answer.headers[header % "remaining"]) for answer in served) == [0, 1, 2]
    for answer in answers:
        if answer.status == 429:
            ensure_told(answer, limited, "max_parallel_requests", most)
    shared_upstream.latency_seconds = 0.0
    again = crowd(limiting, limited.key, [chat(**limited.fields)] * 10, clients=1)
    assert Counter(answer.status for answer in again) == {200: 10}


@pytest.mark.parametrize("scope", [key_itself, team, customer, model_of_key], ids=lambda scope: scope.__name__)
def test_tokens_are_counted_as_expected_and_corrected_to_what_was_used(
    limiting: Gateway, shared_upstream: FakeUpstream, scope: Scope
) -> None:
    limited = scope(limiting, {"tpm_limit": 300})
    body = chat(max_tokens=200, **limited.fields)
    shared_upstream.latency_seconds = 0.7

    together = crowd(limiting, limited.key, [body] * 4, clients=4)

    assert Counter(answer.status for answer in together) == {200: 1, 429: 3}
    for answer in together:
        if answer.status == 429:
            ensure_told(answer, limited, "tokens", 300)
    shared_upstream.latency_seconds = 0.0
    one_by_one = crowd(limiting, limited.key, [body] * 5, clients=1)
    assert Counter(answer.status for answer in one_by_one) == {200: 5}
    header = f"x-ratelimit-{limited.name}-%s-tokens"
    assert one_by_one[0].headers[header % "limit"] == "300"
    left = [int(answer.headers[header % "remaining"]) for answer in one_by_one]
    used = shared_upstream.billed[0].prompt_tokens + 2
    assert [earlier - later for earlier, later in pairwise(left)] == [used] * 4

    shared_upstream.completion_tokens = 400
    talkative = chat(**limited.fields)
    assert [answer.status for answer in crowd(limiting, limited.key, [talkative] * 2, clients=1)] == [200, 429]


def test_tokens_of_a_day_are_limited_too(limiting: Gateway, shared_upstream: FakeUpstream) -> None:
    limited = key_itself(limiting, {"tpd_limit": 300})
    shared_upstream.completion_tokens = 150

    answers = [ask(limiting, limited.key, tokens=150) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 429]
    ensure_told(answers[1], limited, "tokens", 300)
    assert int(answers[1].headers["retry-after"]) > 3600


def test_a_team_s_rates_are_for_all_its_keys_together(limiting: Gateway) -> None:
    for make, limits in ((team, {"rpm_limit": 4}), (model_of_team, {"rpm_limit": 4})):
        limited = make(limiting, limits)
        name = limited.value.partition(":")[0]
        other = key_of(limiting, team_id=name)

        assert [ask(limiting, key).status for key in (limited.key, other, limited.key, other)] == [200] * 4
        assert [ask(limiting, key).status for key in (limited.key, other)] == [429, 429]


def test_who_is_refused_by_one_limit_is_counted_by_no_other(limiting: Gateway, shared_upstream: FakeUpstream) -> None:
    name = change(limiting, "/team/new", team_id=unique("t"), rpm_limit=3)["team_id"]
    key, other = key_of(limiting, team_id=name, rpm_limit=4), key_of(limiting, team_id=name)
    busy = key_of(limiting, rpm_limit=5, max_parallel_requests=1)
    poor = key_of(limiting, rpm_limit=3, max_budget=COST)
    shared_upstream.completion_tokens = 1_000_000

    assert [ask(limiting, one).status for one in (key, other, other, key, key, key)] == [200] * 3 + [429] * 3
    assert [ask(limiting, poor).status for _ in range(4)] == [200, 422, 422, 422]
    change(limiting, "/key/update", key=poor, max_budget=9 * COST)
    becomes(lambda: ask(limiting, poor).status != 422)
    assert [ask(limiting, poor).status for _ in range(2)] == [200, 429]
    shared_upstream.latency_seconds = 1.5
    assert Counter(answer.status for answer in crowd(limiting, busy, [chat()] * 8, clients=8)) == {200: 1, 429: 7}
    shared_upstream.latency_seconds = 0.0
    assert [ask(limiting, busy).status for _ in range(5)] == [200] * 4 + [429]


def test_a_limit_that_is_changed_counts_from_the_next_request_on(limiting: Gateway) -> None:
    key = key_of(limiting, rpm_limit=2)
    assert [ask(limiting, key).status for _ in range(3)] == [200, 200, 429]

    change(limiting, "/key/update", key=key, rpm_limit=3)
    becomes(lambda: ask(limiting, key).status == 200)
    assert ask(limiting, key).status == 429
    change(limiting, "/key/update", key=key, rpm_limit=None)
    becomes(lambda: ask(limiting, key).status == 200)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(openai_error(500, "oops", "server_error"), id="an error"),
        pytest.param(openai_error(400, "no", "invalid_request_error"), id="the client's own error"),
        pytest.param(Reply(drop=True), id="a connection that is reset"),
        pytest.param(Reply(body=b"{", headers={"content-type": "application/json"}), id="an answer that is none"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_slot_is_free_again_after_a_failure(
    limiting: Gateway, shared_upstream: FakeUpstream, reply: Reply, stream: bool
) -> None:
    key = key_of(limiting, max_parallel_requests=1)
    shared_upstream.script(reply, reply)

    assert [ask(limiting, key, stream=stream).status == 429 for _ in range(2)] == [False, False]
    assert ask(limiting, key, stream=stream).status == 200


def test_a_slot_is_free_again_after_a_stream_that_broke(limiting: Gateway, shared_upstream: FakeUpstream) -> None:
    key = key_of(limiting, max_parallel_requests=1)
    shared_upstream.cut_after_chunks = 2
    try:
        for _ in range(3):
            assert ask(limiting, key, stream=True).status == 200
    finally:
        shared_upstream.cut_after_chunks = None
    assert ask(limiting, key).status == 200


def test_a_slot_is_free_again_when_the_client_of_a_stream_has_left(
    limiting: Gateway, shared_upstream: FakeUpstream
) -> None:
    key = key_of(limiting, max_parallel_requests=1)
    shared_upstream.chunk_delay_seconds = 0.3
    try:
        with (
            limiting.client(key) as client,
            client.stream("POST", "/v1/chat/completions", json=chat(stream=True)) as answer,
        ):
            next(answer.iter_lines())
            assert ask(limiting, key).status == 429
    finally:
        shared_upstream.chunk_delay_seconds = 0.0
    becomes(lambda: ask(limiting, key).status == 200)


def test_a_slot_is_free_again_when_the_client_has_not_waited_for_its_answer(
    limiting: Gateway, shared_upstream: FakeUpstream
) -> None:
    key = key_of(limiting, max_parallel_requests=1)
    shared_upstream.latency_seconds = 1.0
    with limiting.client(key) as client, pytest.raises(httpx.ReadTimeout):
        client.post("/v1/chat/completions", json=chat(), timeout=0.4)
    shared_upstream.latency_seconds = 0.0

    becomes(lambda: ask(limiting, key).status == 200)


@pytest.fixture(scope="module")
def crowded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shared_upstream: FakeUpstream
) -> Iterator[Gateway]:
    """Two processes that have a limit for each key, and one for everybody."""
    limits = {"max_parallel_requests": 3, "global_max_parallel_requests": 5}
    for store in several(request):
        with Gateway(
            tmp_path_factory.mktemp("crowded"),
            config(shared_upstream, general_settings=limits),
            store=store,
            arguments=TWO_PROCESSES,
        ) as started:
            yield started


def test_settings_limit_what_is_in_flight_for_each_key_and_for_all(
    crowded: Gateway, shared_upstream: FakeUpstream
) -> None:
    keys = [key_of(crowded), key_of(crowded), key_of(crowded, max_parallel_requests=1)]
    shared_upstream.latency_seconds = 2.0

    def statuses(key: str) -> Counter[int]:
        return Counter(answer.status for answer in crowd(crowded, key, [chat()] * 8, clients=8))

    assert statuses(keys[0]) == {200: 3, 429: 5}
    assert statuses(keys[2]) == {200: 1, 429: 7}
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(statuses, keys[:2]))
    assert sum((one for one in found), Counter()) == {200: 5, 429: 11}
    assert max(one[200] for one in found) <= 3
    shared_upstream.latency_seconds = 0.0
    began = time.monotonic()
    refused = [answer for answer in crowd(crowded, keys[0], [chat()] * 6, clients=1) if answer.status != 200]
    assert (refused, time.monotonic() - began < 20) == ([], True)
