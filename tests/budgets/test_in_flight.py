"""Attempts in flight: a killed process leaves them, and somebody else settles each once."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from budgets.in_flight import MOST_TEXT, InFlight, Left, settle_left_behind

KILLED = """
import os, signal, sys
from pathlib import Path
from budgets.in_flight import InFlight
one = InFlight(Path(sys.argv[1]), "dead")
slots = [one.open(b"text %d" % number) for number in range(int(sys.argv[2]))]
for number, slot in enumerate(slots):
    one.count(slot, number * 10)
    if number % 2:
        one.close(slot)
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(folder: Path, count: int) -> None:
    found = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(count)], check=False, env={**os.environ})
    assert found.returncode == -9


def settled(folder: Path) -> list[Left]:
    found: list[Left] = []
    settle_left_behind(folder, found.extend)
    return found


def test_a_killed_process_leaves_what_was_open_with_the_tokens_counted(tmp_path: Path) -> None:
    killed(tmp_path, 600)

    found = settled(tmp_path)

    assert sorted(found, key=lambda one: one.tokens) == [
        Left(b"text %d" % number, number * 10) for number in range(0, 600, 2)
    ]
    assert settled(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_what_a_living_process_has_open_is_its_own(tmp_path: Path) -> None:
    alive = InFlight(tmp_path, "alive")
    slot = alive.open(b"mine")

    assert settled(tmp_path) == []
    alive.close(slot)
    alive.stop()
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_stops_with_something_open_leaves_it_to_others(tmp_path: Path) -> None:
    stopped = InFlight(tmp_path, "stopped")
    stopped.open(b"mine")
    stopped.stop()

    assert settled(tmp_path) == [Left(b"mine", 0)]


def test_a_spool_of_the_dead_process_is_drained_first(tmp_path: Path) -> None:
    killed(tmp_path, 1)
    spooled = tmp_path / "dead-1.jsonl"
    spooled.write_text("{}\n")

    assert settled(tmp_path) == []
    spooled.unlink()
    assert len(settled(tmp_path)) == 1


def test_what_cannot_be_settled_now_is_there_the_next_time(tmp_path: Path) -> None:
    killed(tmp_path, 3)

    def refuse(found: Sequence[Left]) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        settle_left_behind(tmp_path, refuse)
    assert len(settled(tmp_path)) == 2


def test_slots_are_used_again(tmp_path: Path) -> None:
    one = InFlight(tmp_path, "p")
    for number in range(5000):
        one.close(one.open(b"%d" % number))
    assert one.path is not None
    assert one.path.stat().st_size <= 2**20
    one.stop()


def test_a_text_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    one = InFlight(tmp_path, "p")
    with pytest.raises(ValueError, match="too long"):
        one.open(b"x" * (MOST_TEXT + 1))
    one.close(one.open(b"x" * MOST_TEXT))
    one.stop()


def test_a_damaged_record_is_left_out_and_the_others_are_settled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    killed(tmp_path, 3)
    (path,) = tmp_path.glob("*.inflight")
    data = bytearray(path.read_bytes())
    data[data.index(b"text 0")] ^= 1
    path.write_bytes(data)

    assert settled(tmp_path) == [Left(b"text 2", 20)]
    assert "damaged" in caplog.text
