"""Fields of forms: alert types in groups, levels, and labels one a line."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from alerts.core.matching import InvalidMatcher, read_matchers
from alerts.events import Level
from alerts.events.kinds import grouped

_LINE = _("Enter a label and a pattern in each line, such as model = gpt-4o.")


class _ManyWidget(UnfoldAdminCheckboxSelectMultipleWidget):
    template_name = "admin/alerts/many.html"
    option_template_name = "admin/alerts/many_option.html"


class _ManyField(forms.MultipleChoiceField):
    def __init__(self, *, choices: Iterable[Any], **options: Any) -> None:
        super().__init__(required=False, widget=_ManyWidget(), choices=list(choices), **options)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return sorted(initial or []) != sorted(data or [])


class TypesField(_ManyField):
    def __init__(self, **options: Any) -> None:
        super().__init__(choices=_type_choices(), **options)


class LevelsField(_ManyField):
    def __init__(self, **options: Any) -> None:
        super().__init__(choices=[(level.value, level.value) for level in Level], **options)


def _type_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (
            translation.gettext(title),
            [(name, f"{name}: {translation.gettext(words)}" if words else name) for name, words in types],
        )
        for title, types in grouped()
    ]


class ObjectJsonField(forms.JSONField):
    """A JSON object. What only looks empty, such as a list without items, no rule of the column is asked about."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminTextareaWidget({"rows": 5, "spellcheck": "false"})
        super().__init__(required=False, widget=widget, **options)

    def to_python(self, value: Any) -> Any:
        if not isinstance(value, str) or not value.strip():
            return value if isinstance(value, dict) else {}
        return _read_json(value, gettext("Enter a JSON object."))

    def prepare_value(self, value: Any) -> Any:
        return json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict) and value else value or ""

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What was sent, as it was sent."""
        return data

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != (initial or {}))
        except ValidationError:
            return True


class MatchersField(forms.CharField):
    """An object of matchers, one pattern a line; a JSON object is taken too."""

    def __init__(self, **options: Any) -> None:
        attrs = {"rows": 4, "placeholder": "model = gpt-4o\nteam = research-*\nregion = !us-*", "spellcheck": "false"}
        help_text = _(
            "A label and a pattern in each line; * stands for any text, and ! before a pattern for its opposite. Of "
            "several patterns for one label, one is enough. Empty means whatever the labels are."
        )
        super().__init__(
            **{**options, "required": False, "help_text": help_text}, widget=UnfoldAdminTextareaWidget(attrs)
        )

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        lines = [f"{name} = {pattern}" for name, patterns in value.items() for pattern in _many(patterns)]
        text = "\n".join(lines)
        return text if _same(_read_lines(text), value) else json.dumps(value, ensure_ascii=False)

    def clean(self, value: Any) -> dict[str, Any]:
        text = super().clean(value).strip()
        found = _read_json(text) if text.startswith("{") else _read_lines(text)
        if found is None:
            raise ValidationError(_LINE)
        try:
            read_matchers(found)
        except InvalidMatcher as wrong:
            raise ValidationError(str(wrong)) from None
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return not _same(self.clean(data), initial or {})
        except ValidationError:
            return True


def read_labels(text: str) -> dict[str, str]:
    """What an alert carries: a JSON object, or a label and its value in each line. Raises ValidationError."""
    text = text.strip()
    found = _read_json(text) if text.startswith("{") else _read_lines(text)
    if found is None:
        raise ValidationError(gettext("Enter a label and its value in each line, such as model = gpt-4o."))
    if twice := next((name for name, value in found.items() if not isinstance(value, str)), None):
        raise ValidationError(gettext("The label %(label)s has one value, and it is text.") % {"label": twice})
    return found


def _read_lines(text: str) -> dict[str, Any] | None:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, equals, pattern = line.partition("=")
        if not equals:
            return None
        found.setdefault(name.strip(), []).append(pattern.strip())
    return {name: patterns[0] if len(patterns) == 1 else patterns for name, patterns in found.items()}


def _read_json(text: str, otherwise: str = "") -> dict[str, Any]:
    otherwise = otherwise or gettext("Enter a JSON object, or one label a line.")
    try:
        found = json.loads(text, parse_constant=_refuse)
        # What has no bytes, or holds a NUL, no database takes.
        written = json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ValidationError(otherwise) from None
    if not isinstance(found, dict) or b"\\u0000" in written:
        raise ValidationError(otherwise)
    return found


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _many(patterns: Any) -> list[Any]:
    return patterns if isinstance(patterns, list) else [patterns]


def _same(one: Any, other: Any) -> bool:
    """A list of one pattern means the same as the pattern."""
    return bool(_listed(one) == _listed(other))


def _listed(value: Any) -> Any:
    return {name: _many(patterns) for name, patterns in value.items()} if isinstance(value, Mapping) else value
