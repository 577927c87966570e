"""deploy/compose.yaml without Docker: its commands are ours, what it mounts is there, and its names are known."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway_project import cli

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "web", "worker", "beat")
# Read by compose itself, and those that config.yaml names.
OF_COMPOSE = {
    "POSTGRES_PASSWORD", "GRAFANA_PASSWORD", "TOLLKEEPER_PORT", "TOLLKEEPER_CONFIG", "TOLLKEEPER_ALERTMANAGER_KEY_FILE",
}  # fmt: skip
OF_PROVIDERS = {"OPENAI_API_KEY", "ANTHROPIC_API_KEY"}
# The user makes these.
MADE = {"./config.yaml", "./alertmanager_key"}


def test_it_has_what_a_deployment_is_made_of() -> None:
    watching = {"prometheus", "alertmanager", "grafana"}
    assert set(SERVICES) == {*OURS, "postgres", "redis", *watching}
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["monitoring"]} == watching


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_commands_that_there_are(name: str) -> None:
    options = cli._parser().parse_args(SERVICES[name]["command"])
    assert options.run in (cli._up, cli._role)
    assert getattr(options, "role", "web") == name


@pytest.mark.parametrize("name", OURS)
def test_our_services_share_a_data_folder_that_outlives_them(name: str) -> None:
    folder = SERVICES[name]["environment"]["TOLLKEEPER_DATA"]
    assert f"data:{folder}" in SERVICES[name]["volumes"]
    assert "data" in COMPOSE["volumes"]
    assert f"VOLUME {folder}\n" in (DEPLOY / "Dockerfile").read_text()


def test_who_stays_up_says_how_it_is() -> None:
    for name, service in SERVICES.items():
        assert ("healthcheck" in service) == (name != "migrate"), name
        assert service["restart"], name


def test_everything_waits_for_the_migration() -> None:
    for name in ("web", "worker", "beat"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_what_is_mounted_is_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
            if source.startswith("."):
                assert source in MADE or (DEPLOY / source).exists(), source
            else:
                assert source in COMPOSE["volumes"]
        for secret in service.get("secrets", ()):
            assert secret in COMPOSE["secrets"]
            assert f"/run/secrets/{secret}" in (DEPLOY / "alertmanager.yml").read_text()


def test_images_are_plain_names() -> None:
    assert all(re.fullmatch(r"[a-z]+(/[a-z]+)?(:\d+)?", service["image"]) for service in SERVICES.values())
    bases = re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert set(bases) == {"python:3.13-slim"}


def test_names_of_the_environment_are_known() -> None:
    code = "\n".join(
        path.read_text()
        for app in ("alerts", "budgets", "gateway_project", "proxy", "teams")
        for path in (ROOT / app).rglob("*.py")
    )
    example = (DEPLOY / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    named |= {name for service in OURS for name in SERVICES[service]["environment"]}
    assert {name for name in named - OF_COMPOSE - OF_PROVIDERS if f'"{name}"' not in code} == set()
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert asked == OF_COMPOSE
    assert asked <= set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))


def test_the_image_has_every_part_and_is_nobodys_root() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    allowed = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"}
    sources = {name for line in copied for name in line.split()}
    assert sources == allowed
    assert all((ROOT / source).exists() for source in sources)
    packages = {path.parent.name for path in ROOT.glob("*/apps.py")} | {"gateway_project"}
    assert packages <= sources
    assert "\nUSER tollkeeper\n" in text


def test_the_image_is_locked_as_the_rest_is_and_has_every_extra() -> None:
    def pins(name: str) -> dict[str, str]:
        return dict(re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==([^ ;]+)", (ROOT / name).read_text(), re.MULTILINE))

    image, project = pins("requirements-image.lock"), tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {re.split(r"[\[>=<]", one)[0] for extra in project["optional-dependencies"].values() for one in extra}
    assert pins("requirements.lock").items() <= image.items()
    assert extras <= image.keys()


def test_a_package_that_is_built_has_what_is_no_code() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    apps = [ROOT / app for app in ("alerts", "budgets", "gateway_project", "proxy", "teams")]
    packed = {path for app in apps for pattern in patterns for path in app.glob(pattern)}
    others = {path for app in apps for path in app.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert any(path.suffix == ".html" for path in others)
    assert others <= packed
