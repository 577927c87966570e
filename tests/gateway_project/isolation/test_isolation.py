"""Each role opens everything there is: nobody's page says a word of another's, and no link leads nowhere."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, reverse

from budgets.models import DailySpend
from teams.models import AuditEntry, VirtualKey
from tests.gateway_project.isolation.crawl import Crawl, around, text_of
from tests.gateway_project.isolation.world import CONFINED, ROLES, build, build_foreign

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", ROLES)
def test_every_link_opens_and_no_page_tells_of_others(client: Client, role: str) -> None:
    client.force_login(build(role))
    build_foreign()
    hidden = ROLES[role][2]
    found = Crawl(client, one_of_each=not hidden).run("/admin/")

    assert found.dead == {}
    assert found.tells(*hidden) == []


@pytest.mark.parametrize("role", CONFINED)
def test_what_is_anothers_answers_to_no_address_and_no_button(client: Client, role: str) -> None:
    """Every address of every page, with the other's id in it, opened and posted to."""
    client.force_login(build(role))
    rows = build_foreign()
    before = [_columns(row) for row in rows]
    audited = AuditEntry.objects.count()
    hidden = ROLES[role][2]

    for row in rows:
        for address in _addresses(row):
            for answer in (client.get(address), client.post(address, {**_ANYTHING, "alias": "taken"})):
                assert answer.status_code in (302, 403, 404, 405), (address, answer.status_code)
                assert not [word for word in hidden if word in text_of(answer)], address
            # "There is no user of the id ...": said on the next page, to who wrote that id.
            client.cookies.pop("messages", None)
    for address, chosen in _lists(rows).items():
        for action in ("delete_selected", *_ACTIONS.get(address, ())):
            answer = client.post(address, {**_ANYTHING, "action": action, "_selected_action": chosen})
            assert not _told(answer, hidden), (address, action)

    assert [_columns(row) for row in rows] == before
    assert AuditEntry.objects.count() == audited


@pytest.mark.parametrize("role", ["team_admin", "peer"])
def test_no_search_filter_choice_or_file_finds_what_is_anothers(client: Client, role: str) -> None:
    """All of it is called zebra, and so may be asked for without saying what must not be answered."""
    client.force_login(build(role))
    build_foreign()
    foreign = VirtualKey.objects.get(alias="zebra canary key")
    hidden = (*ROLES[role][2], foreign.token_hash, foreign.name)
    lists = [_list_of(page.model()) for page in admin.site._registry.values()]
    spend, trace = reverse("admin:budgets_dailyspend_changelist"), reverse("admin:proxy_requesttrace_preview")
    asked = [
        *(f"{address}?q=zebra" for address in lists if address),
        f"{reverse('admin:proxy_requesttrace_changelist')}?q=zebra+canary+call",
        # Of a word that is asked for, the page may say it again; of the others, none.
        *(f"/admin/teams/virtualkey/?{name}__id__exact=quagga-{name}" for name in ("team", "user")),
        *(f"{spend}?by=key&{name}=quagga-{short}" for name, short in (("team", "team"), ("organization", "org"))),
        *(f"{spend}?by={by}{more}" for by in _GROUPED for more in ("", "&format=csv", f"&key={foreign.pk}")),
        f"{trace}?model=gpt-4o&key={foreign.pk}",
        f"{reverse('admin:search')}?s=zebra&extended=1",
        *_choices(),
    ]
    for address in asked:
        answer = client.get(address)
        told = [word for word in _told(answer, hidden) if word not in address]
        assert not told, (address, around(text_of(answer), told[0]))
    assert DailySpend.objects.filter(team_id="quagga-team").exists()


_ANYTHING = {"post": "yes", "verb": "resolve", "note": "x", "grace_period": "", "name": "taken", "amount": "1"}
_ACTIONS = {
    "/admin/teams/virtualkey/": ("export_csv", "block_selected", "unblock_selected"),
    "/admin/teams/team/": ("block_selected",),
    "/admin/alerts/incident/": ("acknowledge_selected", "silence_1h_selected", "resolve_selected"),
}
_GROUPED = ("team", "key", "user", "model_group", "organization", "day")


def _addresses(row: Model) -> Iterator[str]:
    """Of all pages and buttons that a row has."""
    page = admin.site._registry.get(type(row))
    for pattern in page.get_urls() if page else ():
        if isinstance(pattern, URLPattern) and pattern.name and "object_id" in str(pattern.pattern):
            yield reverse(f"admin:{pattern.name}", args=[quote(row.pk)])


def _lists(rows: list[Model]) -> dict[str, list[str]]:
    """The rows' numbers by the list that they would stand in."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if address := _list_of(row):
            found.setdefault(address, []).append(str(row.pk))
    return found


def _list_of(row: Model) -> str:
    found = admin.site._registry.get(type(row))
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_changelist") if found else ""


def _choices() -> Iterator[str]:
    """What every field that offers rows of another page is asked for."""
    for model in admin.site._registry:
        for field in model._meta.get_fields():
            other = getattr(field, "related_model", None)
            if getattr(field, "remote_field", None) and other in admin.site._registry and hasattr(field, "attname"):
                named = f"app_label={model._meta.app_label}&model_name={model._meta.model_name}&field_name={field.name}"
                yield f"{reverse('admin:autocomplete')}?term=zebra&{named}"


def _columns(row: Any) -> dict[str, Any]:
    return dict(type(row)._default_manager.filter(pk=row.pk).values().get())


def _told(answer: Any, hidden: tuple[str, ...]) -> list[str]:
    text = text_of(answer)
    return [word for word in hidden if word in text]
