"""Programs of an installation that do something at once, each in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from tests.faults.receivers import environment
from tests.gateway import Gateway

STOP_SECONDS = 20.0


@dataclass
class Hand:
    """One of them. It may be killed, and then says nothing more."""

    gateway: Gateway
    module: str
    arguments: tuple[str, ...] = ()
    process: "subprocess.Popen[str]" = field(init=False)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module, *self.arguments],
            env=environment(self.gateway),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, word: str) -> None:
        line = _of(self.process.stdout).readline().strip()
        assert line == word, f"{self.module} said {line!r}, its exit code is {self.process.poll()}"

    def order(self, **order: object) -> None:
        written = _of(self.process.stdin)
        written.write(json.dumps(order) + "\n")
        written.flush()

    def end(self) -> None:
        """It finishes what it does."""
        _of(self.process.stdin).close()
        code = self.process.wait(STOP_SECONDS)
        _of(self.process.stdout).close()
        assert code == 0

    def kill(self) -> None:
        """SIGKILL; may be called again."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)
        for file in (self.process.stdin, self.process.stdout):
            _of(file).close()


@dataclass(frozen=True)
class Crew:
    hands: list[Hand]

    def do(self, **order: object) -> None:
        """All at once; returns when each has done it."""
        for hand in self.hands:
            hand.order(**order)
        for hand in self.hands:
            hand.wait_for("done")

    def end(self) -> None:
        for hand in self.hands:
            hand.end()


@contextmanager
def crew(gateway: Gateway, module: str, *arguments: str, count: int) -> Iterator[Crew]:
    made = Crew([Hand(gateway, module, arguments) for _ in range(count)])
    try:
        for hand in made.hands:
            hand.wait_for("ready")
        yield made
    finally:
        for hand in made.hands:
            hand.kill()


def _of(file: IO[str] | None) -> IO[str]:
    assert file is not None
    return file
