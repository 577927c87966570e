"""Entries that are committed and in no balance yet."""

from datetime import datetime
from typing import Any
from uuid import UUID

from budgets.directory import Directory, Entity
from budgets.models import UnrolledBatch
from budgets.rollup import payers_of, read_entries


def waiting_entries() -> list[dict[str, Any]]:
    """Columns by name, of clients' calls alone."""
    ids = [UUID(entry_id) for batch in UnrolledBatch.objects.order_by("pk") for entry_id in batch.entry_ids]
    return read_entries(ids) if ids else []


def waiting_amounts() -> dict[Entity, list[tuple[datetime, int]]]:
    """By everybody they are counted for: when each call began, and its nano-dollars."""
    entries = waiting_entries()
    if not entries:
        return {}
    payers = [payers_of(entry) for entry in entries]
    directory = Directory(payers)
    found: dict[Entity, list[tuple[datetime, int]]] = {}
    for entry, payer in zip(entries, payers, strict=True):
        for entity in directory.entities(payer):
            found.setdefault(entity, []).append((entry["started_at"], entry["amount_nano"]))
    return found
