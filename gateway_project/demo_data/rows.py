"""The demo's rows of who may call, what they may use, and where deployments are. None of them opens anything."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db.models import Model

from budgets.models import GatewayBudget, PriceSnapshot, Scope
from budgets.prices import proof
from gateway_project.demo_data import cast
from gateway_project.demo_data.marks import MAKER, METADATA, ROOT, Standing
from proxy.models import Deployment, HealthCheck
from teams.keys import DEMO_PREFIX
from teams.models import (
    Budget,
    Customer,
    MemberRole,
    Membership,
    Organization,
    OrganizationMembership,
    OrganizationRole,
    Tag,
    Team,
    User,
    VirtualKey,
)

# Until what was spent is known.
UNKNOWN_NANO = 10**15
MEMBER_BUDGET = f"{DEMO_PREFIX}member"
CUSTOMER_BUDGET = f"{DEMO_PREFIX}customer"
TAG_BUDGET = f"{DEMO_PREFIX}batch"
_CHECKED_EVERY = timedelta(hours=2)
_CHECKS = 24


def make_rows(*, since: datetime, facts: dict[str, Any]) -> None:
    """In the caller's transaction, and without a signal: nobody is told. Raises IntegrityError for a name in use."""
    for some in _rows(since, facts):
        type(some[0])._default_manager.bulk_create(some)


def _rows(since: datetime, facts: dict[str, Any]) -> Sequence[Sequence[Model]]:
    stamps = {"created_by": MAKER, "updated_by": MAKER, "created_at": since}
    return (
        _budgets(since, stamps),
        [
            Organization(
                id=one.id,
                alias=one.alias,
                budget_id=one.id,
                metadata={METADATA: {**facts, "standing": Standing.UNFINISHED}} if one.id == ROOT else {},
                **stamps,
            )
            for one in cast.ORGANIZATIONS
        ],
        _people(since, stamps),
        [
            Team(
                id=team.id,
                alias=team.alias,
                organization_id=team.organization.id,
                max_budget_nano=UNKNOWN_NANO,
                budget_duration=team.window,
                budget_started_at=since,
                member_budget_id=MEMBER_BUDGET,
                **stamps,
            )
            for team in cast.TEAMS
        ],
        [*_memberships()],
        [*_organization_memberships()],
        [_key(key, since, stamps) for key in cast.KEYS],
        [Customer(id=name, alias=alias, budget_id=CUSTOMER_BUDGET, **stamps) for name, alias in cast.CUSTOMERS.items()],
        [
            Tag(name=name, description=text, budget_id=TAG_BUDGET if name == cast.BATCH else None, **stamps)
            for name, text in cast.TAGS.items()
        ],
        [
            GatewayBudget(
                scope=scope, entity_id=name, window=window, max_budget_nano=UNKNOWN_NANO, started_at=since, **stamps
            )
            for scope, name, window, _ in GATEWAY_BUDGETS
        ],
        [_deployment(group, upstream, stamps) for group in cast.GROUPS for upstream in group.upstreams],
    )  # fmt: skip


# How much of each is spent in the end.
GATEWAY_BUDGETS = (
    (Scope.MODEL, cast.GPT, "30d", 0.78),
    (Scope.TAG, cast.EXPERIMENT, "", 1.04),
    (Scope.DEPLOYMENT, cast.AZURE.id, "30d", 0.52),
)
# Of what those spent who spent the most.
SHARED_BUDGETS = (
    (CUSTOMER_BUDGET, Scope.CUSTOMER, 0.93),
    (TAG_BUDGET, Scope.TAG, 0.66),
    (MEMBER_BUDGET, Scope.MEMBER, 0.9),
)


def _budgets(since: datetime, stamps: dict[str, Any]) -> list[Budget]:
    names = [one.id for one in cast.ORGANIZATIONS] + [name for name, _, _ in SHARED_BUDGETS]
    return [Budget(id=name, max_budget_nano=UNKNOWN_NANO, budget_started_at=since, **stamps) for name in names]


def _people(since: datetime, stamps: dict[str, Any]) -> list[User]:
    return [
        User(
            id=cast.person_id(name),
            username=cast.person_id(name),
            alias=f"{name.title()} (demo)",
            email=f"{name}@demo.invalid",
            password=make_password(None),
            date_joined=since,
            budget_started_at=since,
            **stamps,
        )
        for name in cast.PEOPLE
    ]


def _memberships() -> list[Membership]:
    return [
        Membership(team_id=team.id, user_id=cast.person_id(name), role=MemberRole.USER if number else MemberRole.ADMIN)
        for team in cast.TEAMS
        for number, name in enumerate(team.members)
    ]


def _organization_memberships() -> list[OrganizationMembership]:
    pairs = {(team.organization.id, name): team.name for team in cast.TEAMS for name in team.members}
    return [
        OrganizationMembership(
            organization_id=organization,
            user_id=cast.person_id(name),
            role=OrganizationRole.ADMIN if team == "research" and name == "ada" else OrganizationRole.USER,
        )
        for (organization, name), team in sorted(pairs.items())
    ]


def _key(key: cast.Key, since: datetime, stamps: dict[str, Any]) -> VirtualKey:
    return VirtualKey(
        token_hash=key.token_hash,
        name="sk-...demo",
        alias=key.name,
        team_id=cast.TEAM[key.team].id,
        user_id=cast.person_id(key.user),
        allowed_models=[name for name, _ in key.models],
        max_budget_nano=UNKNOWN_NANO if key.used else None,
        budget_duration=key.window,
        budget_started_at=since,
        metadata={"made_by": MAKER},
        **stamps,
    )


def _deployment(group: cast.ModelGroup, upstream: cast.Upstream, stamps: dict[str, Any]) -> Deployment:
    """Blocked, so that nothing is ever asked of it, not even whether it is well."""
    costs = {"input_cost_per_token": float(group.asked) / 1e6, "output_cost_per_token": float(group.said) / 1e6}
    row = Deployment(id=upstream.id, model_name=group.name, model_info={"made_by": MAKER}, blocked=True, **stamps)
    row.set_params({**upstream.params, **costs, "cache_read_input_token_cost": float(group.cached) / 1e6})
    return row


def make_prices() -> dict[str, int]:
    """Of each deployment, by its id, the row that its price is proved by. Under digests that no real price has."""
    wanted = {}
    for group in cast.GROUPS:
        rates = proof(group.price)
        for upstream in group.upstreams:
            # What two deployments ask of the same model is still two rows: each goes with its own.
            wanted[upstream.id] = PriceSnapshot(
                digest=upstream.id, provider=upstream.provider, model=upstream.model, source="deployment",
                rates=json.loads(json.dumps(rates)),
            )  # fmt: skip
    PriceSnapshot.objects.bulk_create(wanted.values())
    return dict(PriceSnapshot.objects.filter(digest__in=wanted).order_by("pk").values_list("digest", "pk"))


def make_checks(*, now: datetime) -> None:
    """What health checks found on the last two days."""
    HealthCheck.objects.bulk_create(
        HealthCheck(
            deployment_id=upstream.id,
            model_name=group.name,
            healthy=not (upstream is cast.SLOW and number == 3),
            status=200 if not (upstream is cast.SLOW and number == 3) else 504,
            error="The provider did not answer in time." if upstream is cast.SLOW and number == 3 else "",
            response_ms=round(upstream.first_token * 1000) + 17 * number % 90,
            checked_by="demo",
            checked_at=now - number * _CHECKED_EVERY,
        )
        for group in cast.GROUPS
        for upstream in group.upstreams
        for number in reversed(range(_CHECKS))
    )
