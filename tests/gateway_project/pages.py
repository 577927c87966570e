"""What tests of the admin's pages do with a page: find it, send its form back, count its queries."""

import re
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from teams.models import User

KEYS, TEAMS, USERS = "teams_virtualkey", "teams_team", "teams_user"


def url(name: str, view: str, *arguments: object, **query: object) -> str:
    return reverse(f"admin:{name}_{view}", args=arguments, query=query or None)


def superuser() -> User:
    return User.objects.create_superuser("root", "root@example.com", "pw", id="root")


def staff(*groups: str, user_id: str = "tess", **columns: Any) -> User:
    """Somebody who may log in, and does what the groups say."""
    made = User.objects.create(id=user_id, username=user_id, is_staff=True, **columns)
    made.groups.set(Group.objects.filter(name__in=groups))
    return made


def form_of(response: Any) -> dict[str, Any]:
    """What a browser would send back of a page's form, if nothing were changed."""
    form = response.context["adminform"].form
    formsets = [inline.formset for inline in response.context["inline_admin_formsets"]]
    forms = [form, *(one for formset in formsets for one in (formset.management_form, *formset.forms))]
    sent: dict[str, Any] = {}
    for one in forms:
        for bound in one:
            value = bound.value()
            if value is None or value is False or bound.field.disabled:
                continue
            sent[bound.html_name] = "on" if value is True else value if isinstance(value, list) else str(value)
    return sent


def change(page: Client, name: str, pk: object, /, **fields: Any) -> Any:
    """Send an object's form back with these fields changed; what the page does not ask for is sent all the same."""
    address = url(name, "change", pk)
    return page.post(address, {**form_of(page.get(address)), **fields})


def errors(response: Any) -> list[str]:
    return re.findall(r'class="errorlist[^>]*>(.*?)</ul>', response.content.decode(), re.DOTALL)


def wrong(response: Any) -> Mapping[str, Any]:
    """The fields that a form refuses, and why."""
    found: Mapping[str, Any] = response.context["adminform"].form.errors
    return found


def queries(page: Client, address: str) -> int:
    page.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert page.get(address).status_code == 200
    return len(captured)


def shown_keys(response: Any) -> set[str]:
    """Keys in clear on a page."""
    return set(re.findall(r"sk-[\w-]{20,}", response.content.decode()))
