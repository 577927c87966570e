"""A secret in the database is cipher text, and no form ever shows it."""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django import forms
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from pytest_django import Settings

from alerts import encrypted
from alerts.admin import ChannelForm
from alerts.models import AlertChannel

pytestmark = pytest.mark.django_db
URL = "https://hooks.example/services/hidden0123456789"


@pytest.fixture(autouse=True)
def _fresh_cipher() -> Iterator[None]:
    encrypted._cipher.cache_clear()
    yield
    encrypted._cipher.cache_clear()


def use_keys(settings: Settings, *keys: str) -> None:
    settings.ENCRYPTION_KEYS = list(keys)
    encrypted._cipher.cache_clear()


def raw() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT url FROM alerts_alertchannel")
        return str(cursor.fetchone()[0])


def made(url: str = URL) -> AlertChannel:
    return AlertChannel.objects.create(name="ops", kind="slack", url=url)


@pytest.mark.parametrize("text", [URL, "", "v1:not a token", "生产 😀", "x" * 10_000, '{"api_key": "a\\nb"}'])
def test_what_was_stored_comes_back(text: str) -> None:
    made(text)

    assert AlertChannel.objects.get().url == text


def test_the_table_holds_cipher_text() -> None:
    made()

    assert raw().startswith("v1:")
    assert "hidden" not in raw()


def test_the_same_text_is_encrypted_to_another_cipher_text_each_time() -> None:
    channel = made()
    before = raw()
    channel.save()

    assert raw() != before


def test_a_key_that_is_not_the_first_still_opens(settings: Settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    use_keys(settings, old)
    made()
    use_keys(settings, new, f" {old} ")

    assert AlertChannel.objects.get().url == URL


def test_a_value_that_no_key_opens_is_told_by_its_column_and_not_by_its_text(settings: Settings) -> None:
    made()
    use_keys(settings, Fernet.generate_key().decode())

    with pytest.raises(ImproperlyConfigured, match=r"AlertChannel\.url was encrypted with a key") as caught:
        AlertChannel.objects.get()
    assert raw() not in str(caught.value)


@pytest.mark.parametrize("stored", ["plain", "v1:", "v1:plain", "v1:生产", "v2:x"])
def test_a_value_that_is_no_cipher_text_is_told(stored: str) -> None:
    made()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE alerts_alertchannel SET url = %s", [stored])

    with pytest.raises(ImproperlyConfigured):
        AlertChannel.objects.get()


@pytest.mark.parametrize("keys", [["short"], ["x" * 44], [""], []])
def test_keys_that_are_none_are_told(settings: Settings, keys: list[str]) -> None:
    use_keys(settings, *keys)

    with pytest.raises(ImproperlyConfigured, match="TOLLKEEPER_ENCRYPTION_KEYS"):
        made()


def form(channel: AlertChannel | None, **data: Any) -> "forms.ModelForm[AlertChannel]":
    plain = {"name": "ops", "kind": "slack", "enabled": "on", "url": "", "options": "{}", "most_per_minute": "20"}
    return ChannelForm({**plain, **data}, instance=channel)


def test_a_form_shows_neither_the_secret_nor_its_end() -> None:
    shown = ChannelForm(instance=made()).as_p()

    assert "hooks" not in shown
    assert "6789" not in shown


def test_a_form_that_was_filled_in_wrongly_does_not_show_what_was_typed() -> None:
    wrong = form(None, name="", url=URL)

    assert not wrong.is_valid()
    assert URL not in wrong.as_p()


def test_an_empty_field_keeps_what_is_stored() -> None:
    filled = form(made(), name="renamed")

    assert filled.is_valid(), filled.errors
    assert "url" not in filled.changed_data
    filled.save()
    assert (AlertChannel.objects.get().name, AlertChannel.objects.get().url) == ("renamed", URL)


def test_a_filled_field_replaces_what_is_stored() -> None:
    filled = form(made(), url="https://other.example/x")

    assert filled.is_valid(), filled.errors
    assert "url" in filled.changed_data
    filled.save()
    assert AlertChannel.objects.get().url == "https://other.example/x"


def test_a_new_row_needs_the_secret_that_is_not_optional() -> None:
    assert "url" in form(None).errors
