"""The page of single settings takes what the API takes, and nothing else."""

import json
from typing import Any

import pytest
from django.test import Client

from proxy.models import ConfigField, Source
from tests.gateway_project.pages import errors, form_of, url

pytestmark = pytest.mark.django_db


def given(section: str, name: str, value: Any) -> dict[str, str]:
    return {"section": section, "name": name, "value": json.dumps(value)}


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("router_settings", "fallbacks", [{"gpt-4o": ["claude"]}]),
        ("router_settings", "cooldown_time", 30),
        ("litellm_settings", "drop_params", True),
        ("general_settings", "request_traces_retention", "3d"),
    ],
)
def test_a_setting_is_stored_as_the_admins(page: Client, section: str, name: str, value: Any) -> None:
    answer = page.post(url("proxy_configfield", "add"), given(section, name, value))

    assert answer.status_code == 302, errors(answer)
    row = ConfigField.objects.get()
    assert (row.section, row.name, row.value, row.source) == (section, name, value, Source.ADMIN)


@pytest.mark.parametrize(
    ("section", "name", "value", "sentence"),
    [
        ("router_settings", "fallback", [], "is not a setting"),
        ("router_settings", "fallbacks", {"gpt-4o": "claude"}, "fallbacks"),
        ("router_settings", "cooldown_time", "soon", "cooldown_time"),
        ("router_settings", "redis_password", "hidden-word", "is not a setting"),
        ("litellm_settings", "num_retries", "many", "num_retries"),
        ("general_settings", "master_key", "sk-hidden-word", "Invalid field=master_key"),
        ("general_settings", "alerting_threshold", 60, "a page of their own"),
        ("general_settings", "request_traces_retention", "for a while", "request_traces_retention"),
    ],
)
def test_what_no_process_could_use_is_refused_with_a_sentence(
    page: Client, section: str, name: str, value: Any, sentence: str
) -> None:
    answer = page.post(url("proxy_configfield", "add"), given(section, name, value))

    assert sentence in str(errors(answer))
    assert not ConfigField.objects.exists()


def test_what_the_file_says_is_shown_and_neither_changed_nor_deleted(page: Client) -> None:
    row = ConfigField.objects.create(section="router_settings", name="cooldown_time", value=30, source=Source.CONFIG)
    address = url("proxy_configfield", "change", row.pk)

    assert page.get(address).status_code == 200
    assert page.post(address, given("router_settings", "cooldown_time", 5)).status_code == 403
    assert page.post(url("proxy_configfield", "delete", row.pk), {"post": "yes"}).status_code == 403
    together = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    page.post(url("proxy_configfield", "changelist"), together)
    assert ConfigField.objects.get().value == 30


def test_a_row_stays_the_setting_it_is(page: Client) -> None:
    row = ConfigField.objects.create(section="router_settings", name="cooldown_time", value=30, source=Source.API)
    address = url("proxy_configfield", "change", row.pk)
    page.post(address, {**form_of(page.get(address)), **given("litellm_settings", "drop_params", 60)})

    row.refresh_from_db()
    assert (row.section, row.name, row.value) == ("router_settings", "cooldown_time", 60)
