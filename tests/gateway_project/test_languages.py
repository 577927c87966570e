"""Pages in the languages that there are, and English wherever something leaves the gateway."""

import re
from pathlib import Path

import django
import polib
import pytest
from django.test import Client
from django.utils import translation
from django.utils.translation import to_locale

from tests import languages

CODES = languages.languages()
APPS = [(app, code) for app in languages.APPS for code in CODES]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
_PLACE = re.compile(r"%\((\w+)\)[sd]|\{\w*\}")


@pytest.fixture(scope="module")
def marked() -> dict[str, dict[languages.Marked, str]]:
    return {app: languages.marked_in(languages.ROOT / app) for app in languages.APPS}


def entries(app: str, language: str) -> list[polib.POEntry]:
    path = languages.catalogue(app, language)
    return list(polib.pofile(str(path))) if path.exists() else []


@pytest.mark.parametrize("language", CODES)
def test_what_is_marked_is_translated(language: str, marked: dict[str, dict[languages.Marked, str]]) -> None:
    own = {languages.key_of(entry) for app in languages.APPS for entry in entries(app, language) if is_done(entry)}
    shipped = Path(django.__file__).parent.glob(f"**/{to_locale(language)}/LC_MESSAGES/django.po")
    own |= {languages.key_of(entry) for path in shipped for entry in polib.pofile(str(path)) if is_done(entry)}

    assert [(where, text) for app in languages.APPS for text, where in marked[app].items() if text not in own] == []


@pytest.mark.parametrize(("app", "language"), APPS)
def test_a_catalogue_holds_only_what_is_marked_and_keeps_its_places(
    app: str, language: str, marked: dict[str, dict[languages.Marked, str]]
) -> None:
    wanted = set(marked[app])
    if app == "gateway_project":
        wanted |= languages.marked_by_theme()
    for entry in entries(app, language):
        assert languages.key_of(entry) in wanted, f"nobody marks {entry.msgid!r} any more"
        for text in entry.msgstr_plural.values() or [entry.msgstr]:
            assert set(_PLACE.findall(text)) == set(_PLACE.findall(entry.msgid_plural or entry.msgid)), entry.msgid
            assert text.count("%%") == entry.msgid.count("%%"), entry.msgid


@pytest.mark.parametrize(("app", "language"), APPS)
def test_what_is_shipped_is_what_the_catalogue_says(app: str, language: str) -> None:
    path = languages.catalogue(app, language)
    if path.exists():
        compiled = polib.mofile(str(path.with_suffix(".mo")))
        said = {languages.key_of(one): (one.msgstr, one.msgstr_plural) for one in entries(app, language)}
        assert {languages.key_of(one): (one.msgstr, one.msgstr_plural) for one in compiled} == said


def is_done(entry: polib.POEntry) -> bool:
    return entry.translated() and not entry.obsolete


@pytest.mark.django_db
def test_pages_speak_the_browsers_language_and_the_one_that_was_chosen(page: Client) -> None:
    def home(**headers: str) -> str:
        answer = page.get("/admin/", headers=headers)
        assert "Accept-Language" in answer["Vary"]
        return answer.content.decode()

    english = home()
    assert '<html lang="en"' in english
    assert not CHINESE.search(english.replace("简体中文", ""))
    chinese = home(accept_language="zh-CN,zh;q=0.9,en;q=0.1")
    assert '<html lang="zh-hans"' in chinese
    assert "开始使用" in chinese
    assert "Getting started" not in chinese
    assert '<html lang="en"' in home(accept_language="tlh")
    assert page.post("/admin/language/", {"language": "zh-hans", "next": "/admin/"}).status_code == 302
    assert "开始使用" in home()
    page.post("/admin/language/", {"language": "en", "next": "https://elsewhere.example/"})
    assert "Getting started" in home(accept_language="zh-CN")


@pytest.mark.django_db
def test_the_login_page_offers_the_languages(client: Client) -> None:
    english = client.get("/admin/login/").content.decode()
    assert 'value="zh-hans" lang="zh-hans"' in english
    chinese = client.get("/admin/login/", headers={"accept-language": "zh-CN"}).content.decode()
    assert "密码" in chinese


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/openapi.json", "/docs", "/key/list", "/key/info?key=no-such", "/nowhere", "/metrics"]
)
def test_the_api_answers_in_english_whatever_is_asked_for(client: Client, path: str) -> None:
    plain = client.get(path)
    client.cookies["django_language"] = "zh-hans"
    asked = client.get(path, headers={"accept-language": "zh-CN"})

    assert (asked.status_code, asked.headers.get("Content-Language")) == (plain.status_code, None)
    assert not CHINESE.search(b"".join(asked).decode())


@pytest.mark.parametrize("language", CODES)
def test_what_others_translate_goes_before_nothing_of_ours(language: str) -> None:
    """Such as Django REST framework's word for a key, which is that of a keyboard."""
    ours = [entry for app in languages.APPS for entry in entries(app, language) if not entry.msgid_plural]
    with translation.override(language):
        other = [
            (entry.msgid, entry.msgstr, said)
            for entry in ours
            if (
                said := translation.pgettext(entry.msgctxt, entry.msgid)
                if entry.msgctxt
                else translation.gettext(entry.msgid)
            )
            != entry.msgstr
        ]
    assert other == []
