"""The spool: what was appended is drained, once, whoever dies meanwhile."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from budgets.spool import BATCH, Spool

LINES = [b'{"n":1}', b'{"n":2}', b'{"n":3}']


def drained(spool: Spool) -> list[bytes]:
    found: list[bytes] = []
    spool.drain(found.extend)
    return found


def run(code: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """In a process of its own, which may end without saying goodbye."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)


def test_what_was_appended_is_drained_in_order_and_forgotten(folder: Path) -> None:
    spool = Spool(folder)
    spool.append(LINES[:2])
    spool.append(LINES[2:])

    assert drained(spool) == LINES
    assert drained(spool) == []
    assert not spool.pending()


def test_an_empty_spool_has_nothing_pending_and_makes_no_folder(folder: Path) -> None:
    spool = Spool(folder)

    assert not spool.pending()
    assert drained(spool) == []
    assert not folder.exists()


def test_lines_appended_after_a_drain_are_drained_next_time(folder: Path) -> None:
    spool = Spool(folder)
    spool.append(LINES[:1])
    drained(spool)
    spool.append(LINES[1:])

    assert spool.pending()
    assert drained(spool) == LINES[1:]


def test_the_folder_is_for_its_owner_alone(folder: Path) -> None:
    spool = Spool(folder)
    spool.append(LINES)
    mode = folder.stat().st_mode & 0o777
    drained(spool)

    assert oct(mode) == "0o700"


def test_a_drain_hands_over_at_most_a_batch_at_a_time(folder: Path) -> None:
    spool = Spool(folder)
    spool.append([b"%d" % number for number in range(2 * BATCH + 1)])
    sizes: list[int] = []

    assert spool.drain(lambda lines: sizes.append(len(lines))) == 2 * BATCH + 1
    assert sizes == [BATCH, BATCH, 1]


def test_a_drain_that_fails_in_the_middle_loses_nothing(folder: Path) -> None:
    spool = Spool(folder)
    lines = [b"%d" % number for number in range(BATCH + 1)]
    spool.append(lines)
    calls: list[int] = []

    def fail_second(batch: Sequence[bytes]) -> None:
        calls.append(len(batch))
        if len(calls) == 2:
            raise RuntimeError("away again")

    with pytest.raises(RuntimeError, match="away again"):
        spool.drain(fail_second)

    assert spool.pending()
    assert drained(spool) == lines


def test_a_torn_last_line_is_dropped_and_the_lines_before_it_are_kept(folder: Path) -> None:
    folder.mkdir()
    (folder / "0.jsonl").write_bytes(b'{"n":1}\n{"n":2}\n{"n":')

    assert drained(Spool(folder)) == LINES[:2]
    assert not list(folder.iterdir())


def test_rejected_lines_are_kept_and_never_drained(folder: Path) -> None:
    spool = Spool(folder)
    spool.reject(b"one")
    spool.reject(b"two")

    assert (folder / "rejected.txt").read_bytes() == b"one\ntwo\n"
    assert not spool.pending()
    assert drained(spool) == []


def test_the_file_of_a_process_that_lives_is_left_to_it(folder: Path) -> None:
    owner = Spool(folder)
    owner.append(LINES)

    assert drained(Spool(folder)) == []
    assert drained(owner) == LINES


def test_the_file_of_a_process_that_died_is_drained_by_another(folder: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from budgets.spool import Spool
Spool(Path(sys.argv[1])).append([b'{"n":1}', b'{"n":2}'])
os.kill(os.getpid(), 9)
"""
    assert run(code, folder).returncode == -9

    assert drained(Spool(folder)) == LINES[:2]


APPENDER = """
import sys
from pathlib import Path
from budgets.spool import Spool
folder, name, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
spool = Spool(folder)
kept = []
failures = set()
for number in range(rounds):
    spool.append([f"{name}-{number}".encode()])
    try:
        spool.drain(kept.extend)
    except OSError as error:
        failures.add(type(error).__name__)
print(b"\\n".join(kept).decode())
print(*failures, file=sys.stderr)
"""


def append_and_drain_in_two_processes(folder: Path, *, rounds: int) -> tuple[set[str], set[str]]:
    """Which lines were stored by anyone in the end, and which failures the drains met."""
    command = [sys.executable, "-c", APPENDER, str(folder)]
    processes = [
        subprocess.Popen(
            [*command, name, str(rounds)],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    answers = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    left = {line.decode() for line in drained(Spool(folder))}
    return left.union(*(out.split() for out, _ in answers)), set().union(*(told.split() for _, told in answers))


def test_two_processes_that_append_and_drain_in_one_folder_lose_nothing(folder: Path) -> None:
    rounds = 2000

    stored, _ = append_and_drain_in_two_processes(folder, rounds=rounds)

    assert {f"{name}-{number}" for name in ("one", "two") for number in range(rounds)} - stored == set()


def test_a_file_that_another_process_drained_meanwhile_is_no_failure(folder: Path) -> None:
    _, failures = append_and_drain_in_two_processes(folder, rounds=1000)

    assert failures == set()


@pytest.mark.parametrize("drains_while_full", [False, True])
def test_a_disk_that_was_full_for_a_while_loses_nothing_that_was_acknowledged(
    folder: Path, drains_while_full: bool
) -> None:
    code = """
import resource, signal, sys
from pathlib import Path
from budgets.spool import Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(Path(sys.argv[1]))
kept = []
def attempt(line):
    try:
        spool.append([line])
    except OSError:
        return False
    return True
assert attempt(b"before" * 10)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
assert not attempt(b"refused" * 20)
if sys.argv[2] == "True":
    try:
        spool.drain(kept.extend)
    except OSError:
        pass
    assert not attempt(b"refused" * 20)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert attempt(b"after" * 10)
spool.drain(kept.extend)
print(b"\\n".join(kept).decode())
"""
    done = run(code, folder, drains_while_full)
    stored = done.stdout.split()

    assert done.returncode == 0, done.stderr
    assert {"before" * 10, "after" * 10} <= set(stored)
    # The client of a refused entry was told that it is not served, so it must not be charged.
    assert "refused" * 20 not in stored


def test_a_folder_that_cannot_be_made_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    spool = Spool(tmp_path / "file")

    with pytest.raises(OSError, match=os.strerror(17)):
        spool.append(LINES)
