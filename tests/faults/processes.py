"""The processes of a gateway that runs as several, and their ends."""

import os
import random
import signal
from contextlib import suppress
from pathlib import Path

import redis as redis_client

from tests.gateway import Gateway
from tests.services import is_running


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
    """One of them, which the main process replaces."""
    os.kill(chance.choice(web_processes(gateway)), signal.SIGKILL)


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
