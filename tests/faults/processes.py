"""The processes of a gateway that runs as several, and their ends."""

import os
import random
import signal
import time
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import redis as redis_client

from tests.gateway import Gateway, Store
from tests.services import is_running

REPLACED_SECONDS = 20.0


class Victim(StrEnum):
    """MAIN has the Celery worker and beat, and looks after the web processes."""

    WEB = "web"
    MAIN = "main"
    ALL = "all"


def victims(store: Store, chance: random.Random, cycles: int) -> list[Victim]:
    """As many of each as of the others, in any order; last one that leaves the counters as they are."""
    kinds = list(Victim) if store.redis_url else [Victim.ALL]
    found = [kinds[number % len(kinds)] for number in range(cycles)]
    chance.shuffle(found)
    return [*found, kinds[0]]


def kill(gateway: Gateway, victim: Victim, chance: random.Random) -> None:
    if victim is Victim.WEB:
        kill_web_process(gateway, chance)
    elif victim is Victim.MAIN:
        orphans = kill_main(gateway)
        # They serve on, without roll-up.
        time.sleep(chance.uniform(0.2, 1.0))
        kill_orphans(orphans)
    else:
        kill_all(gateway)


def start_again(gateway: Gateway) -> None:
    """Where the main process is gone; it replaces the others itself."""
    assert gateway.process is not None
    if gateway.process.poll() is not None:
        gateway.start()


def web_processes(gateway: Gateway) -> list[int]:
    """Those that the main process has started; none when it serves itself."""
    assert gateway.process is not None
    main = gateway.process.pid
    listed = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    return [pid for pid in map(int, listed) if b"spawn_main" in _command(pid)]


def admitting(redis_url: str) -> int:
    """How many take part in admission: each of them says four times a second that it lives."""
    with redis_client.Redis.from_url(redis_url) as client:
        seconds, microseconds = client.time()
        return int(client.zcount("tollkeeper:alive", 1000 * (seconds - 1) + microseconds // 1000, "+inf"))


def kill_web_process(gateway: Gateway, chance: random.Random) -> None:
    """One of them, which the main process replaces; those of before may still be on their way."""
    deadline = time.monotonic() + REPLACED_SECONDS
    while not (running := web_processes(gateway)):
        assert time.monotonic() < deadline, "the main process replaces nobody"
        time.sleep(0.05)
    os.kill(chance.choice(running), signal.SIGKILL)


def kill_who_serves(gateway: Gateway) -> None:
    """The web processes that have ever asked an upstream: only they keep a record of what is in flight."""
    for pid in web_processes(gateway):
        opened = Path(f"/proc/{pid}/fd").iterdir()
        if any(str(path.readlink()).endswith(".inflight") for path in opened):
            os.kill(pid, signal.SIGKILL)


def kill_main(gateway: Gateway) -> list[int]:
    """Returns the web processes, which are left."""
    left = web_processes(gateway)
    gateway.kill()
    return left


def kill_orphans(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    while any(map(is_running, pids)):
        pass


def kill_all(gateway: Gateway) -> None:
    """May be called again."""
    if gateway.process is not None and gateway.process.poll() is None:
        kill_orphans(kill_main(gateway))


def _command(pid: int) -> bytes:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
