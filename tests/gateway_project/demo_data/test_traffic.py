"""The demo's requests themselves: when they come, and that a seed makes them again."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

from budgets.core.pricing import Usage, cost
from gateway_project.demo_data import cast
from gateway_project.demo_data.shape import arrivals
from gateway_project.demo_data.traffic import OUTAGE_BEFORE, OUTAGE_LASTS, Request, Traffic
from proxy.core.trace import Attempted

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
PRICE_IDS = {upstream.id: number for number, group in enumerate(cast.GROUPS) for upstream in group.upstreams}


def requests(count: int = 3000, seed: int = 7) -> list[Request]:
    return list(Traffic(seed=seed, now=NOW, days=30, count=count, price_ids=PRICE_IDS).requests())


def test_as_many_come_as_are_asked_for_in_order_and_within_the_days() -> None:
    for count in (1, 777, 5000):
        found = list(arrivals(count, days=30, now=NOW, random=Random(1)))

        assert len(found) == count
        assert found == sorted(found)
        assert NOW - timedelta(days=30) <= found[0] <= found[-1] < NOW


def test_by_day_and_on_working_days_more_come_than_by_night_and_on_sundays() -> None:
    found = list(arrivals(20_000, days=28, now=NOW, random=Random(1)))
    hours, days = Counter(at.hour for at in found), Counter(at.weekday() for at in found)

    assert hours[10] > 5 * hours[3]
    assert days[1] > 2 * days[6]


def test_a_seed_makes_the_same_requests_again_and_another_others() -> None:
    assert requests(200) == requests(200)
    assert requests(200) != requests(200, seed=8)


def test_an_answer_costs_what_its_price_says_and_a_failure_nothing() -> None:
    for request in requests():
        for entry in request.entries:
            if entry.status == "failure":
                assert (entry.amount_nano, entry.prompt_tokens, entry.price_id) == (0, 0, None)
                continue
            usage = Usage(entry.prompt_tokens, entry.completion_tokens, entry.cached_tokens)
            assert entry.amount_nano == cost(usage, cast.GROUP[entry.model_group].price).total > 0
            assert entry.price_id == PRICE_IDS[entry.deployment_id]
            assert entry.cached_tokens <= entry.prompt_tokens
        assert request.trace.amount_nano == sum(entry.amount_nano for entry in request.entries)


def test_a_trace_tells_of_the_attempts_that_the_ledger_has() -> None:
    for request in requests():
        steps = [step for step in request.trace.steps if isinstance(step, Attempted)]
        assert [(one.number, one.deployment, one.status) for one in steps] == [
            (one.attempt, one.deployment_id, one.status_code) for one in request.entries
        ]
        assert request.trace.status == request.entries[-1].status_code
        assert {one.request_id for one in request.entries} == {request.trace.request_id}


def test_there_are_failures_fallbacks_cache_reads_and_an_outage() -> None:
    found = requests(20_000)
    entries = [entry for request in found for entry in request.entries]
    began = NOW - OUTAGE_BEFORE
    out = [
        one.status
        for one in entries
        if one.deployment_id == cast.AZURE.id and began <= one.started_at < began + OUTAGE_LASTS
    ]

    assert any(one.cached_tokens for one in entries)
    assert any(one.model_group != one.requested_model and one.status == "success" for one in entries)
    assert any(request.trace.status != 200 for request in found)
    assert out.count("failure") > out.count("success")
