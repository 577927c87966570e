"""`python -m benchmarks.run`: every target in turn on one core; prints figures, ratios and what is met and missed."""

import argparse
import json
import os
import platform
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

import httpx
import psycopg

from benchmarks import peers, report
from benchmarks.gateway import Absent
from benchmarks.load import WORK, Load, Rig, RigError, claim_cores, rig
from benchmarks.measure import LATENCY_RATE, Course, Plan, measure_direct
from benchmarks.process import NotReady
from benchmarks.report import CHUNKS
from benchmarks.results import Result, as_json
from benchmarks.targets import TARGETS, Target
from benchmarks.verdicts import verdicts

# What a target may do when it does not work; the others are measured all the same.
BROKEN = (NotReady, OSError, httpx.HTTPError, psycopg.Error, sqlite3.Error, subprocess.SubprocessError)


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _stop)
    if arguments.install_peers:
        peers.install()
    plan = Plan(arguments.rounds, arguments.seconds, arguments.latency_seconds, arguments.connections)
    targets = [target for target in TARGETS if not arguments.only or target.is_meant_by(arguments.only)]
    try:
        results = _measure(targets, plan)
    except (RigError, NotReady) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; everything that was started is stopped.", file=sys.stderr)
        return 130
    _print_page(results, plan)
    if arguments.json:
        told = {"machine": _machine(), "plan": asdict(plan), "targets": as_json(results)}
        arguments.json.write_text(json.dumps(told, indent=2) + "\n")
    return 1 if any(result.failure for result in results) else 0


def _arguments() -> argparse.Namespace:
    names = ", ".join(target.name for target in TARGETS)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each target (3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of chat, and of streams, in a turn (2)")
    parser.add_argument("--latency-seconds", type=float, default=3.0, help="at 50 requests per second, in a turn (3)")
    parser.add_argument("--connections", type=int, default=32, help="of the load generator (32)")
    parser.add_argument(
        "--only", type=_words, default=set(), metavar="NAMES", help=f"of {names}; ours and bare mean both"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument(
        "--install-peers", action="store_true", help="first put LiteLLM and Portkey into benchmarks/.work"
    )
    arguments = parser.parse_args()
    if unknown := [word for word in arguments.only if not any(target.is_meant_by({word}) for target in TARGETS)]:
        parser.error(f"--only knows {names}, not {', '.join(unknown)}")
    if arguments.rounds < 1 or arguments.connections < 1 or min(arguments.seconds, arguments.latency_seconds) <= 0:
        parser.error("--rounds, --seconds, --latency-seconds and --connections are above 0")
    return arguments


def _words(text: str) -> set[str]:
    return {word for word in text.split(",") if word}


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _measure(targets: list[Target], plan: Plan) -> list[Result]:
    cores = claim_cores()
    WORK.mkdir(exist_ok=True)
    with ExitStack() as stack:
        scratch = tempfile.TemporaryDirectory(prefix="run-", dir=WORK, ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(scratch))
        made = stack.enter_context(rig(cores=cores, build=WORK / "bin", folder=folder))
        results = [_begin(target, made, stack) for target in targets]
        for number in range(1, plan.rounds + 1):
            base = measure_direct(made, plan)
            for position, result in enumerate(results):
                if result.course and not result.failure:
                    _say(f"round {number} of {plan.rounds}: {result.target.title}")
                    results[position] = _take_turn(result, made, plan, base)
        return results


def _begin(target: Target, rig: Rig, stack: ExitStack) -> Result:
    _say(f"starting {target.title}")
    try:
        return Result(target, Course.begin(stack.enter_context(target.start(rig))))
    except Absent as absent:
        return Result(target, absent=str(absent))
    except BROKEN as failure:
        return Result(target, failure=_told(failure))


def _take_turn(result: Result, rig: Rig, plan: Plan, base: Load) -> Result:
    try:
        if result.course:
            result.course.take_turn(rig, plan, base)
    except BROKEN as failure:
        return replace(result, failure=_told(failure))
    return result


def _told(failure: Exception) -> str:
    return str(failure) if isinstance(failure, NotReady) else f"{type(failure).__name__}: {failure}"


def _print_page(results: list[Result], plan: Plan) -> None:
    turn = (
        f"{plan.seconds:g} s of chat, {plan.seconds:g} s of streams of {CHUNKS} chunks, {plan.connections} connections"
    )
    latency = (
        f"{plan.latency_seconds:g} s at {LATENCY_RATE:g} requests/s over a 50 ms upstream, compared with none between"
    )
    print(f"machine  {_machine()}")
    print(f"method   {plan.rounds} rounds, each target in turn: {turn}")
    print(f"         then {latency}; median (min-max)")
    _section("", report.table(results))
    _section("ratios within a round", report.ratios(results))
    _section("targets", verdicts(results))
    _section("remarks", report.remarks(results))


def _section(title: str, lines: Iterable[str]) -> None:
    if found := list(lines):
        print("\n" + "\n".join([title, *found] if title else found))


def _machine() -> str:
    model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    named = model[1] if model else platform.machine()
    return f"{named}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"


def _say(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
