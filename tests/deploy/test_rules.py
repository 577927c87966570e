"""The rules of deploy/: each is tested by promtool, firing and not, and leads to a runbook."""

import re
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import started
from tests.prometheus import promtool

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "deploy/rules").glob("*.yml"))
UNIT_TESTS = sorted((ROOT / "deploy/rules/tests").glob("*.yml"))
_NAMED = re.compile(r'alertname="(\w+)"')


def rules() -> list[dict[str, Any]]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}


Run = Callable[..., None]


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    for program in started(promtool(), request):
        yield partial(_run, program)


def _run(program: str, *arguments: str | Path) -> None:
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_can_read_them(run: Run) -> None:
    run("check", "rules", "--lint=all", "--lint-fatal", *RULES)
    # What it names, such as the rules, is where it says.
    run("check", "config", ROOT / "deploy/prometheus.yml")


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_they_say_what_they_should(run: Run, path: Path) -> None:
    run("test", "rules", path)


def cases() -> list[tuple[str, list[str]]]:
    """The name of an alert, and the labels of those that shall be firing."""
    return [
        (found.group(1), [sample["labels"] for sample in case["exp_samples"]])
        for path in UNIT_TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test["promql_expr_test"]
        if (found := _NAMED.search(case["expr"] + str(case["exp_samples"])))
    ]


@pytest.mark.parametrize("alert", ALERTS)
def test_each_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(alert: str) -> None:
    expected = [firing for name, firing in cases() if name == alert]
    assert any(expected)
    assert not all(expected)


@pytest.mark.parametrize("alert", ALERTS)
def test_its_text_names_only_labels_that_it_has(alert: str) -> None:
    firing = [labels for name, samples in cases() if name == alert for labels in samples]
    has = set.union(*(set(re.findall(r"(\w+)=", labels)) for labels in firing))
    named = set(re.findall(r"\$labels\.(\w+)", "".join(ALERTS[alert]["annotations"].values())))
    assert named <= has


@pytest.mark.parametrize("alert", ALERTS)
def test_each_is_labelled_and_leads_to_its_runbook(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["labels"]["topic"]
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    document, _, section = rule["annotations"]["runbook_url"].partition("#")
    assert f"\n### {alert}\n" in (ROOT / document).read_text()
    assert section == alert.lower()


def test_the_runbooks_tell_of_no_alert_that_is_gone() -> None:
    assert set(re.findall(r"^### (\w+)$", (ROOT / "docs/runbooks.md").read_text(), re.MULTILINE)) == set(ALERTS)
