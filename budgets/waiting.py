"""Entries that are committed and in no balance yet."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from budgets.core.allowances import owner_and_model
from budgets.directory import Directory, Entity, Payers
from budgets.models import Scope, UnrolledBatch
from budgets.rollup import payers_of, read_entries
from teams.models import Membership, RetiredToken, VirtualKey

_COLUMNS: Mapping[str, str] = {
    Scope.ORGANIZATION: "organization_id",
    Scope.TEAM: "team_id",
    Scope.USER: "user_id",
    Scope.CUSTOMER: "end_user",
    Scope.MODEL: "model_group",
    Scope.PROVIDER: "provider",
    Scope.DEPLOYMENT: "deployment_id",
}


def waiting_entries() -> list[dict[str, Any]]:
    """Columns by name, of clients' calls alone."""
    ids = [UUID(entry_id) for batch in UnrolledBatch.objects.order_by("pk") for entry_id in batch.entry_ids]
    return read_entries(ids) if ids else []


def waiting_amounts(wanted: Collection[Entity] | None = None) -> dict[Entity, list[tuple[datetime, int]]]:
    """By everybody they are counted for: when each call began, and its nano-dollars.

    Of `wanted`, where that is given; others may be among what is found, and not with all of theirs.
    """
    counted = [(entry, payers_of(entry)) for entry in waiting_entries()]
    if counted and wanted is not None:
        concerns = _Concerned(wanted)
        counted = [(entry, payer) for entry, payer in counted if concerns(payer)]
    if not counted:
        return {}
    directory = Directory(payer for _, payer in counted)
    found: dict[Entity, list[tuple[datetime, int]]] = {}
    for entry, payer in counted:
        for entity in directory.entities(payer):
            found.setdefault(entity, []).append((entry["started_at"], entry["amount_nano"]))
    return found


class _Concerned:
    """Whether an entry may count for one of some: by what it says itself, so that few are looked up."""

    def __init__(self, wanted: Iterable[Entity]) -> None:
        ids: dict[str, set[str]] = {}
        for scope, entity_id in wanted:
            ids.setdefault(scope, set()).add(entity_id)
        self._is_everybody = Scope.PROXY in ids
        self._tags = ids.get(Scope.TAG, set())
        self._columns = [(_COLUMNS[scope], values) for scope, values in ids.items() if scope in _COLUMNS]
        if owners := ids.get(Scope.TEAM_MODEL):
            self._columns.append(("team_id", {owner_and_model(one)[0] for one in owners}))
        keys = {*ids.get(Scope.KEY, ()), *(owner_and_model(one)[0] for one in ids.get(Scope.KEY_MODEL, ()))}
        if keys:
            self._columns.append(("key_hash", _hashes(keys)))
        members = Membership.objects.filter(pk__in=ids.get(Scope.MEMBER, ())).order_by()
        self._members = set(members.values_list("team_id", "user_id"))

    def __call__(self, payer: Payers) -> bool:
        return (
            self._is_everybody
            or any(getattr(payer, column) in values for column, values in self._columns)
            or (payer.team_id, payer.user_id) in self._members
            or not self._tags.isdisjoint(payer.tags)
        )


def _hashes(keys: Collection[str]) -> set[str]:
    """Those of now and before."""
    key_ids = [int(one) for one in keys]
    now = VirtualKey.objects.filter(pk__in=key_ids).order_by().values_list("token_hash", flat=True)
    before = RetiredToken.objects.filter(key_id__in=key_ids).order_by().values_list("pk", flat=True)
    return {*now, *before}
