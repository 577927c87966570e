"""Programs that a run starts: pinned to a core, stopped whatever happens, CPU and memory read from /proc."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 5.0
LOG_TAIL_LINES = 15
KEPT_VARIABLES = ("PATH", "LANG", "LD_LIBRARY_PATH")


class NotReady(Exception):
    """A program ended, stayed silent or answers nonsense; the message says which, with the end of its log."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Neither proxies, nor keys, nor databases of whoever starts the benchmark reach what is measured."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {**kept, "HOME": str(home), "TMPDIR": str(home), **(extra or {})}


@contextmanager
def pinned_to(core: int) -> Iterator[None]:
    """What is started inside inherits it."""
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


@dataclass(frozen=True)
class Program:
    """A running program with everything it started (its session)."""

    process: subprocess.Popen[bytes]
    log: Path

    def pids(self) -> list[int]:
        return [pid for pid in _all_pids() if _session(pid) == self.process.pid]

    def cpu_ns(self) -> dict[int, int]:
        """Nanoseconds of CPU by thread."""
        return {thread: ns for pid in self.pids() for thread, ns in _threads(pid)}

    def memory_bytes(self) -> int:
        return sum(_resident_bytes(pid) for pid in self.pids())

    def wait_until(self, is_ready: Callable[[], bool], *, seconds: float) -> None:
        """Raises NotReady when the program ends first, or is not ready in time."""
        until = time.monotonic() + seconds
        while not is_ready():
            if self.process.poll() is not None:
                raise NotReady(f"ended with status {self.process.returncode}\n{self.log_tail()}")
            if time.monotonic() > until:
                raise NotReady(f"not ready within {seconds:.0f} s\n{self.log_tail()}")
            time.sleep(0.02)

    def log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-LOG_TAIL_LINES:])

    def stop(self) -> None:
        """SIGTERM to the first process, which stops its children in its own order; SIGKILL to what is left."""
        self.process.terminate()
        try:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        finally:
            for pid in self.pids():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()


@contextmanager
def running(
    command: Sequence[str | Path], *, core: int, log: Path, environment: Mapping[str, str], folder: Path
) -> Iterator[Program]:
    with log.open("wb") as output, pinned_to(core):
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    program = Program(process, log)
    try:
        yield program
    finally:
        program.stop()


def cpu_used(before: Mapping[int, int], after: Mapping[int, int]) -> int:
    """Nanoseconds between two readings of `Program.cpu_ns`; threads that ended in between are not seen."""
    return sum(ns - before.get(thread, 0) for thread, ns in after.items())


def _all_pids() -> Iterator[int]:
    return (int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit())


def _session(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    # The name in parentheses may hold spaces and parentheses; after it: state, parent, group, session.
    return int(stat.rpartition(")")[2].split()[3])


def _threads(pid: int) -> Iterator[tuple[int, int]]:
    for stat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):
            yield int(stat.parent.name), int(stat.read_text().split()[0])


def _resident_bytes(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
