"""Bringing LiteLLM's model_prices_and_context_window.json into the operator's table of prices.

Only what has changed since the row in force becomes a row, so that importing a file again changes nothing.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from budgets.core.price_fields import price_fields, problems
from budgets.models import ModelPrice, PriceSource
from teams import actor, revisions

# An entry that describes what the others may hold.
_SAMPLE = "sample_spec"
_LIMITS = ("max_tokens", "max_input_tokens", "max_output_tokens")
_KEPT = ("prices", "deprecation_date", *_LIMITS)
# LiteLLM has several names for some of its providers; deployments name the one on the right.
_PROVIDERS = {"azure_text": "azure", "bedrock_converse": "bedrock"}
_FAMILIES = ("vertex_ai-", "fireworks_ai-")
_LONGEST_PROVIDER, _LONGEST_MODEL, _MOST_TOKENS = 64, 255, 10**12
_BATCH = 500

Name = tuple[str, str]


@dataclass
class PriceImport:
    """What an import did, by the names in the file; `skipped` says why."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def lines(self) -> list[str]:
        marked = (("+", self.added), ("~", self.changed))
        counts = (len(self.added), len(self.changed), self.unchanged, len(self.skipped))
        return [
            *(f"{mark} {name}" for mark, names in marked for name in names),
            *(f"- {name}: {reason}" for name, reason in self.skipped),
            "{} added, {} changed, {} unchanged, {} skipped".format(*counts),
        ]


def read_price_map(path: Path) -> dict[str, Any]:
    """Raises ValueError with a sentence."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} must hold an object of models, as LiteLLM's model_prices_and_context_window.json")  # noqa: TRY004
    return found


@transaction.atomic
def import_prices(entries: Mapping[str, Any], *, now: datetime, dry_run: bool = False) -> PriceImport:
    """All of it or nothing. What an admin has set stays in force, whatever the file says."""
    # Two imports at once would each add what the other is adding.
    revisions.hold(revisions.DEPLOYMENTS)
    done = PriceImport()
    in_force = {(row.provider, row.model): row for row in ModelPrice.objects.current(now=now).order_by()}
    made = [row for name, row in _rows(entries, done, now=now) if _is_news(name, row, in_force, done)]
    if made:
        # No signals: the rows are their own history, and thousands of entries of the audit trail would say no more.
        ModelPrice.objects.bulk_create(made, batch_size=_BATCH)
        revisions.bump(revisions.DEPLOYMENTS)
    if dry_run:
        transaction.set_rollback(True)
    return done


def _rows(entries: Mapping[str, Any], done: PriceImport, *, now: datetime) -> Iterator[tuple[str, ModelPrice]]:
    """Of several entries for one model, the one that names its provider."""
    who = actor.current().id[:255]
    taken: dict[Name, str] = {}
    for key in sorted(entries, key=lambda key: (not _names_provider(key, entries[key]), key)):
        if key == _SAMPLE:
            continue
        if reason := _why_not(key, entries[key]):
            done.skipped.append((key, reason))
            continue
        entry = entries[key]
        provider, model = _name(key, entry)
        if (other := taken.setdefault((provider, model), key)) != key:
            done.skipped.append((key, f"is the same model as {other}"))
            continue
        yield (
            key,
            ModelPrice(
                provider=provider,
                model=model,
                prices=price_fields(entry),
                deprecation_date=_date(entry.get("deprecation_date")),
                effective_from=now,
                source=PriceSource.IMPORT,
                created_by=who,
                updated_by=who,
                **{name: _whole(entry.get(name)) for name in _LIMITS},
            ),
        )


def _is_news(key: str, row: ModelPrice, in_force: Mapping[Name, ModelPrice], done: PriceImport) -> bool:
    stored = in_force.get((row.provider, row.model))
    if stored is None:
        done.added.append(key)
        return True
    if all(getattr(stored, name) == getattr(row, name) for name in _KEPT):
        done.unchanged += 1
        return False
    if stored.source == PriceSource.ADMIN:
        done.skipped.append((key, "the price in force was set by an admin"))
        return False
    done.changed.append(key)
    return True


def _why_not(key: str, entry: Any) -> str:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("litellm_provider"), str):
        return "has no litellm_provider"
    provider, model = _name(key, entry)
    if not 0 < len(provider) <= _LONGEST_PROVIDER or not 0 < len(model) <= _LONGEST_MODEL:
        return "its name is empty or too long"
    if "*" in model or not f"{provider}{model}".isprintable():
        return "its name is none that a model can have"
    return " ".join(problems(price_fields(entry)))


def _name(key: str, entry: Mapping[str, Any]) -> Name:
    """The provider as deployments call it, and the model without it."""
    given = entry["litellm_provider"]
    family = next((name.rstrip("-") for name in _FAMILIES if given.startswith(name)), given)
    provider = _PROVIDERS.get(family, family)
    return provider, key.removeprefix(f"{provider}/")


def _names_provider(key: str, entry: Any) -> bool:
    given = entry.get("litellm_provider") if isinstance(entry, Mapping) else None
    return isinstance(given, str) and key.startswith(f"{_name(key, entry)[0]}/")


def _whole(value: Any) -> int | None:
    """A number of tokens; LiteLLM writes some as a float, and has some sentences among them."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 < value < _MOST_TOKENS else None


def _date(value: Any) -> date | None:
    """None for what is no date, such as the map's own sentence about how to write one."""
    try:
        return datetime.fromisoformat(value).date() if isinstance(value, str) else None
    except ValueError:
        return None
