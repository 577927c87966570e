"""Writes down what LiteLLM makes of the cases: TOLLKEEPER_LITELLM_PYTHON=... python -m tests.budgets.oracle.freeze."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.budgets.oracle.cases import Case, cases

ASK = Path(__file__).with_name("ask.py")
FROZEN = Path(__file__).with_name("results.jsonl")
VARIABLE = "TOLLKEEPER_LITELLM_PYTHON"


def ask_litellm(python: str, asked: list[Case]) -> dict[str, Any]:
    """Its version, and dollars as text in the order of the cases."""
    done = subprocess.run([python, ASK], input=json.dumps(asked), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{python} could not ask LiteLLM: {done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def frozen() -> list[Case]:
    """Each case with its `cost`."""
    return [json.loads(line) for line in FROZEN.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    found = ask_litellm(os.environ[VARIABLE], cases())
    lines = [json.dumps({**case, "cost": cost}) for case, cost in zip(cases(), found["costs"], strict=True)]
    FROZEN.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} results of LiteLLM {found['litellm']}")
