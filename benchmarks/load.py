"""The rig around a gateway: two C programs, a fake upstream that keeps running and a load generator run on demand."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import NotReady, clean_environment, free_port, pinned_to, running

SOURCES = Path(__file__).parent / "rig"
WORK = Path(__file__).parent / ".work"
"""Out of the repository: what is compiled, installed and left by a run."""
CHAT_PATH = "/v1/chat/completions"
MODEL, SLOW_MODEL = "gpt-4o-mini", "gpt-4o-mini-slow"
SLOW_LATENCY_US = 50_000
GRACE_SECONDS = 30.0
TOLD = "You are a helpful assistant that answers questions about the weather and about travel in a concise manner. "
ASKED = "Please tell me what the weather will be like in Paris tomorrow and what I should pack for three days, thanks. "


class RigError(Exception):
    """The rig itself does not work on this machine."""


@dataclass(frozen=True)
class Cores:
    gateway: int
    others: int


def claim_cores() -> Cores:
    """One for the gateway, one for the rig; databases (and this program) go to a third if there is one."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        raise RigError("The benchmark needs two cores: one for the gateway, one for the load.")
    os.sched_setaffinity(0, available[2:] or {available[1]})
    return Cores(gateway=available[0], others=available[1])


@dataclass(frozen=True)
class Rig:
    """What every target finds around it. `upstream` answers at once, `slow_upstream` after 50 ms (both are ports)."""

    cores: Cores
    folder: Path
    load: Path
    upstream: int
    slow_upstream: int


@dataclass(frozen=True)
class Request:
    port: int
    body: Path
    path: str = CHAT_PATH
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Load:
    """One run of the load generator: `answered` and `errors` of all of it, the rest without its ends."""

    answered: int
    errors: int
    first_error: str
    per_second: float
    events_per_answer: float
    p50_ms: float
    p99_ms: float


@contextmanager
def rig(*, cores: Cores, build: Path, folder: Path) -> Iterator[Rig]:
    """Raises RigError without a working C compiler, and NotReady when the fake upstream does not start."""
    load, mock = _compile("load", build), _compile("mock", build)
    made = Rig(cores=cores, folder=folder, load=load, upstream=free_port(), slow_upstream=free_port())
    _write_bodies(folder)
    command: list[str | Path] = [mock, f"{made.upstream}:0:0", f"{made.slow_upstream}:{SLOW_LATENCY_US}:0"]
    environment = clean_environment(folder)
    with running(command, core=cores.others, log=folder / "mock.log", environment=environment, folder=folder) as mocked:
        mocked.wait_until(lambda: _answers(made), seconds=10)
        yield made


def run_load(rig: Rig, request: Request, *, connections: int, seconds: float, rate: float = 0.0) -> Load:
    """Closed loop, or with `rate` an open one of that many requests a second."""
    options = {"-p": request.port, "-P": request.path, "-f": request.body, "-c": connections}
    options |= {"-d": seconds, "-w": 0, "-r": rate}
    headers = [part for line in request.headers for part in ("-H", line)]
    try:
        with pinned_to(rig.cores.others):
            done = subprocess.run(
                [rig.load, *(str(part) for pair in options.items() for part in pair), *headers],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds + GRACE_SECONDS,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise NotReady(f"the load generator did not end within {error.timeout:.0f} s") from error
    if done.returncode:
        raise NotReady(f"the load generator stopped: {done.stderr.strip()}")
    told = json.loads(done.stdout)
    return Load(
        answered=told["sent"] - told["err"],
        errors=told["err"],
        first_error=done.stderr.strip(),
        per_second=told["rps"],
        events_per_answer=told["evps"] / told["rps"] if told["ok"] else 0.0,
        p50_ms=told["lat_us"]["p50"] / 1000,
        p99_ms=told["lat_us"]["p99"] / 1000,
    )


def body(rig: Rig, *, stream: bool = False, slow: bool = False) -> Path:
    return rig.folder / f"{'stream' if stream else 'chat'}{'-slow' if slow else ''}.json"


def direct(rig: Rig, *, slow: bool) -> Request:
    """The same request without a gateway in between."""
    return Request(port=rig.slow_upstream if slow else rig.upstream, body=body(rig, slow=slow))


def _compile(name: str, build: Path) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise RigError("The benchmark needs a C compiler (cc or gcc) for its load generator and its fake upstream.")
    build.mkdir(parents=True, exist_ok=True)
    program = build / name
    command: list[str | Path] = [compiler, "-O2", "-o", program, SOURCES / f"{name}.c"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RigError(f"{compiler} does not compile {name}.c:\n{done.stderr}")
    return program


def _write_bodies(folder: Path) -> None:
    for suffix, model in (("", MODEL), ("-slow", SLOW_MODEL)):
        chat = {
            "model": model,
            "messages": [{"role": "system", "content": TOLD * 3}, {"role": "user", "content": ASKED * 4}],
            "temperature": 0.7,
            "max_tokens": 256,
        }
        stream = {**chat, "stream": True, "stream_options": {"include_usage": True}}
        (folder / f"chat{suffix}.json").write_text(json.dumps(chat))
        (folder / f"stream{suffix}.json").write_text(json.dumps(stream))


def _answers(rig: Rig) -> bool:
    try:
        return run_load(rig, direct(rig, slow=False), connections=1, seconds=0.01).errors == 0
    except NotReady:
        return False
