"""A private Alertmanager, the real one."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.services import Missing

PROGRAMS = ("prometheus-alertmanager", "alertmanager")
START_SECONDS = 15.0
TELLS_NOBODY = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


@contextmanager
def alertmanager(directory: Path, config: str = TELLS_NOBODY) -> Iterator[str]:
    """The address of one. Raises Missing."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not program:
        raise Missing(f"no Alertmanager: none of {', '.join(PROGRAMS)} on PATH")
    config_path = directory / "config.yml"
    config_path.write_text(config, encoding="utf-8")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{found.getsockname()[1]}"
    command = [
        program,
        f"--config.file={config_path}",
        f"--storage.path={directory}",
        f"--web.listen-address={address}",
    ]
    log_path = directory / "log"
    with log_path.open("wb") as log:
        process = subprocess.Popen([*command, "--cluster.listen-address="], stdout=log, stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or is_ready(f"http://{address}"))
        if process.poll() is not None or not is_ready(f"http://{address}"):
            raise Missing(f"{program} does not start: {log_path.read_text(errors='replace')[-500:]}")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(10)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False, timeout=2).is_success
    except httpx.HTTPError:
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
