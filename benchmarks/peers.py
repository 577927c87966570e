"""LiteLLM and Portkey, from a folder of their own: never a dependency of the project. `install` puts them there."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from benchmarks.gateway import Absent, Ask, Gateway, ask_by_model, serving, workplace
from benchmarks.load import MODEL, SLOW_MODEL, SOURCES, WORK, Request, Rig, body
from benchmarks.process import free_port

LITELLM = "litellm[proxy]==1.106.2"
PORTKEY = {
    "private": True,
    "dependencies": {"@portkey-ai/gateway": "1.15.2"},
    # With a newer one every stream ends in "TypeError: immutable": github.com/Portkey-AI/gateway/issues/1389
    "overrides": {"@hono/node-server": "1.14.1"},
}
PORTKEY_FOLDER = WORK / "portkey" / "node_modules" / "@portkey-ai" / "gateway"
MASTER_KEY = "sk-bench-0123456789abcdef"
INSTALL_SECONDS = 1200.0
READY_SECONDS = 90.0


def config_yaml(rig: Rig, *, callbacks: tuple[str, ...] = ()) -> str:
    """One model group at the fast upstream and one at the slow, in LiteLLM's format."""
    config = {
        "model_list": [_deployment(MODEL, rig.upstream), _deployment(SLOW_MODEL, rig.slow_upstream)],
        "general_settings": {"master_key": MASTER_KEY},
    }
    if callbacks:
        config["litellm_settings"] = {"callbacks": list(callbacks)}
    return yaml.safe_dump(config, sort_keys=False)


def _deployment(name: str, port: int) -> dict[str, object]:
    params = {"model": "openai/gpt-4o-mini", "api_base": f"http://127.0.0.1:{port}/v1", "api_key": "sk-bench"}
    return {"model_name": name, "litellm_params": params}


@contextmanager
def litellm(rig: Rig) -> Iterator[Gateway]:
    """Without database, metrics and log: as fast as it gets."""
    command = Path(os.environ.get("BENCH_LITELLM_VENV") or WORK / "litellm") / "bin" / "litellm"
    if not command.exists():
        raise Absent("not installed; --install-peers does it, or BENCH_LITELLM_VENV names its environment")
    folder, port = workplace(rig, "litellm"), free_port()
    (folder / "config.yaml").write_text(config_yaml(rig))
    found = next(command.parents[1].glob("lib/python*/site-packages/litellm-*.dist-info"), None)
    options = ["--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    with serving(
        rig,
        [command.absolute(), *options, "--num_workers", "1", "--telemetry", "False"],
        folder=folder,
        ask=ask_by_model(rig, port, f"Authorization: Bearer {MASTER_KEY}"),
        about=found.stem.replace("-", " ") if found else "version unknown",
        # Its price map comes with the package, and no .env file is read.
        environment={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR"},
        seconds=READY_SECONDS,
    ) as gateway:
        yield gateway


@contextmanager
def portkey(rig: Rig) -> Iterator[Gateway]:
    server = PORTKEY_FOLDER / "build" / "start-server.js"
    if not (node := shutil.which("node")):
        raise Absent("node is not on PATH")
    if not server.exists():
        raise Absent("not installed; --install-peers does it")
    folder, port = workplace(rig, "portkey"), free_port()
    told = json.loads((PORTKEY_FOLDER / "package.json").read_text())
    with serving(
        rig,
        [node, "--require", SOURCES / "loopback.cjs", server, f"--port={port}", "--headless"],
        folder=folder,
        ask=_ask_by_header(rig, port),
        about=f"{told['name']} {told['version']}",
        environment={"NODE_ENV": "production"},
    ) as gateway:
        yield gateway


def _ask_by_header(rig: Rig, port: int) -> Ask:
    def ask(stream: bool, slow: bool) -> Request:
        upstream = rig.slow_upstream if slow else rig.upstream
        host = f"x-portkey-custom-host: http://127.0.0.1:{upstream}/v1"
        headers = ("Authorization: Bearer sk-bench", "x-portkey-provider: openai", host)
        return Request(port=port, body=body(rig, stream=stream, slow=slow), headers=headers)

    return ask


def install() -> None:
    """Into benchmarks/.work; what fails is said and left out."""
    WORK.mkdir(exist_ok=True)
    venv = WORK / "litellm"
    _run([sys.executable, "-m", "venv", venv])
    _run([venv / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", LITELLM])
    if not (npm := shutil.which("npm")):
        print("npm is not on PATH: Portkey is not installed.")
        return
    folder = WORK / "portkey"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps(PORTKEY, indent=2))
    _run([npm, "install", "--no-fund", "--no-audit", "--prefix", folder])


def _run(command: list[str | Path]) -> None:
    print("+", *command, flush=True)
    try:
        subprocess.run(command, check=True, timeout=INSTALL_SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        print(f"That failed: {error}", flush=True)
