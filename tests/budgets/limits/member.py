"""One process of several that admit together; it does what it is told in lines of JSON on its standard input.

The ledger is a file that all append to. `Member` starts such a process and talks to it.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FAR = 2**33


class Member:
    """A context manager; killed at its end if it still runs."""

    def __init__(self, redis_url: str, ledger: Path, *, database_url: str = "", when_unknown: str = "closed") -> None:
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "gateway_project.settings"}
        if database_url:
            environment["DATABASE_URL"] = database_url
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.budgets.limits.member", redis_url, str(ledger), when_unknown],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def __enter__(self) -> "Member":
        assert self.do("ready") == {}
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def do(self, verb: str, **facts: Any) -> dict[str, Any]:
        self.begin(verb, **facts)
        return self.end()

    def begin(self, verb: str, **facts: Any) -> None:
        print(json.dumps([verb, facts]), file=self.process.stdin, flush=True)

    def end(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the process has ended: {self.process.poll()}"
        answer: dict[str, Any] = json.loads(line)
        return answer


def question(
    *,
    counters: Mapping[str, int] | None = None,
    requests: Mapping[str, int] | None = None,
    tokens: Mapping[str, int] | None = None,
    parallels: Mapping[str, int] | None = None,
    hold: int = 1,
    size: int = 0,
) -> dict[str, Any]:
    """An Ask as JSON: limits by key."""
    meters = [[key, 60, limit, None] for key, limit in (requests or {}).items()]
    meters += [[key, 60, None, limit] for key, limit in (tokens or {}).items()]
    return {
        "counters": [[key, limit, FAR] for key, limit in (counters or {}).items()],
        "meters": meters,
        "parallels": list((parallels or {}).items()),
        "amounts": [hold, hold, size],
    }


class _Process:
    def __init__(self, redis_url: str, ledger: Path, when_unknown: str) -> None:
        from budgets.limits.batching import Admission
        from budgets.limits.sql_store import WhenUnknown

        self.ledger = ledger
        self.admission = Admission(
            redis_url=redis_url, spent_now=self.spent_now, when_unknown=WhenUnknown(when_unknown)
        )
        self.grants: list[Any] = []

    def spent_now(self, keys: Sequence[str]) -> dict[str, int]:
        spent: Counter[str] = Counter()
        if self.ledger.exists():
            for line in self.ledger.read_text().splitlines():
                key, amount = line.rsplit(" ", 1)
                spent[key] += int(amount)
        return {key: spent[key] for key in keys}

    async def ready(self) -> dict[str, Any]:
        self.admission.start()
        return {}

    async def admit(self, *, ask: dict[str, Any], count: int = 1, concurrency: int = 64) -> dict[str, Any]:
        """Counts of answers; what was granted is kept for `settle`."""
        return dict(await self._many(count, concurrency, lambda: self._admit(ask)))

    async def use(
        self, *, ask: dict[str, Any], count: int, concurrency: int = 64, spent: int = 1, seconds: float = 0.0
    ) -> dict[str, Any]:
        """Admit and settle each."""

        async def one() -> str:
            answer = await self._admit(ask, keep=False)
            if isinstance(answer, str):
                return answer
            asked, granted = answer
            await asyncio.sleep(seconds)
            self._settle(asked, granted, spent)
            return "granted"

        answers = await self._many(count, concurrency, one)
        await self._all_is_settled()
        return dict(answers)

    async def settle(self, *, spent: int = 0, count: int = -1) -> dict[str, Any]:
        ending, self.grants = (self.grants, []) if count < 0 else (self.grants[:count], self.grants[count:])
        for ask, granted in ending:
            self._settle(ask, granted, spent)
        await self._all_is_settled()
        return {"settled": len(ending)}

    async def state(self) -> dict[str, Any]:
        return {
            "degraded": self.admission.is_degraded,
            "grants": len(self.grants),
            "processes": self.admission.processes,
            "epoch": self.admission._shared._redis._epoch if self.admission._shared else "",
        }

    async def stop(self) -> dict[str, Any]:
        await self.admission.stop()
        return {}

    async def _all_is_settled(self) -> None:
        """What is awaited is carried out after all that was given before."""
        from budgets.core.admission import Seed

        await self.admission.seed(Seed("nobody", 0, FAR))

    async def _many(self, count: int, concurrency: int, one: Any) -> Counter[str]:
        answers: Counter[str] = Counter()
        left = iter(range(count))

        async def some() -> None:
            for _ in left:
                answers[await one()] += 1

        await asyncio.gather(*(some() for _ in range(concurrency)))
        return answers

    async def _admit(self, spelled: dict[str, Any], *, keep: bool = True) -> Any:
        from budgets.core.admission import Granted, Refused, Seed, Unseeded

        ask = _parsed(spelled)
        for _ in range(10):
            answer = await self.admission.admit(ask)
            if isinstance(answer, Unseeded):
                known = await asyncio.to_thread(self.spent_now, answer.keys)
                await self.admission.seed(*(Seed(key, nano, FAR) for key, nano in known.items()))
            elif isinstance(answer, Refused):
                return str(answer.kind)
            else:
                assert isinstance(answer, Granted)
                if keep:
                    self.grants.append((ask, answer))
                return "granted" if keep else (ask, answer)
        return "unseeded"

    def _settle(self, ask: Any, granted: Any, spent: int) -> None:
        from budgets.core.admission import settlement

        if spent:
            lines = "".join(f"{check.key} {spent}\n" for check in ask.counters)
            file = os.open(self.ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(file, lines.encode())
            os.close(file)
        self.admission.settle(settlement(ask, granted, spent_nano=spent, tokens=ask.tokens))


def _parsed(spelled: dict[str, Any]) -> Any:
    from budgets.core.admission import Ask, CounterCheck, MeterCheck, ParallelCheck

    return Ask(
        1,
        tuple(CounterCheck(*check) for check in spelled["counters"]),
        tuple(MeterCheck(*check) for check in spelled["meters"]),
        tuple(ParallelCheck(*check) for check in spelled["parallels"]),
        *spelled["amounts"],
    )


async def _serve(process: _Process) -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        verb, facts = json.loads(line)
        print(json.dumps(await getattr(process, verb)(**facts)), flush=True)


if __name__ == "__main__":
    import django

    django.setup()
    asyncio.run(_serve(_Process(sys.argv[1], Path(sys.argv[2]), sys.argv[3])))
