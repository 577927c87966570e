"""Applying a document to the database: rows of source "config" become what the file says, the others stay.

Applying twice changes nothing. `preview` does the same work and takes it back.
"""

import hashlib
import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import transaction

import alerts.services
from proxy.config import known
from proxy.config.alerting import operator_channels
from proxy.config.reader import ConfigError
from proxy.config.schema import Document, ModelEntry
from proxy.models import ConfigField, Deployment, Section, Source
from teams.secrets import without_secrets

# Of general_settings, these are columns of the alerts app's settings, and those are its channels and routes.
ALERT_SETTINGS = (
    "alerting_threshold", "alert_types", "alerting_args", "alert_type_config", "spend_report_frequency",
    "email_settings",
)  # fmt: skip
_ALERTING = frozenset({*ALERT_SETTINGS, "alerting", "alert_to_webhook_url"})


@dataclass
class Diff:
    """What an import changed, a line each; no line holds a value that may be secret."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0

    def lines(self) -> list[str]:
        marked = (("+", self.created), ("~", self.changed), ("-", self.removed))
        return [f"{mark} {line}" for mark, lines in marked for line in lines]


@transaction.atomic
def apply(document: Document) -> Diff:
    """Raises ConfigError; then nothing has changed."""
    diff = Diff()
    _apply_deployments(document.model_list, diff)
    _apply_settings(document, diff)
    _apply_alerting(document, diff)
    return diff


def preview(document: Document) -> Diff:
    with transaction.atomic():
        diff = apply(document)
        transaction.set_rollback(True)
    return diff


def _apply_deployments(entries: list[ModelEntry], diff: Diff) -> None:
    existing = {row.pk: row for row in Deployment.objects.all()}
    seen: Counter[str] = Counter()
    wanted = []
    for entry in entries:
        row = _deployment(entry, seen)
        wanted.append(row.pk)
        _refuse_to_take_over(existing.get(row.pk))
        _save(row, existing.get(row.pk), diff, ("model_name", "litellm_params", "credentials", "model_info"))
    ours = {pk for pk, row in existing.items() if row.source == Source.CONFIG}
    for pk in ours - set(wanted):
        diff.removed.append(f"deployment {existing[pk]}")
        existing[pk].delete()


def _refuse_to_take_over(stored: Deployment | None) -> None:
    if stored is not None and stored.source != Source.CONFIG:
        raise ConfigError(
            f"model_list: the id {stored.pk!r} belongs to a deployment made in {stored.get_source_display()}; "
            "choose another model_info.id"
        )


def _deployment(entry: ModelEntry, seen: Counter[str]) -> Deployment:
    params = entry.litellm_params.model_dump(exclude_unset=True)
    row = Deployment(
        model_name=entry.model_name,
        model_info={name: value for name, value in entry.model_info.items() if name != "id"},
        source=Source.CONFIG,
    )
    row.set_params(params)
    row.id = str(entry.model_info.get("id") or _stable_id(entry.model_name, row.litellm_params, seen))
    return row


def _stable_id(model_name: str, params: dict[str, Any], seen: Counter[str]) -> str:
    """The same for the same parameters, whatever the key: rotating a key must not make another deployment.

    Entries that differ in nothing but their key are told apart by their order.
    """
    text = orjson.dumps([model_name, params], option=orjson.OPT_SORT_KEYS)
    digest = hashlib.sha256(text).hexdigest()
    seen[digest] += 1
    return digest if seen[digest] == 1 else hashlib.sha256(text + str(seen[digest]).encode()).hexdigest()


def _save(row: Deployment, stored: Deployment | None, diff: Diff, columns: tuple[str, ...]) -> None:
    if stored is None:
        row.save(force_insert=True)
        diff.created.append(f"deployment {row}")
        return
    changed = [name for name in columns if getattr(stored, name) != getattr(row, name)]
    if not changed:
        diff.unchanged += 1
        return
    for name in changed:
        setattr(stored, name, getattr(row, name))
    stored.save(update_fields=[*changed, "updated_at"])
    diff.changed.append(f"deployment {row}: {', '.join(changed)}")


def _apply_settings(document: Document, diff: Diff) -> None:
    existing = {(row.section, row.name): row for row in ConfigField.objects.filter(source=Source.CONFIG)}
    wanted = {
        (section, name): value for section, values in _settings(document).items() for name, value in values.items()
    }
    for (section, name), value in wanted.items():
        stored = existing.get((section, name))
        if stored is not None and stored.value == value:
            diff.unchanged += 1
            continue
        ConfigField.objects.update_or_create(
            section=section, name=name, defaults={"value": value, "source": Source.CONFIG}
        )
        (diff.changed if stored else diff.created).append(f"{section}.{name}")
    for key in existing.keys() - wanted.keys():
        diff.removed.append(".".join(key))
        existing[key].delete()


def _settings(document: Document) -> dict[str, dict[str, Any]]:
    """What is stored of each section: settings that somebody reads, and no secret."""
    given = {
        Section.GENERAL: (document.general_settings.model_dump(mode="json", exclude_unset=True), known.GENERAL),
        Section.LITELLM: (document.litellm_settings.model_dump(mode="json", exclude_unset=True), known.LITELLM),
        Section.ROUTER: (document.router_settings, known.ROUTER),
    }
    hidden = _ALERTING | known.NEVER_STORED
    return {
        section: without_secrets({name: value for name, value in values.items() if name in names - hidden})
        for section, (values, names) in given.items()
    }


def _apply_alerting(document: Document, diff: Diff) -> None:
    general = document.general_settings
    given = general.model_dump(mode="json", exclude_unset=True)
    chosen = {name: given[name] for name in ALERT_SETTINGS if given.get(name) is not None}
    if general.alert_heartbeat_url:
        chosen[alerts.services.HEARTBEAT_URL] = general.alert_heartbeat_url
    channels, routes = operator_channels(general, os.environ)
    for line in alerts.services.set_operator_channels(channels=channels, routes=routes, settings=chosen):
        diff.changed.append(f"alerting: {line}")
