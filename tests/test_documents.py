"""The documents: every link between them leads somewhere, and what they name of the repository is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gateway_project.cli import main
from proxy.config.schema import Document
from tests.gateway_project.test_moving import is_served

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "benchmarks/README.md"])
_LINK = re.compile(r"\]\(([^()\s]+)\)")


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in _LINK.findall(without_code(page.read_text())):
            if "://" not in target:
                yield page, target


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """As hosting platforms make them of headings."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    ("page", "target"), [pytest.param(*link, id=f"{link[0].name}:{link[1]}") for link in sorted(set(links()))]
)
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    found = page if not name else (page.parent / name).resolve()

    assert found.exists()
    assert not anchor or anchor in anchors(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_of_the_repository_is_there(page: Path) -> None:
    """Files, packages and modules in code: `proxy/gateway.py`, `tests/faults`, `python -m benchmarks.scrape`."""
    text = page.read_text()
    apps = "alerts|benchmarks|budgets|deploy|docs|gateway_project|proxy|teams|tests"
    files = set(re.findall(rf"`((?:{apps})/[\w/.]*\w)`", text))
    modules = set(re.findall(rf"python -m ((?:{apps})[\w.]*\w)", text))

    assert [name for name in files if not (ROOT / name).exists()] == []
    assert [name for name in modules if not (ROOT / f"{name.replace('.', '/')}.py").exists()] == []


def test_every_page_of_docs_is_in_the_readmes_index() -> None:
    pages = {f"docs/{page.name}" for page in ROOT.glob("docs/*.md")}

    for readme in ("README.md", "README.zh-CN.md"):
        assert pages - set(_LINK.findall((ROOT / readme).read_text())) == set(), readme


def test_the_two_commands_are_the_same_in_both_readmes() -> None:
    english, chinese = (
        re.findall(r"^make (?:up|test)\b", (ROOT / name).read_text(), re.MULTILINE)
        for name in ("README.md", "README.zh-CN.md")
    )

    assert english == chinese == ["make up", "make test"]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    ("page", "text"),
    [pytest.param(page, text, id=f"{page.name}-{n}") for page in PAGES for n, text in enumerate(blocks(page, "yaml"))],
)
def test_a_configuration_in_a_document_is_one(page: Path, text: str) -> None:
    document = Document.model_validate(yaml.safe_load(text))

    assert document.unknown_keys() == document.without_effect() == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_routes_that_a_page_names_are_served(page: Path) -> None:
    """`GET /alerts/{id}`, also `GET`, `POST /alerts/channels`, but for what the moving page says is missing."""
    text = re.sub(r"^\| .* \| not offered \|.*$", "", page.read_text(), flags=re.MULTILINE)
    named = set(re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[\w/{},.-]+)", text))
    single = {(method, path) for method, paths in named for path in alternatives(paths)}

    assert {route for route in single if not is_served(*route)} == set()


def alternatives(path: str) -> list[str]:
    """`/global/{a,b}` are two; `/alerts/{id}` is one."""
    found = re.search(r"\{(\w+(?:,\w+)+)\}", path)
    if not found:
        return [path]
    return [
        one for name in found[1].split(",") for one in alternatives(path[: found.start()] + name + path[found.end() :])
    ]


_COMMAND = re.compile(r"(?:`|^|bin/)tollkeeper ([a-z][\w-]*)", re.MULTILINE)
# `manage` hands everything to Django and has no help of its own.
COMMANDS = sorted({name for page in PAGES for name in _COMMAND.findall(page.read_text())} - {"manage"})


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_a_page_names_exists(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])

    assert ended.value.code == 0
    assert f"usage: tollkeeper {name}" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_targets_of_make_that_a_page_names_exist(page: Path) -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(), re.MULTILINE))
    made = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert named <= made
