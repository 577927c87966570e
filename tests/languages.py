"""What is marked for translation, and the catalogues that hold it.

`.venv/bin/python -m tests.languages` writes what is new into each catalogue, takes out what is gone, and compiles them.
What it wrote without a translation, a person fills in before it is run again.
"""

import ast
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import django
import polib
from django.conf import settings
from django.template import TemplateSyntaxError, engines
from django.template.base import Template
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.utils.translation import to_locale

ROOT = Path(__file__).resolve().parent.parent
APPS = ("alerts", "budgets", "gateway_project", "proxy", "teams")
# Which arguments hold the text: context, one, many.
_CALLS = {
    "gettext": (None, 0, None), "gettext_lazy": (None, 0, None), "gettext_noop": (None, 0, None),
    "marked": (None, 0, None),
    "ngettext": (None, 0, 1), "ngettext_lazy": (None, 0, 1),
    "pgettext": (0, 1, None), "pgettext_lazy": (0, 1, None),
    "npgettext": (0, 1, 2), "npgettext_lazy": (0, 1, 2),
}  # fmt: skip
# Context, text, text of many.
Marked = tuple[str | None, str, str | None]


class NotPlain(Exception):
    """A text is put together when it is asked for, so no catalogue can hold it; says where."""


def languages() -> list[str]:
    """Those that need a catalogue, such as `zh-hans`."""
    return [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]


def catalogue(app: str, language: str) -> Path:
    return ROOT / app / "locale" / to_locale(language) / "LC_MESSAGES" / "django.po"


def marked_in(folder: Path) -> dict[Marked, str]:
    """Each with where it stands first. Raises NotPlain."""
    found: dict[Marked, str] = {}
    for path in sorted(folder.rglob("*")):
        where = path.relative_to(folder.parent).as_posix()
        for text in _texts_of(path, where):
            found.setdefault(text, where)
    return found


def marked_by_theme() -> frozenset[Marked]:
    """Of the admin's theme, which has no catalogue of its own; without what needs packages that are not there."""
    import unfold

    found: set[Marked] = set()
    for path in Path(unfold.__file__).parent.rglob("*"):
        with suppress(NotPlain, TemplateSyntaxError):
            found.update(_texts_of(path, path.name))
    return frozenset(found)


def _texts_of(path: Path, where: str) -> Iterator[Marked]:
    if path.suffix == ".py":
        yield from _of_code(path, where)
    elif path.suffix in (".html", ".txt") and "templates" in path.parts:
        yield from _of_template(path)


def _of_code(path: Path, where: str) -> Iterator[Marked]:
    tree = ast.parse(path.read_text())
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in ("django.utils.translation", "alerts.marks")
        for alias in node.names
        if alias.name in _CALLS
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            texts = [_plain(node, place, where) for place in _CALLS[names[node.func.id]]]
            assert texts[1] is not None
            yield texts[0], texts[1], texts[2]


def _plain(call: ast.Call, place: int | None, where: str) -> str | None:
    if place is None:
        return None
    argument = call.args[place] if len(call.args) > place else None
    if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
        raise NotPlain(f"{where}:{call.lineno}")
    return argument.value


def _of_template(path: Path) -> Iterator[Marked]:
    source = path.read_text()
    template: Template = engines["django"].from_string(source).template  # type: ignore[attr-defined]
    plain: list[TranslateNode] = template.nodelist.get_nodes_by_type(TranslateNode)  # type: ignore[assignment]
    blocks: list[BlockTranslateNode] = template.nodelist.get_nodes_by_type(BlockTranslateNode)  # type: ignore[assignment]
    for node in plain:
        text = getattr(node.filter_expression.var, "literal", None)
        if isinstance(text, str):
            yield _context(node), text, None
    for block in blocks:
        one, _ = block.render_token_list(block.singular)
        many = block.render_token_list(block.plural)[0] if block.plural else None
        yield _context(block), one, many
    for argument in _ARGUMENT.finditer(source):
        yield None, argument[2], None


_ARGUMENT = re.compile(r"""\b_\((['"])(.+?)\1\)""")


def _context(node: TranslateNode | BlockTranslateNode) -> str | None:
    return str(node.message_context.var) if node.message_context else None


def key_of(entry: polib.POEntry | polib.MOEntry) -> Marked:
    return entry.msgctxt, entry.msgid, entry.msgid_plural or None


def write(app: str, language: str, wanted: dict[Marked, str], kept: frozenset[Marked]) -> int:
    """How many wait for a translation. `kept` may stay although the app does not mark it."""
    path = catalogue(app, language)
    if not wanted and not path.exists():
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    file = polib.pofile(str(path), wrapwidth=110) if path.exists() else _empty(language)
    known = {key_of(entry): entry for entry in file}
    file[:] = sorted(
        (known.get(key) or _entry(key) for key in wanted.keys() | (known.keys() & kept)),
        key=lambda entry: (wanted.get(key_of(entry), "~"), entry.msgid),
    )
    for entry in file:
        entry.occurrences = [(place, "")] if (place := wanted.get(key_of(entry))) else []
    file.save(str(path))
    file.save_as_mofile(str(path.with_suffix(".mo")))
    return sum(not entry.translated() for entry in file)


def _empty(language: str) -> polib.POFile:
    file = polib.POFile(wrapwidth=110)
    file.metadata = {
        "Language": to_locale(language),
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=1; plural=0;",
    }
    return file


def _entry(key: Marked) -> polib.POEntry:
    context, one, many = key
    return polib.POEntry(
        msgctxt=context, msgid=one, msgid_plural=many or "", msgstr_plural={0: ""} if many else {},
        flags=["python-format"] if "%(" in one else [],
    )  # fmt: skip


def main() -> None:
    theme = marked_by_theme()
    for app in APPS:
        wanted = marked_in(ROOT / app)
        for language in languages():
            waiting = write(app, language, wanted, theme if app == "gateway_project" else frozenset())
            print(f"{app} {language}: {len(wanted)} texts, {waiting} without a translation")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    main()
