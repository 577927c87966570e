"""Whatever happens to budgets in whatever order: admission and the ledger agree with a plain dict, to the nano-dollar.

Real rows, snapshot, limits, ledger, roll-up; admission in memory, and in Redis. A grant is given exactly when it fits.
"""

import asyncio
import uuid
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import pytest
import redis as redis_client
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from budgets.core.admission import Answer, Ask, Granted, Op, Refused, RefusedBy, Seed, Unseeded, settlement
from budgets.core.local_admission import LocalAdmission
from budgets.counters import entity_and_start, rolled_up, spent_now
from budgets.entries import insert
from budgets.limits.own import Own
from budgets.limits.redis_store import RedisStore
from budgets.limits.wire import Wait
from budgets.models import Scope, UnrolledBatch
from budgets.request_limits import LimitPolicy, RequestLimits
from budgets.rollup import roll_up
from budgets.spend import adjust, spend_of_keys
from budgets.verify import verify
from teams import revisions
from teams.models import Team, VirtualKey
from teams.periods import UTC_MIDNIGHT
from teams.services import issue_key
from teams.snapshot import load_keys
from tests.budgets.builders import entry
from tests.budgets.limits.test_parity import HANDED_IN
from tests.conftest import started
from tests.services import RedisService, redis

R = TypeVar("R")
# Redis lets expire what is over by its own clock, so that this is far ahead.
NOON = datetime(2050, 11, 23, 12, tzinfo=UTC)
# Counters live longer than any run: what is over is over by its key.
_asked = st.tuples(st.integers(0, 60), st.integers(0, 60))
_share = st.sampled_from([0.0, 0.5, 1.0])
_limit = st.integers(0, 400)


class Store(Protocol):
    def run(self, ops: Sequence[Op], *, now_ms: int) -> list[Any]: ...

    def crash(self) -> None:
        """The process dies, and another one takes its place."""

    def close(self) -> None: ...


class InMemory:
    """A crash takes what was known with it."""

    def __init__(self) -> None:
        self._admission = LocalAdmission()

    def run(self, ops: Sequence[Op], *, now_ms: int) -> list[Answer | None]:
        return self._admission.run(ops, now_ms=now_ms)

    def crash(self) -> None:
        self._admission = LocalAdmission()

    def close(self) -> None:
        pass


class InRedis:
    """By a clock that is handed in. A crash leaves what was spent, and what was held until the dead are forgotten."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loop = asyncio.new_event_loop()
        self._client = redis_client.Redis.from_url(url)
        self._client.flushall()
        self._join()

    def run(self, ops: Sequence[Op], *, now_ms: int) -> list[Answer | Wait | None]:
        self._client.set("test-now", now_ms)
        for name in self._client.zrange("tollkeeper:alive", 0, -1):
            self._client.zadd("tollkeeper:alive", {name: now_ms})  # type: ignore[type-var]
        return self._do(self._store.run(ops))

    def crash(self) -> None:
        self._do(self._store.close())
        # So long is it silent.
        self._client.delete("tollkeeper:alive")
        self._join()

    def close(self) -> None:
        self._do(self._store.close())
        self._client.close()
        self._loop.close()

    def _join(self) -> None:
        epoch = self._client.get("tollkeeper:epoch")
        self._store = RedisStore(self._url, process=uuid.uuid4().hex, own=Own(), batch=HANDED_IN)
        if isinstance(epoch, bytes):
            # Another process has been there all the time, or this would be a new epoch.
            seconds, micros = self._client.time()
            self._client.zadd("tollkeeper:alive", {"another:1": seconds * 1000 + micros // 1000})
        self._do(self._store.register())
        self._client.zrem("tollkeeper:alive", "another:1")
        # Old enough to be trusted.
        found = self._client.get("tollkeeper:epoch")
        assert isinstance(found, bytes)
        aged = found.split(b":")[0] + b":1"
        self._client.set("tollkeeper:epoch", aged)
        self._store._epoch = aged.decode()

    def _do(self, coroutine: Coroutine[Any, Any, R]) -> R:
        return self._loop.run_until_complete(coroutine)


@dataclass(eq=False)
class Held:
    ask: Ask
    granted: Granted
    at: datetime


@dataclass
class Oracle:
    """What everybody should know. `ledger` are times and amounts, `told` what admission was told of each counter."""

    ledger: list[tuple[datetime, int]] = field(default_factory=list)
    adjusted: dict[tuple[str, str], list[tuple[datetime, int]]] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)

    @property
    def ever(self) -> int:
        return sum(amount for _, amount in self.ledger)

    def spent(self, key: str) -> int:
        entity, start = entity_and_start(key)
        amounts = [*self.ledger, *self.adjusted.get(entity, [])]
        return max(0, sum(amount for at, amount in amounts if at >= start))


class Budgets(RuleBasedStateMachine):
    """One key of one team: a budget ever, one an hour and one for the team a day."""

    grants: Bundle[Held] = Bundle("grants")
    make_store: Any = InMemory

    def __init__(self) -> None:
        super().__init__()
        self.rows = transaction.atomic()
        self.rows.__enter__()
        self.store: Store = self.make_store()
        self.oracle = Oracle()
        self.now, self.number = NOON, 0
        self.in_flight: list[Held] = []
        self.team = Team.objects.create(
            id=uuid.uuid4().hex, max_budget_nano=300, budget_duration="1d", budget_started_at=NOON - timedelta(days=9)
        )
        self.key = VirtualKey(
            team=self.team,
            max_budget_nano=250,
            budget_limits=[{"budget_duration": "1h", "max_budget": 120 / 1e9}],
            budget_started_at=NOON - timedelta(days=9),
        )
        issue_key(self.key)
        self.snapshot = load_keys(admin_id="admin")
        self.limits = RequestLimits(self.snapshot)
        self._follow()

    def teardown(self) -> None:
        self.store.close()
        transaction.set_rollback(True)
        self.rows.__exit__(None, None, None)

    @rule(target=grants, asked=st.lists(_asked, min_size=1, max_size=3))
    def ask(self, asked: list[tuple[int, int]]) -> Any:
        return multiple(*(found for wanted in asked if (found := self._ask(*wanted)) is not None))

    @rule(asked=st.lists(st.tuples(_asked, _share), min_size=1, max_size=4))
    def spend(self, asked: list[tuple[tuple[int, int], float]]) -> None:
        """One request after the other."""
        for wanted, share in asked:
            if (found := self._ask(*wanted)) is not None:
                self._end(found, int(found.granted.hold_nano * share))

    @rule(one=consumes(grants), share=_share)
    def settle(self, one: Held, share: float) -> None:
        self._end(one, int(one.granted.hold_nano * share))

    @rule(one=consumes(grants), more=st.integers(1, 90))
    def settle_above_what_was_held(self, one: Held, more: int) -> None:
        self._end(one, one.granted.hold_nano + more)

    @rule(seconds=st.sampled_from([1, 600, 3600, 86_400]))
    def let_time_pass(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.oracle.ever)
    @rule(scope=st.sampled_from([Scope.KEY, Scope.TEAM]), share=st.sampled_from([0.3, 1.0]))
    def reset(self, scope: Scope, share: float) -> None:
        """Somebody counts what was ever spent as less: whatever was known of the counters is not what counts now."""
        entity_id = str(self.key.pk) if scope == Scope.KEY else self.team.pk
        by = -max(1, int(self.oracle.ever * share))
        adjust(scope, entity_id, by_nano=by, at=self.now, actor_id="")
        self.oracle.adjusted.setdefault((scope, entity_id), []).append((self.now, by))
        for key in [key for key in self.oracle.told if entity_and_start(key)[0] == (scope, entity_id)]:
            del self.oracle.told[key]
        self._follow()

    @rule(limit=_limit | st.none(), row=st.sampled_from(["key", "team"]))
    def limit(self, limit: int | None, row: str) -> None:
        limited: VirtualKey | Team = getattr(self, row)
        limited.max_budget_nano = limit
        limited.save()
        self._follow()

    @precondition(lambda self: self.in_flight)
    @rule(ended=st.lists(_share, max_size=6))
    def crash(self, ended: list[float]) -> None:
        """Of some that were in flight the cost comes into the ledger, told to nobody."""
        self.store.crash()
        if isinstance(self.store, InMemory):
            self.oracle.told.clear()
        self.oracle.held.clear()
        lost, self.in_flight = self.in_flight, []
        for one, share in zip(lost, ended, strict=False):
            self._enter(one, int(one.granted.hold_nano * share))

    @precondition(lambda self: self.oracle.ledger)
    @rule()
    def roll_up_and_compare(self) -> None:
        """As the runtime does every few seconds."""
        UnrolledBatch.objects.update(created_at=self.now)
        roll_up(now=self.now, settled_after=timedelta())
        expires = {check.key: check.expires_at for check in self._question(0, 0).counters}
        rolled = rolled_up(list(expires))
        assert rolled == {key: self.oracle.spent(key) for key in expires}
        self._run(*(Seed(key, nano, expires[key], only_raises=True) for key, nano in rolled.items()))
        for key in expires.keys() & self.oracle.told.keys():
            self.oracle.told[key] = max(self.oracle.told[key], self.oracle.spent(key))

    @precondition(lambda self: self.oracle.ledger)
    @rule()
    def verify(self) -> None:
        UnrolledBatch.objects.update(created_at=self.now)
        assert verify(now=self.now).drift_nano == 0

    @invariant()
    def what_is_shown_is_what_the_oracle_says(self) -> None:
        """Whatever is rolled up."""
        shown = spend_of_keys([self.key], now=self.now)[self.key.pk]
        adjusted = self.oracle.adjusted.get((Scope.KEY, str(self.key.pk)), [])
        assert shown.total_nano == self.oracle.ever
        assert shown.period_nano == self.oracle.ever + sum(amount for _, amount in adjusted)

    @invariant()
    def the_ledger_says_what_the_oracle_says(self) -> None:
        keys = [check.key for check in self._question(0, 0).counters]
        assert spent_now(keys) == {key: self.oracle.spent(key) for key in keys}

    def _ask(self, ceiling: int, floor: int) -> Held | None:
        """Granted if and only if it fits into every budget; None when it does not."""
        floor = min(floor, ceiling)
        wanted = self._question(ceiling, floor)
        answer = self._answer(wanted)
        told, held = self.oracle.told, self.oracle.held
        for check in wanted.counters:
            told.setdefault(check.key, self.oracle.spent(check.key))
        left = {check.key: check.limit_nano - told[check.key] - held.get(check.key, 0) for check in wanted.counters}
        fits = all(told[check.key] < check.limit_nano and left[check.key] >= floor for check in wanted.counters)
        if not fits:
            assert isinstance(answer, Refused), (left, answer)
            refusing = wanted.counters[answer.index].key
            assert (answer.kind, answer.spent, answer.held) == (
                RefusedBy.COUNTER,
                told[refusing],
                held.get(refusing, 0),
            )
            return None
        assert isinstance(answer, Granted), (left, answer)
        assert answer.hold_nano == min([ceiling, *left.values()])
        assert answer.spent == tuple(told[check.key] for check in wanted.counters)
        for check in wanted.counters:
            held[check.key] = held.get(check.key, 0) + answer.hold_nano
            assert told[check.key] + held[check.key] <= check.limit_nano
        found = Held(wanted, answer, self.now)
        self.in_flight.append(found)
        return found

    def _question(self, ceiling: int, floor: int) -> Ask:
        principal = self.snapshot.find(self.key.token_hash, now=self.now)
        assert principal is not None
        checks = self.limits.any_of(principal, customer_id="", customer=None, tags=(), model="gpt-4o", now=self.now)
        self.number += 1
        return Ask(self.number, tuple(c.check for c in checks.counters), ceiling_nano=ceiling, floor_nano=floor)

    def _answer(self, wanted: Ask) -> Answer:
        (answer,) = self._run(wanted)
        if isinstance(answer, Unseeded):
            expires = {check.key: check.expires_at for check in wanted.counters}
            spent = spent_now(answer.keys)
            assert not set(answer.keys) & self.oracle.told.keys()
            self._run(*(Seed(key, nano, expires[key]) for key, nano in spent.items()))
            (answer,) = self._run(wanted)
        assert isinstance(answer, Granted | Refused)
        return answer

    def _end(self, one: Held, cost: int) -> None:
        if one not in self.in_flight:
            return
        self.in_flight.remove(one)
        # In this order, as an attempt does it.
        self._run(settlement(one.ask, one.granted, spent_nano=cost))
        for check in one.ask.counters:
            self.oracle.held[check.key] -= one.granted.hold_nano
            if check.key in self.oracle.told:
                self.oracle.told[check.key] += cost
        self._enter(one, cost)

    def _enter(self, one: Held, cost: int) -> None:
        made = entry(
            amount_nano=cost, started_at=one.at, ended_at=one.at, key_hash=self.key.token_hash, team_id=self.team.pk
        )
        insert([made.encode()])
        self.oracle.ledger.append((one.at, cost))

    def _follow(self) -> None:
        number = revisions.current().get(revisions.KEYS, 0)
        self.snapshot.follow(number)
        self.limits.refresh(policy=LimitPolicy(), calendar=UTC_MIDNIGHT, revision=number)

    def _run(self, *ops: Op) -> list[Any]:
        return self.store.run(ops, now_ms=int(self.now.timestamp() * 1000))


@pytest.fixture(scope="module")
def redis_server(request: pytest.FixtureRequest) -> Iterator[RedisService]:
    yield from started(redis(), request)


def machine(make_store: Any) -> type[Budgets]:
    return type("Machine", (Budgets,), {"make_store": staticmethod(make_store)})


def run(make_store: Any, *, examples: int) -> None:
    some = settings(
        deadline=None,
        max_examples=examples,
        stateful_step_count=30,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    run_machine(machine(make_store), settings=some)


@pytest.mark.django_db
def test_budgets_in_memory_are_what_a_dict_says() -> None:
    run(InMemory, examples=60)


@pytest.mark.django_db
def test_budgets_in_redis_are_what_a_dict_says(redis_server: RedisService) -> None:
    run(lambda: InRedis(redis_server.url), examples=25)
