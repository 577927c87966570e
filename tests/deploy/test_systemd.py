"""deploy/systemd: the units start our commands, and leave them the time and the folder that they need."""

import shlex
from configparser import ConfigParser
from pathlib import Path

import pytest

from gateway_project import cli
from gateway_project.server import GRACE_SECONDS

UNITS = sorted((Path(__file__).parents[2] / "deploy/systemd").iterdir())


def _read(path: Path) -> ConfigParser:
    unit = ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign] # systemd's names have capitals
    unit.read_string(path.read_text())
    return unit


@pytest.mark.parametrize(
    ("name", "instance", "options"),
    [
        ("tollkeeper.service", "", ""),
        ("tollkeeper.service", "", "--web-only --num_workers 4"),
        ("tollkeeper@.service", "worker", ""),
        ("tollkeeper@.service", "beat", ""),
    ],
)
def test_it_starts_a_command_that_there_is(name: str, instance: str, options: str) -> None:
    (path,) = (path for path in UNITS if path.name == name)
    line = _read(path)["Service"]["ExecStart"].replace("%i", instance).replace("$TOLLKEEPER_OPTIONS", options)
    program, *arguments = shlex.split(line)
    assert Path(program).name == "tollkeeper"
    parsed = cli._parser().parse_args(arguments)
    assert getattr(parsed, "role", "") == instance
    assert getattr(parsed, "web_only", False) == ("--web-only" in options)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_it_keeps_its_folder_and_starts_again(path: Path) -> None:
    service = _read(path)["Service"]
    assert service["Environment"] == f"TOLLKEEPER_DATA=/var/lib/{service['StateDirectory']}"
    assert service["Restart"] == "always"
    assert service["User"] != "root"


def test_running_streams_may_end() -> None:
    (path,) = (path for path in UNITS if path.name == "tollkeeper.service")
    assert int(_read(path)["Service"]["TimeoutStopSec"]) > GRACE_SECONDS
