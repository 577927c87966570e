"""Admission in one process: tables, and properties over whatever may happen."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgets.core.admission import (
    MAX_NANO,
    Answer,
    Ask,
    CounterCheck,
    Granted,
    MeterCheck,
    Op,
    ParallelCheck,
    Refused,
    RefusedBy,
    Seed,
    Settle,
    Unseeded,
    settlement,
)
from budgets.core.local_admission import SEEDING_MS, LocalAdmission

NOW = 1_700_000_000_000
LATER = 1_800_000_000  # when the counters expire, in seconds
_property = settings(deadline=None, max_examples=200)


def counter(key: str = "team", limit: int = 100, expires_at: int = LATER) -> CounterCheck:
    return CounterCheck(key, limit, expires_at)


def meter(key: str = "rpm", requests: int | None = None, tokens: int | None = None, seconds: int = 60) -> MeterCheck:
    return MeterCheck(key, seconds, requests, tokens)


def run(admission: LocalAdmission, *ops: Op, at: int = NOW) -> list[Answer | None]:
    return admission.run(ops, now_ms=at)


def ask(admission: LocalAdmission, at: int = NOW, **facts: Any) -> Answer:
    (answer,) = run(admission, Ask(1, **facts), at=at)
    assert answer is not None
    return answer


def granted(admission: LocalAdmission, at: int = NOW, **facts: Any) -> Granted:
    answer = ask(admission, at, **facts)
    assert isinstance(answer, Granted)
    return answer


def refused(admission: LocalAdmission, at: int = NOW, **facts: Any) -> Refused:
    answer = ask(admission, at, **facts)
    assert isinstance(answer, Refused)
    return answer


def seeded(**spent: int) -> LocalAdmission:
    admission = LocalAdmission()
    run(admission, *(Seed(key, nano, LATER) for key, nano in spent.items()))
    return admission


@pytest.mark.parametrize(
    ("spent", "held", "ceiling", "floor", "hold"),
    [
        pytest.param(0, 0, 100, 100, 100, id="all of it fits to the last nano-dollar"),
        pytest.param(0, 0, 101, 100, 100, id="a ceiling that does not fit becomes what is left"),
        pytest.param(30, 20, 60, 50, 50, id="spent and held count alike"),
        pytest.param(30, 20, 60, 51, None, id="less than the floor is left"),
        pytest.param(100, 0, 0, 0, None, id="who has spent the limit gets nothing, not even for free"),
        pytest.param(99, 0, 5, 1, 1, id="the last nano-dollar"),
        pytest.param(0, 100, 0, 0, 0, id="free while everything is held but not spent"),
        pytest.param(0, 0, 10, 50, 10, id="a floor above the ceiling asks for no more than the ceiling"),
        pytest.param(95, 0, 10, 50, None, id="a floor above the ceiling and no room"),
    ],
)
def test_holds_between_floor_and_ceiling(spent: int, held: int, ceiling: int, floor: int, hold: int | None) -> None:
    admission = seeded(team=spent)
    if held:
        granted(admission, counters=(counter(),), ceiling_nano=held)

    answer = ask(admission, counters=(counter(),), ceiling_nano=ceiling, floor_nano=floor)

    if hold is None:
        assert answer == Refused(1, RefusedBy.COUNTER, 0, spent=spent, held=held)
    else:
        assert answer == Granted(1, hold, (spent,), (), (), NOW)


def test_the_tightest_counter_decides_what_is_held_in_all() -> None:
    admission = seeded(team=0, key=70)
    counters = (counter("team"), counter("key"))

    assert granted(admission, counters=counters, ceiling_nano=50, floor_nano=10).hold_nano == 30
    assert refused(admission, counters=counters, ceiling_nano=50, floor_nano=10).index == 1
    assert granted(admission, counters=(counter("team"),), ceiling_nano=70, floor_nano=70).hold_nano == 70


def test_nothing_is_counted_for_a_refused_request() -> None:
    admission = seeded(team=0)
    facts: dict[str, Any] = {
        "counters": (counter(),),
        "parallels": (ParallelCheck("p", 2),),
        "meters": (meter("a", 2), meter("b", 1)),
        "ceiling_nano": 40,
        "floor_nano": 40,
    }
    granted(admission, **facts)

    assert [refused(admission, **facts).kind for _ in range(3)] == [RefusedBy.REQUESTS] * 3
    answer = granted(admission, **{**facts, "meters": (meter("a", 2),)})
    assert (answer.remaining, answer.parallel_left) == (((0, None),), (0,))
    assert refused(admission, counters=(counter(),), ceiling_nano=21, floor_nano=21).held == 80


def test_the_first_check_that_does_not_fit_is_told_counters_then_parallels_then_meters() -> None:
    admission = seeded(team=0, spent_up=100)
    granted(admission, parallels=(ParallelCheck("p", 1),), meters=(meter(requests=1),))
    facts: dict[str, Any] = {"parallels": (ParallelCheck("p", 1),), "meters": (meter(requests=1),)}

    both = (counter("team"), counter("spent_up"))
    assert refused(admission, counters=both, **facts) == Refused(1, RefusedBy.COUNTER, 1, spent=100, held=0)
    assert refused(admission, **facts) == Refused(1, RefusedBy.PARALLEL, 0, used=1)
    assert refused(admission, meters=facts["meters"]).kind == RefusedBy.REQUESTS


def test_a_hold_ends_and_what_was_spent_counts() -> None:
    admission = seeded(team=10)
    question = Ask(1, counters=(counter(),), ceiling_nano=90)
    (answer,) = run(admission, question)
    assert isinstance(answer, Granted)

    run(admission, settlement(question, answer, spent_nano=25))

    assert refused(admission, counters=(counter(limit=35),)) == Refused(1, RefusedBy.COUNTER, 0, spent=35, held=0)


def test_a_counter_that_nobody_seeded_is_told_and_nothing_is_held() -> None:
    admission = seeded(key=0)
    counters = (counter("key"), counter("team"), counter("user"))

    assert ask(admission, counters=counters, ceiling_nano=100) == Unseeded(1, ("team", "user"))
    run(admission, Seed("team", 0, LATER), Seed("user", 0, LATER))
    assert granted(admission, counters=counters, ceiling_nano=100).hold_nano == 100


def test_a_seed_never_lowers_what_is_known() -> None:
    admission = seeded(team=50)
    run(admission, Seed("team", 40, LATER))
    assert granted(admission, counters=(counter(),)).spent == (50,)
    run(admission, Seed("team", 60, LATER))
    assert granted(admission, counters=(counter(),)).spent == (60,)


@pytest.mark.parametrize(
    ("ops", "spent"),
    [
        pytest.param(["ask", "settle", "seed"], 7 + 5, id="settled while the ledger may have been read already"),
        pytest.param(["settle", "ask", "seed"], 7, id="settled before anybody read the ledger"),
        pytest.param(["ask", "seed", "settle"], 7 + 5, id="settled after the seed"),
        pytest.param(["ask", "settle", "ask", "seed"], 7 + 5, id="asked twice meanwhile"),
        pytest.param(["ask", "settle", "long", "ask", "seed"], 7, id="whoever was to seed has died"),
    ],
)
def test_what_is_settled_around_a_seed_is_not_lost(ops: Sequence[str], spent: int) -> None:
    admission, at = LocalAdmission(), NOW
    for name in ops:
        if name == "long":
            at += SEEDING_MS + 1
        elif name == "ask":
            assert isinstance(ask(admission, at, counters=(counter(),)), Unseeded)
        else:
            op: Op = Settle((("team", 0, 5, LATER),)) if name == "settle" else Seed("team", 7, LATER)
            run(admission, op, at=at)

    assert granted(admission, at, counters=(counter(),)).spent == (spent,)


def test_amounts_beyond_nine_million_dollars_count_as_that_much() -> None:
    admission = seeded(team=MAX_NANO - 10)
    huge = counter(limit=MAX_NANO * 1000)

    assert granted(admission, counters=(huge,), ceiling_nano=10, floor_nano=10).hold_nano == 10
    assert refused(admission, counters=(huge,), ceiling_nano=1, floor_nano=1).held == 10
    run(admission, Settle((("team", 10, 10**20, LATER),)))
    assert refused(admission, counters=(huge,)).spent == MAX_NANO


def test_an_expired_counter_starts_again() -> None:
    admission = seeded(team=99)
    expiring = counter(expires_at=NOW // 1000 + 1)
    run(admission, Seed("soon", 99, expiring.expires_at))

    assert isinstance(ask(admission, NOW, counters=(replace(expiring, key="soon"),)), Granted)
    assert isinstance(ask(admission, NOW + 1000, counters=(replace(expiring, key="soon"),)), Unseeded)


def test_in_flight_ends_with_the_settle() -> None:
    admission = LocalAdmission()
    parallels = (ParallelCheck("p", 2),)

    assert [granted(admission, parallels=parallels).parallel_left for _ in range(2)] == [(1,), (0,)]
    assert refused(admission, parallels=parallels).used == 2
    run(admission, Settle(parallels=("p",)))
    assert granted(admission, parallels=parallels).parallel_left == (0,)
    run(admission, *[Settle(parallels=("p",))] * 5)
    assert granted(admission, parallels=parallels).parallel_left == (1,)


def test_a_request_larger_than_the_token_limit_is_refused_even_in_an_empty_window() -> None:
    answer = refused(LocalAdmission(), meters=(meter(tokens=100),), tokens=101)

    assert (answer.kind, answer.used) == (RefusedBy.TOKENS, 0)
    assert 60_000 <= answer.retry_after_ms <= 60_500


@pytest.mark.parametrize(
    ("kind", "check"), [(RefusedBy.REQUESTS, meter(requests=3)), (RefusedBy.TOKENS, meter(tokens=30))]
)
def test_who_waits_as_long_as_told_is_admitted_and_not_before(kind: RefusedBy, check: MeterCheck) -> None:
    admission = LocalAdmission()
    for offset in (0, 20_000, 40_000):
        granted(admission, NOW + offset, meters=(check,), tokens=10)

    at = NOW + 45_000
    answer = refused(admission, at, meters=(check,), tokens=10)
    assert answer.kind == kind
    assert 15_000 < answer.retry_after_ms <= 15_500
    refused(admission, at + answer.retry_after_ms - 1, meters=(check,), tokens=10)
    granted(admission, at + answer.retry_after_ms, meters=(check,), tokens=10)


def test_tokens_are_corrected_in_the_bucket_they_were_counted_in() -> None:
    admission, check = LocalAdmission(), meter(tokens=100)
    granted(admission, meters=(check,), tokens=80)

    run(admission, Settle(meters=(("rpm", 60, NOW, -50),)), at=NOW + 30_000)
    assert granted(admission, NOW + 30_000, meters=(check,), tokens=60).remaining == ((None, 10),)
    # What was counted at first leaves as a whole; the later request stays.
    assert granted(admission, NOW + 61_000, meters=(check,), tokens=0).remaining == ((None, 40),)


def test_a_correction_for_a_bucket_that_has_left_is_none() -> None:
    admission, check = LocalAdmission(), meter(tokens=100)
    granted(admission, meters=(check,), tokens=80)
    granted(admission, NOW + 59_000, meters=(check,), tokens=5)

    run(admission, Settle(meters=(("rpm", 60, NOW, 1000),)), at=NOW + 70_000)
    assert granted(admission, NOW + 70_000, meters=(check,), tokens=0).remaining == ((None, 95),)


def test_tokens_never_count_less_than_nothing() -> None:
    admission, check = LocalAdmission(), meter(tokens=100)
    granted(admission, meters=(check,), tokens=10)

    run(admission, Settle(meters=(("rpm", 60, NOW, -1000), ("other", 60, NOW, -1000))))
    assert granted(admission, meters=(check, meter("other", tokens=100)), tokens=0).remaining == (
        (None, 100),
        (None, 100),
    )


def test_a_limit_of_tokens_per_day_lets_go_after_a_day() -> None:
    admission, check = LocalAdmission(), meter(tokens=10, seconds=86_400)
    granted(admission, meters=(check,), tokens=10)

    day = 86_400_000
    refused(admission, NOW + day - 1, meters=(check,), tokens=1)
    granted(admission, NOW + day + day // 120, meters=(check,), tokens=10)


def test_a_clock_that_goes_back_admits_no_more_and_comes_to_terms() -> None:
    admission, check = LocalAdmission(), meter(requests=2)
    granted(admission, NOW + 120_000, meters=(check,))
    granted(admission, NOW, meters=(check,))
    refused(admission, NOW + 1, meters=(check,))
    granted(admission, NOW + 61_000, meters=(check,))
    assert granted(admission, NOW + 300_000, meters=(check,)).remaining == ((1, None),)


_arrivals = st.lists(st.tuples(st.integers(0, 9_000), st.integers(0, 12)), min_size=1, max_size=80)


@_property
@given(arrivals=_arrivals, requests=st.integers(1, 6), tokens=st.integers(5, 40))
def test_no_window_of_any_position_holds_more_than_the_limit(
    arrivals: list[tuple[int, int]], requests: int, tokens: int
) -> None:
    admission, check, at = LocalAdmission(), meter(requests=requests, tokens=tokens), NOW
    admitted: list[tuple[int, int]] = []
    for wait, size in arrivals:
        at += wait
        answer = ask(admission, at, meters=(check,), tokens=size)
        window = [(when, count) for when, count in admitted if at - 60_000 <= when]
        wider = [(when, count) for when, count in admitted if at - 60_500 <= when]
        if isinstance(answer, Granted):
            admitted.append((at, size))
            window.append((at, size))
            assert len(window) <= requests
            assert sum(count for _, count in window) <= tokens
        else:
            assert len(wider) + 1 > requests or sum(count for _, count in wider) + size > tokens


@st.composite
def _question(draw: st.DrawFn) -> Ask:
    keys = draw(st.lists(st.sampled_from("abc"), unique=True, max_size=3))
    ceiling = draw(st.integers(0, 60))
    return Ask(
        id=draw(st.integers(0, 9)),
        counters=tuple(counter(key, draw(st.integers(0, 100))) for key in keys),
        parallels=tuple(ParallelCheck(key, 2) for key in draw(st.lists(st.sampled_from("pq"), unique=True))),
        ceiling_nano=ceiling,
        floor_nano=draw(st.integers(0, ceiling)),
    )


@_property
@given(questions=st.lists(st.tuples(_question(), st.integers(0, 60), st.integers(0, 3)), max_size=60))
def test_spent_and_held_never_exceed_a_limit_while_costs_stay_within_their_holds(
    questions: list[tuple[Ask, int, int]],
) -> None:
    admission = seeded(a=0, b=0, c=0)
    spent: Counter[str] = Counter()
    held: Counter[str] = Counter()
    in_flight: Counter[str] = Counter()
    open_grants: list[tuple[Ask, Granted]] = []
    for question, cost, ending in questions:
        (answer,) = run(admission, question)
        if isinstance(answer, Granted):
            for check in question.counters:
                held[check.key] += answer.hold_nano
                assert spent[check.key] + held[check.key] <= check.limit_nano
                assert spent[check.key] < check.limit_nano
            for parallel in question.parallels:
                in_flight[parallel.key] += 1
                assert in_flight[parallel.key] <= parallel.limit
            open_grants.append((question, answer))
        else:
            fits = all(
                spent[check.key] < check.limit_nano
                and spent[check.key] + held[check.key] + question.floor_nano <= check.limit_nano
                for check in question.counters
            )
            free = all(in_flight[parallel.key] < parallel.limit for parallel in question.parallels)
            assert not (fits and free), "refused although it fits"
        for ended, grant in open_grants[:ending]:
            real = min(cost, grant.hold_nano)
            run(admission, settlement(ended, grant, spent_nano=real))
            for check in ended.counters:
                held[check.key] -= grant.hold_nano
                spent[check.key] += real
            for parallel in ended.parallels:
                in_flight[parallel.key] -= 1
        del open_grants[:ending]


def test_what_is_over_is_forgotten() -> None:
    admission = LocalAdmission()
    for number in range(2000):
        at = NOW + number * 1000
        expires_at = at // 1000 + 30
        run(admission, Seed(f"c{number}", 0, expires_at), at=at)
        question = Ask(
            number,
            counters=(counter(f"c{number}", expires_at=expires_at),),
            meters=(meter(f"m{number}", requests=1),),
            parallels=(ParallelCheck(f"p{number}", 1),),
        )
        (answer,) = run(admission, question, at=at)
        assert isinstance(answer, Granted)
        run(admission, settlement(question, answer), at=at)
        assert len(admission) < 300
