"""What is measured: one row per gateway, each started the same way and asked the same question."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks import ours, peers
from benchmarks.bare_asgi import SLOW_PREFIX
from benchmarks.gateway import Absent, Ask, Gateway, serving, workplace
from benchmarks.load import CHAT_PATH, Request, Rig, body
from benchmarks.process import free_port

ROOT = Path(__file__).resolve().parents[1]
Start = Callable[[Rig], AbstractContextManager[Gateway]]


@dataclass(frozen=True)
class Target:
    """`start` raises Absent when there is nothing to start, NotReady when it does not work."""

    name: str
    title: str
    start: Start

    def is_meant_by(self, words: set[str]) -> bool:
        """`bare` means both `bare-httpx` and `bare-aiohttp`."""
        return self.name in words or self.name.partition("-")[0] in words


NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_body_buffer_size 64k;
  keepalive_requests 1000000000;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_buffering off;
  upstream fast {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000000; }}
  upstream slow {{ server 127.0.0.1:{slow_upstream}; keepalive 128; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://fast; }}
    location {slow_prefix}/ {{ proxy_pass http://slow/; }}
  }}
}}
"""


@contextmanager
def nginx(rig: Rig) -> Iterator[Gateway]:
    if not (program := shutil.which("nginx")):
        raise Absent("nginx is not on PATH")
    folder, port = workplace(rig, "nginx"), free_port()
    config = folder / "nginx.conf"
    ports = {"port": port, "upstream": rig.upstream, "slow_upstream": rig.slow_upstream}
    config.write_text(NGINX.format(folder=folder, slow_prefix=SLOW_PREFIX, **ports))
    told = subprocess.run([program, "-v"], capture_output=True, text=True, timeout=10, check=False)
    command: list[str | Path] = [program, "-p", folder, "-e", "stderr", "-c", config]
    about = told.stderr.strip().rpartition(": ")[2]
    with serving(rig, command, folder=folder, ask=_ask_by_path(rig, port), about=about) as gateway:
        yield gateway


def bare(name: str, *packages: str) -> Start:
    @contextmanager
    def start(rig: Rig) -> Iterator[Gateway]:
        folder, port = workplace(rig, f"bare-{name}"), free_port()
        environment = {
            "BENCH_UPSTREAM": f"http://127.0.0.1:{rig.upstream}",
            "BENCH_SLOW_UPSTREAM": f"http://127.0.0.1:{rig.slow_upstream}",
        }
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "uvicorn",
            "--app-dir",
            ROOT,
            f"benchmarks.bare_asgi:{name}_app",
        ]
        command += ["--host", "127.0.0.1", "--port", str(port), "--loop", "uvloop", "--http", "httptools"]
        command += ["--no-access-log", "--log-level", "warning"]
        about = ", ".join(f"{package} {version(package)}" for package in ("uvicorn", *packages))
        ask = _ask_by_path(rig, port)
        with serving(rig, command, folder=folder, ask=ask, about=about, environment=environment) as gateway:
            yield gateway

    return start


def _ask_by_path(rig: Rig, port: int) -> Ask:
    def ask(stream: bool, slow: bool) -> Request:
        path = SLOW_PREFIX + CHAT_PATH if slow else CHAT_PATH
        return Request(port=port, body=body(rig, stream=stream, slow=slow), path=path)

    return ask


TARGETS = (
    Target("ours-server", "ours, PostgreSQL + Redis", ours.with_services),
    Target("ours-embedded", "ours, embedded SQLite", ours.embedded),
    Target("bare-httpx", "bare ASGI, httpx client", bare("httpx", "httpx", "httpx-aiohttp", "aiohttp")),
    Target("bare-transport", "bare ASGI, httpx transport", bare("transport", "httpx", "httpx-aiohttp", "aiohttp")),
    Target("bare-aiohttp", "bare ASGI, our transport", bare("aiohttp", "aiohttp")),
    Target("nginx", "nginx", nginx),
    Target("litellm", "LiteLLM", peers.litellm),
    Target("portkey", "Portkey", peers.portkey),
)
