"""The gateway's books held against the provider's bill, and against what its clients have seen."""

import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis as redis_client

from tests.fakes.completion import Billed
from tests.faults.load import Asked
from tests.faults.provider import INPUT, OUTPUT
from tests.gateway import Gateway

# Events of a stream that carry no token: the role at its beginning, the reason at its end, the usage.
EVENTS_WITHOUT_TOKEN = 3
_ROWS = """
    SELECT call_id, basis, error_class, stream, prompt_tokens, completion_tokens, amount_nano, key_hash, team_id, tags
    FROM budgets_ledgerentry
"""
Entity = tuple[str, str]


@dataclass(frozen=True)
class Row:
    call_id: str
    basis: str
    error_class: str
    stream: bool
    prompt_tokens: int
    completion_tokens: int
    amount_nano: int
    key_hash: str
    team_id: str
    tags: tuple[str, ...]

    @property
    def is_exact(self) -> bool:
        return self.basis == "usage"


def hash_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def read_ledger(gateway: Gateway) -> list[Row]:
    rows = gateway.rows(_ROWS)
    return [Row(*(*row[:9], _read_tags(row[9]))) for row in rows]


def _read_tags(value: Any) -> tuple[str, ...]:
    """SQLite has no lists."""
    return tuple(json.loads(value) if isinstance(value, str) else value)


def wait_for_all_billed(gateway: Gateway, bill: Mapping[str, Billed], *, seconds: float) -> list[Row]:
    deadline = time.monotonic() + seconds
    while True:
        rows = read_ledger(gateway)
        if not (missing := bill.keys() - {row.call_id for row in rows}):
            return rows
        assert time.monotonic() < deadline, f"{len(missing)} billed requests have no entry: {sorted(missing)[:10]}"
        time.sleep(0.1)


def ensure_exact(rows: Sequence[Row], bill: Mapping[str, Billed], asked: Iterable[Asked]) -> None:
    """Each billed request once, what was answered to the token and the nano-dollar, the rest between the bounds."""
    seen = {one.marker: one for one in asked}
    by_call = {row.call_id: row for row in rows}
    twice = [call_id for call_id, count in Counter(row.call_id for row in rows).items() if count > 1]
    assert not twice, f"stored twice: {twice}"
    wrong = [problem for row in rows for problem in _problems(row, bill.get(row.call_id), seen.get(row.call_id))]
    wrong += [
        f"{one.marker} was answered in full, the ledger has {by_call.get(one.marker)}"
        for one in seen.values()
        if one.finished and not (one.marker in by_call and by_call[one.marker].is_exact)
    ]
    assert not wrong, "\n".join(wrong[:20])


def _problems(row: Row, billed: Billed | None, seen: Asked | None) -> Iterable[str]:
    exact = row.prompt_tokens * INPUT + row.completion_tokens * OUTPUT
    if row.is_exact:
        if billed is None or (row.prompt_tokens, row.completion_tokens) != _tokens(billed):
            yield f"{row} is not what was billed: {billed}"
        if row.amount_nano != exact:
            yield f"{row} should cost {exact}"
        if seen is not None and seen.usage not in (None, (row.prompt_tokens, row.completion_tokens)):
            yield f"{row} is not what the client was told: {seen}"
        return
    if (row.basis, row.error_class) != ("estimated", "GatewayKilled"):
        yield f"{row} is neither exact nor of a killed process"
    if not row.stream:
        if row.amount_nano < row.prompt_tokens * INPUT:
            yield f"{row} does not even pay for its prompt"
        return
    relayed, generated = seen.relayed if seen else 0, billed.completion_tokens if billed else 0
    if not relayed <= row.completion_tokens <= generated + EVENTS_WITHOUT_TOKEN:
        yield f"{row} is not between {relayed} tokens relayed and {generated} generated"
    if row.amount_nano != exact:
        yield f"{row} should cost {exact}"


def _tokens(billed: Billed) -> tuple[int, int]:
    return billed.prompt_tokens, billed.completion_tokens


def ensure_no_drift(gateway: Gateway) -> None:
    """Days and balances are what the ledger adds up to, by the product's own word and by ours."""
    done = gateway.run("ledger", "verify")
    drift = re.search(r"drift (\d+) nano-dollars", done.stdout)
    assert drift is not None, done.stdout + done.stderr
    assert (done.returncode, drift.group(1)) == (0, "0"), done.stdout
    wanted = sums(gateway, read_ledger(gateway))
    found = {
        (scope, entity_id): spent
        for scope, entity_id, spent in gateway.rows(
            "SELECT scope, entity_id, spent_nano FROM budgets_balance WHERE \"window\" = ''"
        )
    }
    assert {entity: found.get(entity, 0) for entity in wanted} == wanted


def sums(gateway: Gateway, rows: Iterable[Row]) -> dict[Entity, int]:
    """Nano-dollars by who pays."""
    numbers = dict(gateway.rows("SELECT token_hash, id FROM teams_virtualkey"))
    found: Counter[Entity] = Counter()
    for row in rows:
        found["proxy", ""] += row.amount_nano
        found.update({("tag", tag): row.amount_nano for tag in row.tags})
        if row.team_id:
            found["team", row.team_id] += row.amount_nano
        if row.key_hash in numbers:
            found["key", str(numbers[row.key_hash])] += row.amount_nano
    return dict(found)


def spent_by(rows: Iterable[Row], key: str) -> int:
    return sum(row.amount_nano for row in rows if row.key_hash == hash_of(key))


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float) -> float:
    """Returns how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - began


def counted_beyond(gateway: Gateway) -> dict[Entity, int]:
    """By how much the counters of admission in Redis are more than the ledger's sums, below 0 where less."""
    wanted = sums(gateway, read_ledger(gateway))
    return {entity: spent - wanted.get(entity, 0) for entity, spent in counted(gateway.store.redis_url).items()}


def counted(redis_url: str) -> dict[Entity, int]:
    """What admission has counted in Redis; what is not seeded in this epoch is not known there."""
    found = {}
    with redis_client.Redis.from_url(redis_url, decode_responses=True) as client:
        epoch = client.get("tollkeeper:epoch")
        for name in client.scan_iter("tollkeeper:c:*", count=1000):
            scope, entity_id, *_ = name.removeprefix("tollkeeper:c:").split("\x1e")
            known, spent = client.hmget(name, "e", "s")
            if known == epoch and spent is not None:
                found[scope, entity_id] = int(spent)
    return found


def ensure_header_tells_the_ledgers_sum(gateway: Gateway, key: str) -> None:
    """What admission believes, read through the next request of a key with a budget."""
    before = spent_by(read_ledger(gateway), key)
    with gateway.client(key) as client:
        answer = client.post(
            "/v1/chat/completions",
            json={"model": "gpt-4o", "messages": [{"role": "user", "content": f"last {time.time_ns()}"}]},
        )
    assert answer.status_code == 200, answer.text
    told = round(float(answer.headers["x-litellm-key-spend"]) * 1e9)
    own = round(float(answer.headers["x-litellm-response-cost"]) * 1e9)
    assert told - own == before, f"admission says {told - own}, the ledger {before}"
