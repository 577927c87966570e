"""Fields of forms: names one a line, JSON that hides secrets, and choices whose names are known already."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from teams.secrets import MASK, masked

_NOT_JSON = gettext_lazy("Enter valid JSON.")


class NamesFormField(forms.CharField):
    """A list of names, one a line; a JSON list is taken too."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), **options)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        text = "\n".join(str(name) for name in value)
        return text if _lines(text) == value and not text.startswith("[") else json.dumps(value)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text.startswith("["):
            return _lines(text)
        names = parse_json(text)
        if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
            raise ValidationError(_("Enter names, one a line."))
        return names

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.clean(data) != (initial or []))
        except ValidationError:
            return True


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


class MaskedJsonFormField(forms.JSONField):
    """Values that may be secrets are shown as `***`, and kept where that is sent back."""

    def __init__(self, *, shape: type, **options: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), **options)
        self._shape = shape
        self._stored: Any = shape()

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        """Called once a form, before anything is read."""
        self._stored = form.initial.get(field_name) or self._shape()
        form.initial[field_name] = masked(self._stored)
        return super().get_bound_field(form, field_name)

    def to_python(self, value: Any) -> Any:
        if not isinstance(value, str) or not value.strip():
            return self._shape()
        parsed = parse_json(value)
        if not isinstance(parsed, self._shape):
            # The column's own rule is not asked about what is empty.
            wrong = _("Enter a JSON object.") if self._shape is dict else _("Enter a JSON list.")
            raise ValidationError(wrong, code="invalid")
        return unmasked(parsed, self._stored)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, forms.fields.InvalidJSONInput) or value is None:
            return value
        return json.dumps(value, indent=2, ensure_ascii=False) if value else ""

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What was sent, as it was sent."""
        return data if data is None else forms.fields.InvalidJSONInput(data)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != self._stored)
        except ValidationError:
            return True


def parse_json(text: str) -> Any:
    """Strictly: neither NaN nor anything else that a database would refuse. Raises ValidationError."""
    try:
        parsed = json.loads(text, parse_constant=_refuse)
        # A lone surrogate has no bytes.
        written = json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ValidationError(_NOT_JSON, code="invalid") from None
    if b"\\u0000" in written.replace(rb"\\", b""):
        raise ValidationError(_("A NUL character cannot be kept."), code="invalid")
    return parsed


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def unmasked(value: Any, stored: Any) -> Any:
    """`value` with what is stored in the places that still hold the mask."""
    if isinstance(value, dict):
        known = stored if isinstance(stored, dict) else {}
        return {
            name: known[name] if inner == MASK and name in known else unmasked(inner, known.get(name))
            for name, inner in value.items()
        }
    if isinstance(value, list):
        known_items = stored if isinstance(stored, list) and len(stored) == len(value) else [None] * len(value)
        return [
            old if inner == MASK and old is not None else unmasked(inner, old)
            for inner, old in zip(value, known_items, strict=True)
        ]
    return value


class KnownAutocomplete(AutocompleteSelect):
    """Takes the name of what is chosen from `known`, so that a page of rows does not ask for each."""

    known: Mapping[str, str] = {}

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        if len(value) != 1 or value[0] not in self.known:
            return super().optgroups(name, value, attr)
        empty = [] if self.is_required else [self.create_option(name, "", "", False, 0)]
        chosen = self.create_option(name, value[0], self.known[value[0]], True, len(empty))
        return [(None, [*empty, chosen], 0)]


def know_choices(form: "forms.ModelForm[Any]") -> None:
    """Tell the widgets of a row's form what its objects are called; they are selected with the row."""
    for name, field in form.fields.items():
        widget = getattr(field.widget, "widget", field.widget)
        if isinstance(widget, KnownAutocomplete) and not form.instance._state.adding:
            chosen = getattr(form.instance, name)
            widget.known = {} if chosen is None else {str(chosen.pk): str(chosen)}
