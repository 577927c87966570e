"""The forms of the routing editor: fallbacks and aliases of one model group, one a line, and what was edited there."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from proxy.config.routing import LONGEST_NAME, Stored
from proxy.core.rerouting import ALIASES, DEFAULT, EVERYBODY, FALLBACKS, SETTINGS, Edits, is_hidden, model_of
from teams.admin.fields import parse_json
from teams.errors import Invalid

MOST_ENTRIES = 100
LISTED, HIDDEN = "aliases", "hidden_aliases"
TITLES: Mapping[str, Any] = {
    "fallbacks": gettext_lazy("When it fails"),
    "context_window_fallbacks": gettext_lazy("When the prompt is too long"),
    "content_policy_fallbacks": gettext_lazy("When its content policy refuses"),
    DEFAULT: gettext_lazy("Where a group has no fallbacks of its own"),
    ALIASES: gettext_lazy("Aliases"),
}


class LinesField(forms.CharField):
    """Names, one a line. A line that begins with a quote or a brace is JSON, in which any name can be written."""

    def __init__(self, *, objects: bool, **options: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"})
        super().__init__(required=False, widget=widget, show_hidden_initial=True, **options)
        self._objects = objects

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(line_of, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        text = "" if value is None else str(value)
        if "\x00" in text:
            raise ValidationError(_("A NUL character cannot be kept."), code="invalid")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if len(lines) > MOST_ENTRIES:
            raise ValidationError(_("At most %(most)d lines.") % {"most": MOST_ENTRIES}, code="invalid")
        entries = [self._entry(line) for line in lines]
        names = [model_of(entry) for entry in entries]
        for name in names:
            if len(name) > LONGEST_NAME:
                raise ValidationError(_("A name may have %(most)d characters at most.") % {"most": LONGEST_NAME})
            if names.count(name) > 1:
                raise ValidationError(_("“%(name)s” stands here twice.") % {"name": name}, code="invalid")
        return entries

    def _entry(self, line: str) -> Any:
        if not line.startswith(("{", '"')):
            return line
        try:
            entry = parse_json(line)
        except ValidationError:
            raise ValidationError(_("This line is no JSON: %(line)s") % {"line": line[:100]}, code="invalid") from None
        if isinstance(entry, str) and entry:
            return entry
        if self._objects and isinstance(entry, dict) and isinstance(entry.get("model"), str) and entry["model"]:
            return entry
        raise ValidationError(_("This line names no model: %(line)s") % {"line": line[:100]}, code="invalid")


def line_of(entry: Any) -> str:
    """An entry of a list as a line that is read as the same entry."""
    if isinstance(entry, str) and entry[:1] not in ("{", '"') and entry.splitlines() == [entry.strip()]:
        return entry
    text = json.dumps(entry, ensure_ascii=False)
    return text if len(text.splitlines()) == 1 else json.dumps(entry)


class RoutingForm(forms.Form):
    """Of one model group, or (empty) of every group. What was not touched here is no edit, whoever else changed it."""

    def __init__(self, *args: Any, group: str, settings: Mapping[str, Stored], **options: Any) -> None:
        super().__init__(*args, **options)
        self._group, self._settings = group, settings
        for name in FALLBACKS if group != EVERYBODY else (DEFAULT,):
            self.fields[name] = LinesField(objects=True, label=TITLES[name], help_text=self._help(name))
            self.initial[name] = settings[name].entries.get(group, [])
        if group != EVERYBODY:
            self._add_aliases()
        for name, field in self.fields.items():
            field.disabled = not settings[_SETTING.get(name, name)].is_editable

    def _add_aliases(self) -> None:
        """Two fields of one setting."""
        own = {name: one for name, one in self._settings[ALIASES].entries.items() if model_of(one) == self._group}
        self.fields[LISTED] = LinesField(objects=False, label=TITLES[ALIASES], help_text=self._help(ALIASES))
        self.fields[HIDDEN] = LinesField(
            objects=False, label=_("Hidden aliases"), help_text=_("Answered, and not listed among the models.")
        )
        self.initial[LISTED] = [name for name, one in own.items() if not is_hidden(one)]
        self.initial[HIDDEN] = [name for name, one in own.items() if is_hidden(one)]

    def _help(self, name: str) -> str:
        setting = self._settings[name]
        if not setting.is_editable:
            return _("%(setting)s is set in the config file and cannot be changed here.") % {"setting": setting.title}
        return str(_HELP[name])

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        for name in cleaned.get(LISTED, []):
            if name in cleaned.get(HIDDEN, []):
                self.add_error(HIDDEN, _("“%(name)s” is listed above, too.") % {"name": name})
        return cleaned

    def edits(self) -> dict[str, dict[str, Any]]:
        """Of a valid form."""
        changed: list[str] = self.changed_data
        found: dict[str, dict[str, Any]] = {
            name: {self._group: self.cleaned_data[name] or None} for name in changed if name not in _SETTING
        }
        if aliases := self._alias_edits(changed):
            found[ALIASES] = aliases
        return found

    def _alias_edits(self, changed: list[str]) -> dict[str, Any]:
        stored, found = self._settings[ALIASES].entries, dict[str, Any]()
        wanted = {name: self.cleaned_data[name] for name in (LISTED, HIDDEN) if name in self.fields}
        kept = {alias for aliases in wanted.values() for alias in aliases}
        for field in (LISTED, HIDDEN):
            if field not in changed:
                continue
            seen = self._seen(field)
            for alias in seen:
                # One that stands for another group by now was given to it by somebody else.
                if alias not in kept and alias in stored and model_of(stored[alias]) == self._group:
                    found[alias] = None
            for alias in wanted[field]:
                if alias not in seen:
                    found[alias] = {"model": self._group, "hidden": True} if field == HIDDEN else self._group
        return found

    def _seen(self, name: str) -> list[str]:
        """What the field held when the page was opened."""
        try:
            found = self.fields[name].to_python(self.data.get(self[name].html_initial_name, ""))
        except ValidationError:
            return []
        return list(found or ())


_SETTING = {LISTED: ALIASES, HIDDEN: ALIASES}
_HELP: Mapping[str, Any] = {
    "fallbacks": gettext_lazy(
        'Model groups in the order in which they are asked, one a line; or {"model": "…", "temperature": 0} to change '
        "the request for it."
    ),
    "context_window_fallbacks": gettext_lazy(
        "Only these are asked then; while no group has any, the fallbacks above are."
    ),
    "content_policy_fallbacks": gettext_lazy(
        "Only these are asked then; while no group has any, the fallbacks above are."
    ),
    DEFAULT: gettext_lazy("Model groups in the order in which they are asked, one a line."),
    ALIASES: gettext_lazy("Other names for this group, one a line."),
}


def read_edits(text: str) -> Edits:
    """What a preview was made of, as its form sends it back. Raises Invalid."""
    try:
        found = parse_json(text)
    except ValidationError:
        found = None
    if not isinstance(found, dict) or not all(_is_of(name, own) for name, own in found.items()):
        raise Invalid(_("This is no change of the routing. Begin again."))
    return found


def _is_of(setting: str, own: Any) -> bool:
    """Only the default is nobody's own."""
    if setting not in SETTINGS or not isinstance(own, dict):
        return False
    return all((name == EVERYBODY) is (setting == DEFAULT) for name in own)
