"""What the tests of budgets and limits share: models whose answers cost a round sum, keys, and many clients at once."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import aiohttp
import httpx
import psycopg
import pytest

from tests.conftest import started
from tests.fakes.upstream import FakeUpstream
from tests.functional.management.answers import unique
from tests.functional.management.callers import made
from tests.gateway import MASTER_KEY, Gateway, Store, chat, migrate, model
from tests.services import postgres, redis

# One token of an answer; prompts are free, so that what a request may cost is what it will.
TOKEN_DOLLARS = 0.001
TOKEN_NANO = 1_000_000
PRICES = {"input_cost_per_token": 0, "output_cost_per_token": TOKEN_DOLLARS}
DEAR = 10
TOKENS = 20
# Of one answer of so many tokens.
COST = TOKENS * TOKEN_DOLLARS
COST_NANO = TOKENS * TOKEN_NANO
# Two answers.
BUDGET = 2 * COST
SOON_SECONDS = 5.0


def config(upstream: FakeUpstream, **sections: Any) -> dict[str, Any]:
    """Two models with PRICES and one that costs DEAR times as much."""
    models = [
        {**model(name, upstream.url, **PRICES), "model_info": {"id": deployment_id}}
        for name, deployment_id in (("gpt-4o", "d-large"), ("gpt-4o-mini", "d-mini"))
    ]
    models.append(model("dear", upstream.url, **{**PRICES, "output_cost_per_token": DEAR * TOKEN_DOLLARS}))
    return {"model_list": models, "router_settings": {"num_retries": 0}, **sections}


def several(request: pytest.FixtureRequest) -> Iterator[Store]:
    """PostgreSQL and Redis, for several processes."""
    for database in started(postgres(prepare=migrate), request):
        for cache in started(redis(), request):
            yield Store(database_url=database.url, redis_url=cache.url)


TWO_PROCESSES = ("--num_workers", "2")


@dataclass(frozen=True)
class Answered:
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def message(self) -> str:
        return str(self.body["error"]["message"])


def ask(gateway: Gateway, key: str, *, tokens: int | None = TOKENS, headers: Any = None, **fields: Any) -> Answered:
    """One chat completion of at most so many tokens."""
    limit: dict[str, Any] = {} if tokens is None else {"max_tokens": tokens}
    with gateway.client(key, headers=headers) as client:
        return answered(client.post("/v1/chat/completions", json=chat(**limit, **fields)))


def answered(answer: httpx.Response) -> Answered:
    is_json = answer.headers["content-type"].startswith("application/json")
    return Answered(answer.status_code, answer.headers, answer.json() if is_json else answer.text)


def key_of(gateway: Gateway, **fields: Any) -> str:
    """A new virtual key, known to every process of the gateway."""
    with gateway.client() as admin:
        key: str = made(admin, "/key/generate", **{"key_alias": unique("k"), **fields})["key"]
    known_everywhere(gateway, key)
    return key


def change(gateway: Gateway, path: str, **body: Any) -> dict[str, Any]:
    """What an admin does."""
    with gateway.client() as admin:
        return made(admin, path, **body)


def known_everywhere(gateway: Gateway, key: str) -> None:
    """Other processes follow when they are woken, which takes as long as it takes."""
    deadline, in_a_row = time.monotonic() + SOON_SECONDS, 0
    while in_a_row < (8 if gateway.arguments else 1):
        with gateway.client(key) as client:
            in_a_row = in_a_row + 1 if client.get("/v1/models").status_code == 200 else 0
        assert time.monotonic() < deadline, "the key is not known everywhere within five seconds"


def becomes(condition: Callable[[], bool], *, within: float = SOON_SECONDS) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.05)


def exceeded(whose: str, spent: float = BUDGET, limit: float = BUDGET) -> str:
    return f"Budget has been exceeded! {whose} Current cost: {spent}, Max budget: {limit}"


def masked(key: str) -> str:
    return f"sk-...{key[-4:]}"


def team_with_member(gateway: Gateway, team: dict[str, Any], member: dict[str, Any]) -> tuple[str, str]:
    user, team_id = unique("u"), unique("t")
    change(gateway, "/user/new", user_id=user, auto_create_key=False)
    change(gateway, "/team/new", team_id=team_id, **team)
    change(gateway, "/team/member_add", team_id=team_id, member={"role": "user", "user_id": user}, **member)
    return team_id, user


def hashed(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def ledger_nano(gateway: Gateway, condition: str = "1 = 1") -> int:
    ((amount,),) = gateway.rows(f"SELECT coalesce(sum(amount_nano), 0) FROM budgets_ledgerentry WHERE {condition}")
    return int(amount)


def ledger_count(gateway: Gateway) -> int:
    ((count,),) = gateway.rows("SELECT count(*) FROM budgets_ledgerentry")
    return int(count)


def execute(gateway: Gateway, sql: str, values: Sequence[Any]) -> None:
    """Change the database past the gateway, as nothing but a test does."""
    if gateway.store.database_url:
        with psycopg.connect(gateway.store.database_url) as server:
            server.execute(sql.replace("?", "%s"), values)
        return
    connection = sqlite3.connect(gateway.data / "tollkeeper.sqlite3", timeout=10, isolation_level=None)
    try:
        connection.execute(sql, values)
    finally:
        connection.close()


def crowd(
    gateway: Gateway, key: str, bodies: Sequence[Mapping[str, Any]], *, clients: int = 64, headers: Any = None
) -> list[Answered]:
    """So many clients, each with a connection of its own for each request, so that every process gets its share."""
    return asyncio.run(_crowd(gateway.url, key, bodies, clients, headers or {}))


async def _crowd(
    url: str, key: str, bodies: Sequence[Mapping[str, Any]], clients: int, headers: Mapping[str, str]
) -> list[Answered]:
    left = iter(bodies)
    answers: list[Answered] = []
    sent = {"Authorization": f"Bearer {key or MASTER_KEY}", **headers}

    async def client(session: aiohttp.ClientSession) -> None:
        for body in left:
            async with session.post(f"{url}/v1/chat/completions", json=body, headers=sent) as answer:
                is_json = answer.content_type == "application/json"
                said = await answer.json() if is_json else await answer.text()
                answers.append(Answered(answer.status, answer.headers, said))

    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60)) as session:
        await asyncio.gather(*(client(session) for _ in range(clients)))
    return answers
