"""Whom ledger entries are counted for, and what those may spend: read once for many entries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from budgets.core.allowances import EVER, Allowance, allowances, of_model
from budgets.models import GatewayBudget, Scope
from teams.limits import COLUMNS, LimitSet, limit_set
from teams.models import Budget, Customer, Membership, Organization, RetiredToken, Tag, Team, User, VirtualKey
from teams.models import Limits as LimitsRow

Entity = tuple[str, str]
_LINKED = tuple(f"budget__{column}" for column in COLUMNS)


@dataclass(frozen=True, slots=True)
class Payers:
    """What an entry says of who pays for it."""

    key_hash: str
    user_id: str
    team_id: str
    organization_id: str
    end_user: str
    tags: tuple[str, ...]
    model_group: str
    provider: str
    deployment_id: str


class Directory:
    """Reads at once what `payers` name: keys by hash, memberships by pair, and everybody's budget windows."""

    def __init__(self, payers: Iterable[Payers]) -> None:
        payers = list(payers)
        self.key_ids = _key_ids({one.key_hash for one in payers})
        self._member_ids: dict[tuple[str, str], int] = {}
        self.allowances: dict[Entity, tuple[Allowance, ...]] = {}
        self._read_members({(one.team_id, one.user_id) for one in payers if one.team_id and one.user_id})
        self._read_keys()
        self._read_owned(Scope.TEAM, Team, {one.team_id for one in payers}, model_scope=Scope.TEAM_MODEL)
        self._read_owned(Scope.USER, User, {one.user_id for one in payers})
        self._read_linked(Scope.ORGANIZATION, Organization, {one.organization_id for one in payers})
        self._read_linked(Scope.CUSTOMER, Customer, {one.end_user for one in payers})
        self._read_linked(Scope.TAG, Tag, {tag for one in payers for tag in one.tags})
        self._read_gateway_budgets()

    def entities(self, one: Payers) -> list[Entity]:
        """Everybody the entry is counted for. A model of a key or team only where that has a budget for it."""
        found: list[Entity] = [(Scope.PROXY, "")]
        for scope, name in (
            (Scope.ORGANIZATION, one.organization_id),
            (Scope.TEAM, one.team_id),
            (Scope.USER, one.user_id),
            (Scope.CUSTOMER, one.end_user),
            (Scope.MODEL, one.model_group),
            (Scope.PROVIDER, one.provider),
            (Scope.DEPLOYMENT, one.deployment_id),
        ):
            if name:
                found.append((scope, name))
        found += [(Scope.TAG, tag) for tag in dict.fromkeys(one.tags)]
        if (member := self._member_ids.get((one.team_id, one.user_id))) is not None:
            found.append((Scope.MEMBER, str(member)))
        if (key := self.key_ids.get(one.key_hash)) is not None:
            found.append((Scope.KEY, str(key)))
            self._add_model(found, (Scope.KEY_MODEL, of_model(str(key), one.model_group)))
        self._add_model(found, (Scope.TEAM_MODEL, of_model(one.team_id, one.model_group)))
        return found

    def _add_model(self, found: list[Entity], entity: Entity) -> None:
        if entity in self.allowances:
            found.append(entity)

    def windows(self, entity: Entity) -> dict[str, Allowance]:
        """By window; "" is always among them."""
        own = {one.window: one for one in self.allowances.get(entity, ())}
        return own if "" in own else {"": Allowance(*entity, "", None), **own}

    def _keep(self, found: Sequence[Allowance]) -> None:
        for one in found:
            entity = (one.scope, one.entity_id)
            self.allowances[entity] = (*self.allowances.get(entity, ()), one)

    def _read_keys(self) -> None:
        rows = VirtualKey.objects.filter(pk__in=set(self.key_ids.values())).order_by()
        for pk, created_at, *columns in rows.values_list("pk", "created_at", *COLUMNS, *_LINKED):
            own, shared = limit_set(columns[: len(COLUMNS)]), limit_set(columns[len(COLUMNS) :])
            limits = own.with_default(shared)
            self._keep(
                allowances(
                    limits, scope=Scope.KEY, entity_id=str(pk), created_at=created_at, model_scope=Scope.KEY_MODEL
                )
            )

    def _read_owned(self, scope: Scope, model: type[LimitsRow], ids: set[str], *, model_scope: str = "") -> None:
        rows = model._default_manager.filter(pk__in=ids - {""}).order_by()
        created = "created_at"
        for pk, created_at, *columns in rows.values_list("pk", created, *COLUMNS):
            limits = limit_set(columns)
            self._keep(allowances(limits, scope=scope, entity_id=pk, created_at=created_at, model_scope=model_scope))

    def _read_linked(self, scope: Scope, model: Any, ids: set[str]) -> None:
        rows = model.objects.filter(pk__in=ids - {""}, budget__isnull=False).order_by()
        for pk, created_at, *columns in rows.values_list("pk", "created_at", *_LINKED):
            self._keep(allowances(limit_set(columns), scope=scope, entity_id=pk, created_at=created_at))

    def _read_members(self, pairs: set[tuple[str, str]]) -> None:
        rows = Membership.objects.filter(team_id__in={t for t, _ in pairs}, user_id__in={u for _, u in pairs})
        columns = rows.order_by().values_list("pk", "team_id", "user_id", "created_at", "budget", "team__member_budget")
        found = [row for row in columns if (row[1], row[2]) in pairs]
        budgets = limits_of_budgets({budget for row in found for budget in row[4:] if budget})
        for pk, team_id, user_id, created_at, own, default in found:
            self._member_ids[team_id, user_id] = pk
            if (limits := budgets.get(own or default or "")) is not None:
                self._keep(allowances(limits, scope=Scope.MEMBER, entity_id=str(pk), created_at=created_at))

    def _read_gateway_budgets(self) -> None:
        for row in GatewayBudget.objects.order_by("pk"):
            entity = (row.scope, row.entity_id)
            if row.window not in {one.window for one in self.allowances.get(entity, ())}:
                self._keep([gateway_allowance(row)])


def gateway_allowance(row: GatewayBudget) -> Allowance:
    return Allowance(
        scope=row.scope,
        entity_id=row.entity_id,
        window=row.window,
        max_nano=row.max_budget_nano,
        soft_nano=row.soft_budget_nano,
        counted_from=row.started_at if row.window else EVER,
    )


def limits_of_budgets(ids: Iterable[str]) -> Mapping[str, LimitSet]:
    rows = Budget.objects.filter(pk__in=set(ids)).order_by()
    return {pk: limit_set(columns) for pk, *columns in rows.values_list("pk", *COLUMNS)}


def _key_ids(hashes: set[str]) -> dict[str, int]:
    """By hash, former ones included: a regenerated key is the same key."""
    found: dict[str, int] = dict(
        VirtualKey.objects.filter(token_hash__in=hashes).order_by().values_list("token_hash", "pk")
    )
    missing = hashes - found.keys()
    retired = RetiredToken.objects.filter(pk__in=missing).order_by().values_list("pk", "key_id")
    return {**found, **dict(retired)} if missing else found
