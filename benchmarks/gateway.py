"""A gateway that is running: how to ask it, what it is, and the proof that it relays what the upstream says."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.load import CHAT_PATH, Request, Rig, body
from benchmarks.process import NotReady, Program, clean_environment, running

IN_CHAT = "mocked answer"
IN_STREAM = ("token0 ", "token29 ", "data: [DONE]")


class Absent(Exception):
    """What would be measured is not installed here; the message says what is missing."""


Ask = Callable[[bool, bool], Request]
"""(a stream?, from the slow upstream?) -> the request that asks for it"""


@dataclass(frozen=True)
class Gateway:
    program: Program
    ask: Ask
    about: str
    started_seconds: float
    """From the start of the process to its first answered completion."""
    read_books: Callable[[], "Books"] | None = None
    """Of a gateway that keeps any."""


@dataclass(frozen=True)
class Books:
    """Successful requests accounted for so far."""

    ledger_rows: int
    metric: int


def workplace(rig: Rig, name: str) -> Path:
    folder = rig.folder / name
    folder.mkdir()
    return folder


def ask_by_model(rig: Rig, port: int, *headers: str) -> Ask:
    """For a gateway that chooses the upstream by the model of the request."""

    def ask(stream: bool, slow: bool) -> Request:
        return Request(port=port, body=body(rig, stream=stream, slow=slow), path=CHAT_PATH, headers=headers)

    return ask


@contextmanager
def serving(
    rig: Rig,
    command: Sequence[str | Path],
    *,
    folder: Path,
    ask: Ask,
    about: str,
    environment: Mapping[str, str] | None = None,
    seconds: float = 20,
) -> Iterator[Gateway]:
    """Raises NotReady when no completion is answered within `seconds`, or not with the upstream's answer."""
    started_at = time.monotonic()
    with running(
        command,
        core=rig.cores.gateway,
        log=folder / "log",
        environment=clean_environment(folder, environment),
        folder=folder,
    ) as program:
        program.wait_until(lambda: _status(ask(False, False)) == httpx.codes.OK, seconds=seconds)
        gateway = Gateway(program, ask, about, started_seconds=time.monotonic() - started_at)
        check(gateway)
        yield gateway


def check(gateway: Gateway) -> None:
    """Raises NotReady unless chat and stream come through, from both upstreams."""
    for slow in (False, True):
        for stream, marks in ((False, (IN_CHAT,)), (True, IN_STREAM)):
            reply = send(gateway.ask(stream, slow))
            if reply.status_code != httpx.codes.OK or not all(mark in reply.text for mark in marks):
                raise NotReady(f"answers {reply.status_code}: {reply.text[:500]}\n{gateway.program.log_tail()}")


def send(request: Request) -> httpx.Response:
    headers = dict(line.split(": ", 1) for line in request.headers)
    headers["Content-Type"] = "application/json"
    url = f"http://127.0.0.1:{request.port}{request.path}"
    return httpx.post(url, content=request.body.read_bytes(), headers=headers, timeout=20, trust_env=False)


def _status(request: Request) -> int | None:
    try:
        return send(request).status_code
    except httpx.TransportError:
        return None
