"""Templates say nothing that the policy of our pages forbids, nor what Alpine's build for it cannot read."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import unfold
from django.template import Origin, engines

from gateway_project.browser.templates import CHANGES, Loader

ROOT = Path(__file__).parents[3]
LOADER = Loader(engines["django"].engine)  # type: ignore[attr-defined]
APPS = ("alerts", "budgets", "gateway_project", "proxy", "teams")
OWN = [
    page
    for app in APPS
    for page in (ROOT / app).rglob("templates/**/*.html")
    # Mails, whose readers know no other way.
    if page.name not in {"mail.html", "letter.html"}
]
# Of Unfold, what it has for features that are not used here.
UNUSED = {
    "unfold/components/progress.html",
    "unfold/components/table.html",
    "unfold/helpers/avatar.html",
    "unfold/helpers/display_header.html",
    "unfold/widgets/clearable_file_input_small.html",
    "unfold_crispy/layout/table_inline_formset.html",
    # A picture beside the login, and a dropdown with a height of its own.
    "unfold/layouts/unauthenticated.html",
    "unfold/helpers/display_dropdown.html",
}
FORBIDDEN = re.compile(
    r"""<(?:script|style)\b(?![^>]*\b(?:src=|nonce=|type="application/json"))|\sstyle="|\son[a-z]+="|javascript:""",
    re.IGNORECASE,
)
_EXPRESSION = re.compile(
    r"""\s(?:x-(?!transition|cloak|ref|teleport|sort:config)[a-z:.-]+|@[a-z.:-]+)=("[^"]*"|'[^']*')"""
)
# Statements, arrows, what is made, templates of text, and the window's names.
_UNREADABLE = re.compile(
    r";\s*\S|=>|\b(?:if|new|return|const|let|typeof)\b|`|\b(?:window|document|localStorage|console)\b"
)


def others() -> Iterator[str]:
    """Templates of the package whose pages are shown, by name."""
    folder = Path(unfold.__path__[0]) / "templates"
    yield from (str(page.relative_to(folder)) for page in sorted(folder.rglob("*.html")))


def shown(name: str) -> str:
    """As it is read here."""
    return re.sub(
        r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}", "", LOADER.get_contents(origin_of(name)), flags=re.DOTALL
    )


def origin_of(name: str) -> Origin:
    return next(one for one in LOADER.get_template_sources(name) if Path(one.name).exists())


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_changed_in_a_template_is_still_there(name: str) -> None:
    original = Path(origin_of(name).name).read_text()

    assert [old for old, _ in CHANGES[name] if original.count(old) != 1] == []
    assert [new for _, new in CHANGES[name] if new and new not in shown(name)] == []


@pytest.mark.parametrize("page", OWN, ids=lambda page: page.name)
def test_no_page_of_ours_holds_scripts_or_styles(page: Path) -> None:
    assert FORBIDDEN.findall(page.read_text()) == []


@pytest.mark.parametrize("name", [name for name in others() if name not in UNUSED])
def test_no_page_of_a_package_holds_scripts_or_styles_or_what_alpine_cannot_read(name: str) -> None:
    text = shown(name)
    said = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "0", text)
    expressions = [re.sub(r"'[^']*'", "0", one[1:-1]) for one in _EXPRESSION.findall(said)]

    assert FORBIDDEN.findall(text) == []
    assert [one for one in expressions if _UNREADABLE.search(one)] == []


def test_the_test_of_expressions_finds_what_alpine_cannot_read() -> None:
    for wrong in ("a = 1; b = 2", "if (a) b()", "x => x", "window.location", "new Date()"):
        assert _UNREADABLE.search(wrong)
    for right in ("open = !open;", "[a = 1, b = 2]", "addressOfTab()", "a && b('0')"):
        assert not _UNREADABLE.search(right)
