"""The wheel, built from the tracked files alone and started outside the tree: what a user of pip gets."""

import email
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest

from tests.gateway import Gateway, chat

ROOT = Path(__file__).parents[2]
PACKAGES = ("alerts", "budgets", "gateway_project", "proxy", "teams")


@dataclass
class InstalledGateway(Gateway):
    """Started by the console script of an installation, with nothing of the tree on its path."""

    scripts: Path = Path()

    def command(self, *arguments: str) -> list[str]:
        return [str(self.scripts / "tollkeeper"), *arguments]

    def full_environment(self) -> dict[str, str]:
        return without_tree(super().full_environment())


def without_tree(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("PYTHON")}


def tracked(*paths: str) -> list[str]:
    done = subprocess.run(["git", "ls-files", "-z", "--", *paths], cwd=ROOT, capture_output=True, check=True)
    return [name for name in done.stdout.decode().split("\0") if name and (ROOT / name).exists()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    for name in tracked():
        copy = folder / "source" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run(
        [*build, "-w", str(folder), str(folder / "source")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a new environment: the project from the wheel, its dependencies from the running one."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False, symlinks=True)
    (site,) = home.glob("lib/python*/site-packages")
    install = [sys.executable, "-m", "pip", "--python", str(home / "bin/python"), "install", "--quiet"]
    subprocess.run([*install, "--disable-pip-version-check", "--no-deps", str(wheel)], check=True)
    # A folder named in a .pth file is searched, but its own .pth files are not read: nor the editable install's.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return email.message_from_bytes(archive.read(f"{info(wheel)}/METADATA"))


def info(wheel: Path) -> str:
    return "-".join(wheel.name.split("-")[:2]) + ".dist-info"


def test_it_holds_each_tracked_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if not name.startswith(info(wheel))}

    assert inside == set(tracked(*PACKAGES))
    for app in ("alerts", "budgets", "proxy", "teams"):
        assert any(name.startswith(f"{app}/templates/") for name in inside)
        assert any(name.startswith(f"{app}/migrations/0") for name in inside)
    assert "gateway_project/static/tollkeeper/favicon.svg" in inside


def test_metadata_names_licence_extras_and_command(wheel: Path, metadata: Message) -> None:
    assert (metadata["Name"], metadata["License-Expression"]) == ("tollkeeper", "MIT")
    assert metadata["Version"] == wheel.name.split("-")[1]
    assert set(metadata["Requires-Python"].split(",")) == {">=3.11", "<3.14"}
    assert set(metadata.get_all("Provides-Extra", [])) == {"apprise", "import", "otel", "sso"}
    assert "# Tollkeeper" in str(metadata.get_payload())
    with zipfile.ZipFile(wheel) as archive:
        commands = ConfigParser()
        commands.read_string(archive.read(f"{info(wheel)}/entry_points.txt").decode())
        assert archive.read(f"{info(wheel)}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert dict(commands["console_scripts"]) == {"tollkeeper": "gateway_project.cli:main"}


def test_every_package_comes_from_the_wheel_and_none_from_the_tree(scripts: Path, tmp_path: Path) -> None:
    names = ", ".join(PACKAGES)
    ask = f"import {names}, sys; print(*(package.__file__ for package in ({names})), *sys.path, sep='\\n')"
    done = subprocess.run(
        [scripts / "python", "-c", ask], cwd=tmp_path, env=without_tree({}), capture_output=True, text=True, check=True
    )
    files, path = done.stdout.splitlines()[: len(PACKAGES)], done.stdout.splitlines()[len(PACKAGES) :]

    assert all(Path(file).is_relative_to(scripts.parent) for file in files), files
    assert str(ROOT) not in path
    assert not [entry for entry in path if "__editable__" in entry]


def test_it_starts_answers_a_completion_and_stops(scripts: Path, tmp_path: Path) -> None:
    with InstalledGateway(tmp_path / "data", scripts=scripts) as gateway:
        with gateway.client() as client:
            answer = client.post("/v1/chat/completions", json=chat())
            login = client.get("/admin/login/")
            icon = client.get("/static/tollkeeper/favicon.svg")
        assert answer.status_code == 200, answer.text
        assert answer.json()["choices"][0]["message"]["content"]
        assert (login.status_code, icon.status_code) == (200, 200)
        assert gateway.stop() == 0
    assert "Traceback" not in gateway.log()
