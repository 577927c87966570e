"""What tests of the routing editor do at its pages: open a form, ask for the preview, apply it."""

import html
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from proxy.models import ConfigField, Deployment, Section, Source
from tests.functional.browser import Form

# The trail takes what one transaction does for one change.
each_change_by_itself = pytest.mark.django_db(transaction=True)


def fleet_of_three() -> None:
    for pk, group in (("a", "gpt-4o"), ("m", "mini"), ("c", "claude")):
        deployment(pk, group)


def deployment(pk: str, group: str, **params: Any) -> Deployment:
    info = params.pop("info", {})
    return Deployment.objects.create(
        id=pk, model_name=group, litellm_params={"model": "openai/gpt-4o", "api_key": "k", **params}, model_info=info
    )


def store(name: str, value: Any, *, section: Section = Section.ROUTER, source: Source = Source.API) -> None:
    ConfigField.objects.update_or_create(section=section, name=name, defaults={"value": value, "source": source})


def stored(name: str, section: Section = Section.ROUTER) -> Any:
    return ConfigField.objects.filter(section=section, name=name).values_list("value", flat=True).first()


def view(name: str, *arguments: Any, **query: Any) -> str:
    return reverse(f"routing:{name}", args=arguments, query=query or None)


def text_of(response: Any) -> str:
    """As it is read, in one line."""
    assert response.status_code == 200
    shown = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(html.unescape(shown).split())


def form_of(response: Any) -> dict[str, str]:
    return Form(response.content.decode()).fields


def edit(page: Client, group: str = "", **fields: Any) -> Any:
    """Open the form, change these fields, and ask for the preview."""
    address = view("edit", group=group) if group else view("edit")
    return page.post(address, {**form_of(page.get(address)), **fields})


def apply(page: Client, preview: Any) -> Any:
    return page.post(view("apply"), form_of(preview), follow=True)
