"""A text column that is encrypted at rest and write-only in the admin."""

import functools
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django import forms
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext
from unfold.widgets import UnfoldAdminPasswordWidget

PREFIX = "v1:"


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Fernet under TOLLKEEPER_ENCRYPTION_KEYS (newest first); the stored text begins with `v1:`.

    Reading a value that none of the keys opens raises ImproperlyConfigured.
    """

    description = "Encrypted text"

    def get_prep_value(self, value: Any) -> Any:
        if not value:
            return value
        return PREFIX + _cipher().encrypt(str(value).encode()).decode()

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str | None:
        if not value:
            return value
        try:
            return _cipher().decrypt(value.removeprefix(PREFIX).encode()).decode()
        except InvalidToken:
            raise ImproperlyConfigured(
                f"{self.model.__name__}.{self.name} was encrypted with a key that TOLLKEEPER_ENCRYPTION_KEYS lacks."
            ) from None

    def formfield(self, **kwargs: Any) -> Any:
        return SecretFormField(required=not self.blank, label=capfirst(self.verbose_name), help_text=self.help_text)


class SecretFormField(forms.CharField):
    """Never shows what is stored: left empty, the stored value stays."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=UnfoldAdminPasswordWidget(render_value=False), **kwargs)

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        stored = form.initial.pop(field_name, None)
        if stored:
            self.required = False
            is_set = gettext("It is set; leave this empty to keep it.")
            self.help_text = f"{self.help_text} {is_set}".strip()
        return super().get_bound_field(form, field_name)


def keep_stored_secrets(form: "forms.ModelForm[Any]") -> None:
    """Call from a ModelForm's `clean`: an empty secret means unchanged."""
    for name, field in form.fields.items():
        if isinstance(field, SecretFormField) and not form.cleaned_data.get(name) and not form.instance._state.adding:
            form.cleaned_data[name] = type(form.instance).objects.values_list(name, flat=True).get(pk=form.instance.pk)


@functools.cache
def _cipher() -> MultiFernet:
    try:
        return MultiFernet([Fernet(key.strip()) for key in settings.ENCRYPTION_KEYS])
    except ValueError:
        raise ImproperlyConfigured(
            "TOLLKEEPER_ENCRYPTION_KEYS must be Fernet keys, separated by commas, newest first; "
            "make one with: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
        ) from None
