"""What requests see of admission, alone and with Redis."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
import redis as redis_client

from budgets.core.admission import (
    Answer,
    Ask,
    CounterCheck,
    Granted,
    MeterCheck,
    ParallelCheck,
    Refused,
    RefusedBy,
    Seed,
    Settle,
    Unseeded,
    settlement,
)
from budgets.limits.batching import Admission
from tests.services import RedisService

FAR = 2**33
ASK = Ask(
    1,
    counters=(CounterCheck("team", 100, FAR),),
    meters=(MeterCheck("rpm", 60, 5, None),),
    parallels=(ParallelCheck("key", 2),),
    ceiling_nano=30,
    floor_nano=10,
)


def nothing_spent(keys: Sequence[str]) -> dict[str, int]:
    return dict.fromkeys(keys, 0)


def play(url: str, use: Callable[[Admission], Awaitable[None]]) -> None:
    async def main() -> None:
        admission = Admission(redis_url=url, spent_now=nothing_spent)
        admission.start()
        try:
            await asyncio.wait_for(use(admission), 10)
        finally:
            await asyncio.wait_for(admission.stop(), 10)

    asyncio.run(main())


@pytest.fixture(params=["alone", "with Redis"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "alone":
        return ""
    shared: RedisService = request.getfixturevalue("shared")
    return shared.url


async def granted(admission: Admission, ask: Ask = ASK) -> Granted:
    answer = await admission.admit(ask)
    assert isinstance(answer, Granted)
    return answer


def test_a_request_from_the_first_ask_to_its_end(url: str) -> None:
    async def use(admission: Admission) -> None:
        assert await admission.admit(ASK) == Unseeded(1, ("team",))
        await admission.seed(Seed("team", 60, FAR))

        first = await granted(admission)
        assert (first.hold_nano, first.spent, first.remaining, first.parallel_left) == (30, (60,), ((4, None),), (1,))
        assert (await granted(admission)).hold_nano == 10
        assert await admission.admit(ASK) == Refused(1, RefusedBy.COUNTER, 0, spent=60, held=40)

        admission.settle(settlement(ASK, first, spent_nano=20))
        # What is spent counts, and 10 are held by the second.
        last = await granted(admission)
        assert (last.hold_nano, last.spent) == (10, (80,))

    play(url, use)


def test_many_at_once_are_answered_each_by_its_own(url: str) -> None:
    async def use(admission: Admission) -> None:
        asks = [Ask(number, meters=(MeterCheck(f"m{number % 7}", 60, 100, None),)) for number in range(600)]
        answers = await asyncio.gather(*map(admission.admit, asks))

        assert [answer.id for answer in answers] == list(range(600))
        assert all(isinstance(answer, Granted) for answer in answers)
        (left,) = (await granted(admission, asks[0])).remaining
        assert left == (100 - 86 - 1, None)

    play(url, use)


def test_a_request_that_is_gone_before_its_answer_holds_nothing(shared: RedisService) -> None:
    async def use(admission: Admission) -> None:
        await admission.seed(Seed("team", 0, FAR))
        await granted(admission)
        for rounds in range(1, 4):
            # Cancelled at various distances from the answer.
            asking = asyncio.create_task(admission.admit(ASK))
            for _ in range(rounds * 3):
                await asyncio.sleep(0)
            asking.cancel()
            (answer,) = await asyncio.gather(asking, return_exceptions=True)
            if isinstance(answer, Granted):
                # Redis was faster than the cancelling: then it is the request's own to give back.
                admission.settle(settlement(ASK, answer))
        await admission.seed(Seed("later", 0, FAR))
        await admission.seed(Seed("later", 0, FAR))

        none = CounterCheck("team", 1, FAR)
        answer = await admission.admit(Ask(2, counters=(none,), ceiling_nano=100, floor_nano=100))
        assert answer == Refused(2, RefusedBy.COUNTER, 0, spent=0, held=30)

    play(shared.url, use)


def test_a_grant_that_arrives_together_with_the_cancelling_is_given_back(shared: RedisService) -> None:
    async def use(admission: Admission) -> None:
        parallel = Ask(1, parallels=(ParallelCheck("key", 1),))
        asking: asyncio.Task[Answer] | None = None

        async def neighbour() -> None:
            # Answered in the same batch just before, it cancels the other while that one's answer is on its way.
            await admission.admit(Ask(2, meters=(MeterCheck("m", 60, 9, None),)))
            assert asking
            asking.cancel()

        await granted(admission, parallel)
        admission.settle(Settle(parallels=("key",)))
        first = asyncio.create_task(neighbour())
        asking = asyncio.create_task(admission.admit(parallel))
        await asyncio.gather(first, asking, return_exceptions=True)
        assert asking.cancelled()
        await admission.seed(Seed("later", 0, FAR))

        assert (await granted(admission, parallel)).parallel_left == (0,)

    play(shared.url, use)


def test_stop_waits_for_what_was_given_and_leaves_nothing_held(shared: RedisService) -> None:
    async def use(admission: Admission) -> None:
        await admission.seed(Seed("team", 0, FAR))
        first = await granted(admission)
        await granted(admission)
        admission.settle(settlement(ASK, first, spent_nano=7))

    play(shared.url, use)

    with redis_client.Redis.from_url(shared.url) as client:
        assert client.hget("tollkeeper:c:team", "s") == b"7"
        assert client.zcard("tollkeeper:alive") == 0


def test_who_asks_for_what_cannot_be_asked_gets_an_error_and_the_others_their_answers(shared: RedisService) -> None:
    async def use(admission: Admission) -> None:
        nonsense: Any = Ask(1, meters=(MeterCheck("m", 60, object(), None),))  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            await admission.admit(nonsense)
        assert (await granted(admission, Ask(2))).id == 2

    play(shared.url, use)


def test_more_than_can_wait_are_refused_at_once(shared: RedisService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("budgets.limits.batching.MOST_WAITING", 50)

    async def use(admission: Admission) -> None:
        answers = await asyncio.gather(*(admission.admit(Ask(number)) for number in range(120)))
        assert [type(answer) for answer in answers] == [Granted] * 50 + [Refused] * 70
        assert all(answer.kind == RefusedBy.UNAVAILABLE for answer in answers if isinstance(answer, Refused))

    play(shared.url, use)


def test_nobody_waits_longer_than_patience_for_others_to_say_what_they_hold(
    shared: RedisService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("budgets.limits.batching.PATIENCE_SECONDS", 0.1)

    async def use(admission: Admission) -> None:
        began = asyncio.get_running_loop().time()
        answer = await admission.admit(ASK)
        assert isinstance(answer, Refused)
        assert answer.kind == RefusedBy.UNAVAILABLE
        assert asyncio.get_running_loop().time() - began < 0.5

    play(shared.url, use)
