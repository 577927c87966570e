"""Which budgets and rate limits a request meets: put together in memory, once a caller and period.

`refresh` is for the thread that follows the database, everything else for the event loop.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max

from budgets.core.admission import CounterCheck, MeterCheck, ParallelCheck
from budgets.core.allowances import EVER, Allowance, allowances, of_model
from budgets.counters import counter_key, generations
from budgets.directory import Entity, gateway_allowance
from budgets.models import GatewayBudget, Scope, SpendAdjustment
from teams.limits import NO_LIMITS, LimitSet
from teams.periods import UTC_MIDNIGHT, Calendar
from teams.principal import KnownCustomer, Principal
from teams.snapshot import KeySnapshot

_MOST_KNOWN = 20_000
_AT_MOST = timedelta(hours=1)
# A counter outlives its period a little; one that is never reset is forgotten when nobody asks for long.
_SLACK = timedelta(days=1)
_IDLE = timedelta(days=40)


@dataclass(frozen=True, slots=True)
class Counter:
    check: CounterCheck
    allowance: Allowance
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class Meter:
    """`name` is LiteLLM's word in `x-ratelimit-<name>-...`, `value` whose limit it is, for the sentence."""

    check: MeterCheck
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Parallel:
    check: ParallelCheck
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Checks:
    counters: tuple[Counter, ...] = ()
    meters: tuple[Meter, ...] = ()
    parallels: tuple[Parallel, ...] = ()

    def __add__(self, other: "Checks") -> "Checks":
        return Checks(self.counters + other.counters, self.meters + other.meters, self.parallels + other.parallels)

    def __bool__(self) -> bool:
        return bool(self.counters or self.meters or self.parallels)


NO_CHECKS = Checks()


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    """What settings say about limits; `max_parallel` is for a key without a limit of its own."""

    user_budget_on_team_keys: bool = False
    customer_budget_id: str = ""
    customer_budget: LimitSet = NO_LIMITS
    max_parallel: int | None = None
    global_max_parallel: int | None = None


@dataclass(slots=True)
class _Known:
    """What one caller always meets, and what it meets with some models and tags; good `until` then."""

    principal: Principal
    until: datetime
    always: Checks
    by_model: dict[str, Checks]
    by_tag: dict[str, Checks]


@dataclass(slots=True)
class _Rules:
    """What one refresh has read, and what was put together by it: no refresh leaves behind what an older one said."""

    policy: LimitPolicy = LimitPolicy()
    calendar: Calendar = UTC_MIDNIGHT
    everybody: Mapping[Entity, tuple[Allowance, ...]] = field(default_factory=dict)
    generations: Mapping[Entity, int] = field(default_factory=dict)
    known: dict[str, _Known] = field(default_factory=dict)
    others: dict[Entity, tuple[datetime, Checks]] = field(default_factory=dict)


class RequestLimits:
    """`any_of` is what a request has to ask for; empty for most callers of most gateways, and then nothing is asked."""

    def __init__(self, keys: KeySnapshot) -> None:
        self._keys = keys
        self._rules = _Rules()
        self._seen: tuple[Any, ...] = ()

    @property
    def everybody(self) -> Mapping[Entity, tuple[Allowance, ...]]:
        """The budgets of tags and of what is nobody's own."""
        return self._rules.everybody

    def refresh(self, *, policy: LimitPolicy, calendar: Calendar, revision: object) -> None:
        """Read again what changed. Raises django.db.Error."""
        adjusted = SpendAdjustment.objects.aggregate(last=Max("pk"))["last"]
        seen = (adjusted, policy, calendar, revision)
        if seen == self._seen:
            return
        everybody: dict[Entity, tuple[Allowance, ...]] = {}
        for name, (limits, made_at) in self._keys.tag_budgets().items():
            everybody[Scope.TAG, name] = allowances(limits, scope=Scope.TAG, entity_id=name, created_at=made_at)
        for row in GatewayBudget.objects.order_by("pk"):
            entity = (row.scope, row.entity_id)
            own = everybody.get(entity, ())
            # A tag's own budget stands in the place of one of the same duration, here as in the directory.
            if row.window not in {one.window for one in own}:
                everybody[entity] = (*own, gateway_allowance(row))
        self._rules = _Rules(policy, calendar, everybody, generations())
        self._seen = seen

    def any_of(
        self,
        principal: Principal,
        *,
        customer_id: str,
        customer: KnownCustomer | None,
        tags: Sequence[str],
        model: str,
        now: datetime,
    ) -> Checks:
        """`model` is the model group."""
        rules = self._rules
        known = rules.known.get(principal.key_hash)
        if known is None or known.principal is not principal or now >= known.until:
            known = _learn(principal, rules, now=now)
        found = known.always
        if (own := known.by_model.get(model)) is not None:
            found += own
        if known.by_tag:
            for tag in dict.fromkeys(tags):
                found += known.by_tag.get(tag, NO_CHECKS)
        if customer_id:
            found += self._of_customer(principal, customer_id, customer, rules, now=now)
        if rules.everybody:
            entities = [(Scope.PROXY, ""), (Scope.MODEL, model), *((Scope.TAG, tag) for tag in dict.fromkeys(tags))]
            found += _of_everybody(entities, rules, now=now)
        return found

    def upstream(self, *, provider: str, deployment_id: str, now: datetime) -> Checks:
        """Of whom is asked, when that is known."""
        rules = self._rules
        if not rules.everybody:
            return NO_CHECKS
        return _of_everybody([(Scope.PROVIDER, provider), (Scope.DEPLOYMENT, deployment_id)], rules, now=now)

    def _of_customer(
        self, principal: Principal, customer_id: str, customer: KnownCustomer | None, rules: _Rules, *, now: datetime
    ) -> Checks:
        """The customer's own budget, else the one its key names for all, else the gateway's."""
        named = principal.metadata.get("end_user_budget_id")
        limits = self._keys.budget(customer.budget_id) if customer and customer.budget_id else NO_LIMITS
        if limits is NO_LIMITS and isinstance(named, str):
            limits = self._keys.budget(named)
        if limits is NO_LIMITS and rules.policy.customer_budget_id:
            limits = self._keys.budget(rules.policy.customer_budget_id)
        if limits is NO_LIMITS:
            limits = rules.policy.customer_budget
        if limits is NO_LIMITS:
            return NO_CHECKS
        # Which budget it is may depend on the key.
        entity = (f"{Scope.CUSTOMER} {id(limits)}", customer_id)
        if (found := _remembered(entity, rules, now=now)) is None:
            made_at = customer.created_at if customer else EVER
            budgets = allowances(limits, scope=Scope.CUSTOMER, entity_id=customer_id, created_at=made_at)
            found = _counters(budgets, rules, now=now) + rates("end_user", customer_id, limits)
            _remember(entity, found, rules, now=now)
        return found


def _learn(principal: Principal, rules: _Rules, *, now: datetime) -> _Known:
    limits = principal.limits
    budgets: list[Allowance] = []
    for scope, entity_id, own in _owners(principal, rules.policy):
        budgets += allowances(own, scope=scope, entity_id=entity_id, created_at=principal.created_at)
    always = _counters(budgets, rules, now=now)
    rated = [
        ("api_key", principal.key_hash, limits.key),
        ("team", principal.team_id, limits.team),
        ("team_member", f"{principal.user_id} in team {principal.team_id}", limits.member),
        ("user", principal.user_id, limits.user),
        ("organization", principal.organization_id, limits.organization),
    ]
    for name, value, own in rated:
        if value and own is not NO_LIMITS:
            always += rates(name, value, own)
    always += _parallel_defaults(principal, rules.policy)
    by_model = _by_model(principal, rules, now=now)
    # What a key with a temporary increase may spend changes when that ends.
    ends = [one.ends for one in (*always.counters, *(c for f in by_model.values() for c in f.counters)) if one.ends]
    increases = [
        one.increase_until for one in budgets if one.increase_nano and one.increase_until and one.increase_until > now
    ]
    known = _Known(principal, min([now + _AT_MOST, *ends, *increases]), always, by_model, _by_tag(principal))
    if len(rules.known) >= _MOST_KNOWN:
        rules.known.clear()
    rules.known[principal.key_hash] = known
    return known


def _owners(principal: Principal, policy: LimitPolicy) -> Iterable[tuple[str, str, LimitSet]]:
    """Whose budgets bind: from the whole to the part."""
    limits = principal.limits
    yield Scope.ORGANIZATION, principal.organization_id or "", limits.organization
    yield Scope.TEAM, principal.team_id or "", limits.team
    if principal.member_id:
        yield Scope.MEMBER, str(principal.member_id), limits.member
    # LiteLLM's rule: the budget of a user is for keys outside of teams, unless a setting says otherwise.
    if principal.user_id and (principal.team_id is None or policy.user_budget_on_team_keys):
        yield Scope.USER, principal.user_id, limits.user
    if principal.key_id:
        yield Scope.KEY, str(principal.key_id), limits.key


def _parallel_defaults(principal: Principal, policy: LimitPolicy) -> Checks:
    found: list[Parallel] = []
    own = principal.limits.key.parallel
    if own is None and policy.max_parallel is not None and not principal.is_master:
        found.append(_parallel("api_key", principal.key_hash, policy.max_parallel))
    if policy.global_max_parallel is not None:
        found.append(_parallel("global", "proxy", policy.global_max_parallel))
    return Checks(parallels=tuple(found))


def _by_model(principal: Principal, rules: _Rules, *, now: datetime) -> dict[str, Checks]:
    found: dict[str, Checks] = {}
    owners = (
        (Scope.KEY_MODEL, str(principal.key_id), principal.limits.key),
        (Scope.TEAM_MODEL, principal.team_id or "", principal.limits.team),
    )
    for scope, owner, limits in owners:
        for model in limits.models or {}:
            budgets = [
                one
                for one in allowances(
                    limits, scope="", entity_id=owner, created_at=principal.created_at, model_scope=scope
                )
                if one.scope == scope and one.entity_id == of_model(owner, model)
            ]
            found[model] = found.get(model, NO_CHECKS) + _counters(budgets, rules, now=now)
    of_models = (
        ("model_per_key", principal.key_hash, principal.key_metadata, principal.limits.key),
        ("model_per_team", principal.team_id, principal.team_metadata, NO_LIMITS),
    )
    for name, value, metadata, beside in of_models:
        for model, own in rates_of_models(metadata, beside).items():
            found[model] = found.get(model, NO_CHECKS) + rates(name, f"{value}:{model}", own)
    return found


def rates_of_models(metadata: Mapping[str, Any], limits: LimitSet) -> dict[str, LimitSet]:
    rpm, tpm = (_of_models(metadata, limits, kind) for kind in ("rpm_limit", "tpm_limit"))
    return {model: LimitSet(rpm=rpm.get(model), tpm=tpm.get(model)) for model in {**rpm, **tpm}}


def _of_models(metadata: Mapping[str, Any], limits: LimitSet, kind: str) -> dict[str, int]:
    """By model; LiteLLM takes them from a budget for the model too."""
    budgets = {
        model: budget[kind]
        for model, budget in (limits.models or {}).items()
        if isinstance(budget, Mapping) and kind in budget
    }
    return {**_numbers(budgets), **_numbers(metadata.get(f"model_{kind}"))}


def _by_tag(principal: Principal) -> dict[str, Checks]:
    rpm = _numbers(principal.key_metadata.get("tag_rpm_limit"))
    return {tag: rates("tag_per_key", f"{principal.key_hash}:{tag}", LimitSet(rpm=limit)) for tag, limit in rpm.items()}


def _of_everybody(entities: Iterable[Entity], rules: _Rules, *, now: datetime) -> Checks:
    found = NO_CHECKS
    for entity in entities:
        if (budgets := rules.everybody.get(entity)) is None:
            continue
        if (one := _remembered(entity, rules, now=now)) is None:
            one = _counters(budgets, rules, now=now)
            _remember(entity, one, rules, now=now)
        found += one
    return found


def _remembered(entity: Entity, rules: _Rules, *, now: datetime) -> Checks | None:
    known = rules.others.get(entity)
    return known[1] if known is not None and now < known[0] else None


def _remember(entity: Entity, found: Checks, rules: _Rules, *, now: datetime) -> None:
    if len(rules.others) >= _MOST_KNOWN:
        rules.others.clear()
    ends = [one.ends for one in found.counters if one.ends]
    rules.others[entity] = (min([now + _AT_MOST, *ends]), found)


def _counters(budgets: Iterable[Allowance], rules: _Rules, *, now: datetime) -> Checks:
    found = []
    for one in budgets:
        if (limit := one.max_at(now)) is None:
            continue
        start, ends = one.period(now, calendar=rules.calendar)
        generation = rules.generations.get((one.scope, one.entity_id), 0)
        expires = int((ends + _SLACK if ends else now + _IDLE).timestamp())
        key = counter_key(one, start=start, generation=generation)
        found.append(Counter(CounterCheck(key, limit, expires), one, ends))
    return Checks(counters=tuple(found))


def rates(name: str, value: str, limits: LimitSet) -> Checks:
    """The rate limits of one holder. `name` is LiteLLM's word for its kind."""
    key = f"{name}:{value}"
    meters = []
    if limits.rpm is not None or limits.tpm is not None:
        meters.append(Meter(MeterCheck(key, 60, limits.rpm, limits.tpm), name, value))
    if limits.tpd is not None:
        meters.append(Meter(MeterCheck(f"{key}:day", 86_400, None, limits.tpd), name, value))
    parallels = () if limits.parallel is None else (_parallel(name, value, limits.parallel),)
    return Checks(meters=tuple(meters), parallels=parallels)


def _parallel(name: str, value: str, limit: int) -> Parallel:
    return Parallel(ParallelCheck(f"{name}:{value}", limit), name, value)


def _numbers(value: Any) -> dict[str, int]:
    if not isinstance(value, Mapping):
        return {}
    return {
        name: number
        for name, number in value.items()
        if isinstance(name, str) and isinstance(number, int) and not isinstance(number, bool)
    }
