"""What alerts cost the request path when every request raises one: `python -m benchmarks.alerting_path`.

CPU of the web process per request, with all its threads: the one that writes the incidents, the Celery worker and the
sending are in it. Quiet requests are compared with such as are all too slow, and requests that all fail upstream with
the same ones on a gateway that raises nothing (variant.py).
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from benchmarks.gateway import Gateway, workplace
from benchmarks.load import WORK, Request, Rig, claim_cores, rig, run_load
from benchmarks.measure import SETTLE_SECONDS, WARM_UP_SECONDS
from benchmarks.ours import tollkeeper
from benchmarks.peers import config_yaml
from benchmarks.process import NotReady, clean_environment, cpu_used, free_port, running
from tests.fakes.slack import FakeSlack
from tests.services import postgres, redis

TARGET_US = 50.0
FAILING = "gpt-4o-fails"
# Shorter than any answer takes.
NO_PATIENCE = 0.000_001
CONNECTIONS = 32
VARIANT = (sys.executable, "-m", "benchmarks.variant")
TURNS = (
    ("quiet", "quiet", False),
    ("all too slow", "impatient", False),
    ("all fail, nothing raised", "unalerted", True),
    ("all fail", "quiet", True),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alerting_path", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a turn (3)")
    parser.add_argument("--store", choices=["postgres", "sqlite"], default="postgres", help="with Redis, or neither")
    arguments = parser.parse_args()
    cores = claim_cores()
    WORK.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="run-", dir=WORK)))
        made = stack.enter_context(rig(cores=cores, build=WORK / "bin", folder=folder))
        slack = stack.enter_context(FakeSlack())
        failing = stack.enter_context(_failing_upstream(made))
        start = _Starter(made, slack, failing, in_postgres=arguments.store == "postgres")
        gateways = {
            "quiet": stack.enter_context(start.gateway("quiet", "unwatched")),
            "impatient": stack.enter_context(start.gateway("impatient", "unwatched", alerting_threshold=NO_PATIENCE)),
            "unalerted": stack.enter_context(start.gateway("unalerted", "unalerted")),
        }
        figures: dict[str, list[float]] = defaultdict(list)
        for _ in range(arguments.rounds):
            for title, name, fails in TURNS:
                figures[title].append(_cpu_us(made, gateways[name], fails=fails, seconds=arguments.seconds))
    return _print(figures, messages=len(slack.messages))


class _Starter:
    def __init__(self, rig: Rig, slack: FakeSlack, failing: int, *, in_postgres: bool) -> None:
        self._rig, self._slack, self._failing, self._in_postgres = rig, slack, failing, in_postgres

    @contextmanager
    def gateway(self, name: str, left_out: str, **settings: Any) -> Iterator[Gateway]:
        """On stores of its own."""
        with ExitStack() as stack:
            environment = {
                "SLACK_WEBHOOK_URL": f"{self._slack.url}/services/T/B/x",
                "PYTHONPATH": str(Path(__file__).parents[1]),
            }
            if self._in_postgres:
                environment["DATABASE_URL"] = stack.enter_context(postgres(durable=True)).url
                environment["REDIS_URL"] = stack.enter_context(redis()).url
            folder = workplace(self._rig, name)
            config = yaml.safe_load(config_yaml(self._rig, callbacks=("prometheus",)))
            params = {"model": "openai/gpt-4o-mini", "api_base": f"http://127.0.0.1:{self._failing}/v1", "api_key": "x"}
            config["model_list"].append({"model_name": FAILING, "litellm_params": params})
            config["general_settings"] |= {"alerting": ["slack"], **settings}
            config["router_settings"] = {"num_retries": 0}
            text = yaml.safe_dump(config)
            yield stack.enter_context(
                tollkeeper(self._rig, folder, environment, lambda: 0, config=text, program=(*VARIANT, left_out))
            )


@contextmanager
def _failing_upstream(rig: Rig) -> Iterator[int]:
    port = free_port()
    command: list[str | Path] = [sys.executable, "-m", "benchmarks.failing_upstream", str(port)]
    environment = clean_environment(rig.folder, {"PYTHONPATH": str(Path(__file__).parents[1])})
    log = rig.folder / "failing.log"
    with running(command, core=rig.cores.others, log=log, environment=environment, folder=rig.folder):
        yield port


def _cpu_us(rig: Rig, gateway: Gateway, *, fails: bool, seconds: float) -> float:
    request = gateway.ask(False, False)
    if fails:
        request = replace(request, body=_failing_body(rig, request))
    _load(rig, request, seconds=WARM_UP_SECONDS, fails=fails)
    before = gateway.program.cpu_ns()
    count = _load(rig, request, seconds=seconds, fails=fails)
    time.sleep(SETTLE_SECONDS)
    return cpu_used(before, gateway.program.cpu_ns()) / 1000 / count


def _load(rig: Rig, request: Request, *, seconds: float, fails: bool) -> int:
    load = run_load(rig, request, connections=CONNECTIONS, seconds=seconds)
    wanted, others = (load.errors, load.answered) if fails else (load.answered, load.errors)
    if not wanted or others:
        raise NotReady(f"{load.answered} answered, {load.errors} failed: {load.first_error}")
    return wanted


def _failing_body(rig: Rig, request: Request) -> Path:
    path = rig.folder / "fails.json"
    path.write_text(json.dumps({**json.loads(request.body.read_text()), "model": FAILING}))
    return path


def _print(figures: dict[str, list[float]], *, messages: int) -> int:
    for title, values in figures.items():
        print(f"{title:26} {statistics.median(values):7.1f} us/request ({min(values):.1f}-{max(values):.1f})")
    differences = {
        "too slow costs more": _difference(figures["all too slow"], figures["quiet"]),
        "failing costs more": _difference(figures["all fail"], figures["all fail, nothing raised"]),
    }
    for title, more in differences.items():
        print(f"{title:26} {more:7.1f} us/request, target < {TARGET_US:g}: {'met' if more < TARGET_US else 'MISSED'}")
    print(f"Slack heard {messages} messages")
    return 0


def _difference(more: list[float], less: list[float]) -> float:
    """Within each round, the median of them."""
    return statistics.median(one - other for one, other in zip(more, less, strict=True))


if __name__ == "__main__":
    sys.exit(main())
