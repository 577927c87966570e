"""What is stored of the router's fallbacks and aliases, and changes of single entries of it.

One place holds each setting: a row of `router_settings`, else the row of `litellm_settings` that LiteLLM allows too.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from proxy.config import update
from proxy.core.rerouting import SETTINGS, Difference, Edits, Entries, differences, edited, entries_of, value_of
from proxy.core.settings import LITELLM_NAMES
from proxy.models import ConfigField, Deployment, Section, Source
from teams import revisions
from teams.errors import Invalid
from teams.secrets import without_secrets

LONGEST_NAME = 255


class Outdated(Exception):
    """Something was changed since the state that a change was made for."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One setting. `source` is empty where nobody set it; `problem` says what is wrong with the value."""

    name: str
    section: Section
    source: str
    entries: Entries
    problem: str = ""

    @property
    def is_editable(self) -> bool:
        return self.source != Source.CONFIG

    @property
    def title(self) -> str:
        return f"{self.section}.{self.name}"


def stored() -> dict[str, Stored]:
    """One query."""
    rows = {(row.section, row.name): row for row in ConfigField.objects.filter(name__in=SETTINGS).order_by()}
    return {name: _stored(name, rows) for name in SETTINGS}


def _stored(name: str, rows: Mapping[tuple[str, str], ConfigField]) -> Stored:
    own = rows.get((Section.ROUTER, name))
    shared = rows.get((Section.LITELLM, name)) if name in LITELLM_NAMES else None
    # As the router reads them: what says null says nothing.
    row = shared if shared is not None and (own is None or own.value is None) and shared.value is not None else own
    if row is None:
        return Stored(name, Section.ROUTER, "", {})
    return Stored(name, Section(row.section), row.source, *_read(name, row.value))


def _read(name: str, value: Any) -> tuple[Entries, str]:
    """Neither the file nor the API leaves a secret here; what came by another way is not shown either."""
    shown = without_secrets(value)
    try:
        entries = entries_of(name, shown)
    except ValueError as error:
        problem = _("Its value is not used, since it %(problem)s. A change replaces all of it.")
        return {}, problem % {"problem": error}
    if shown != value:
        return entries, _(
            "A part of it reads like a secret: that is not shown, and a change of the list leaves it out."
        )
    return entries, ""


def fingerprint() -> str:
    """Of all that a preview is made from: other fallbacks, aliases or deployments have another. Two queries."""
    fields = ConfigField.objects.filter(name__in=SETTINGS, section__in=(Section.ROUTER, Section.LITELLM))
    deployments = Deployment.objects.order_by("pk").values_list("pk", "model_name", "blocked")
    state = [
        list(fields.order_by("section", "name").values_list("section", "name", "value", "source")),
        list(deployments),
    ]
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def changes(edits: Edits, settings: Mapping[str, Stored]) -> list[Difference]:
    """What the edits would change. Raises Invalid for what cannot be changed, or is no right entry."""
    found = []
    for name, own in edits.items():
        entries = settings[name].entries
        after = edited(entries, own)
        if differing := differences(name, entries, after):
            _ensure_storable(settings[name], after)
            found += differing
    return found


def _ensure_storable(setting: Stored, entries: Entries) -> None:
    """The rules of the API; what that would leave out without a word is refused."""
    if not setting.is_editable:
        raise Invalid(
            _("%(setting)s is set in the config file and cannot be changed here.") % {"setting": setting.title}
        )
    value = value_of(setting.name, entries)
    if update.checked(setting.section, setting.name, value) != value:
        raise Invalid(
            _("%(setting)s: a name here reads like the name or the value of a secret, which is not stored.")
            % {"setting": setting.title}
        )
    if any(len(name) > LONGEST_NAME for name in entries):
        raise Invalid(_("A name may have %(most)d characters at most.") % {"most": LONGEST_NAME})


def apply(edits: Edits, *, seen: str) -> list[Difference]:
    """All of them or none, if the fingerprint is still the one that was `seen`; what was changed.

    Raises Outdated, or Invalid; then nothing has changed.
    """
    with transaction.atomic():
        # In the order of every other change; nobody else changes anything until this one is committed.
        revisions.hold(revisions.KEYS)
        revisions.hold(revisions.DEPLOYMENTS)
        if fingerprint() != seen:
            raise Outdated
        settings = stored()
        found = changes(edits, settings)
        for name in dict.fromkeys(one.setting for one in found):
            value: Any = value_of(name, edited(settings[name].entries, edits[name]))
            update.change(settings[name].section, name, value, source=Source.ADMIN)
    return found
