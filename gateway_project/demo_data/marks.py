"""By what rows of the demo are recognised, and whether there are any."""

from enum import StrEnum
from typing import Any

from django.db.models import Q, QuerySet

from budgets.models import DailySpend, GatewayBudget
from proxy.models import Deployment
from teams.keys import DEMO_PREFIX
from teams.models import Budget, Customer, Organization, Tag, Team, User, VirtualKey

# No actor's id: who makes a row through a page or the API is a user, or nobody.
MAKER = "tollkeeper demo"
CHANNEL = "demo: sends nowhere"
REMOVE_COMMAND = "tollkeeper demo --remove"
# The first row that is made and the last that goes; its metadata say how far the demo is.
ROOT = f"{DEMO_PREFIX}acme"
METADATA = "demo"
# Those with a maker, in an order in which they may be made.
MADE: tuple[type[Any], ...] = (
    Budget, Organization, User, Team, VirtualKey, Customer, Tag, GatewayBudget, Deployment,
)  # fmt: skip


class Standing(StrEnum):
    ABSENT = "absent"
    UNFINISHED = "unfinished"
    WHOLE = "whole"


def standing() -> Standing:
    """Cheap enough for each page of the admin. Raises django.db.Error."""
    root = Organization.objects.filter(pk=ROOT, created_by=MAKER).values_list("metadata", flat=True).first()
    if root is not None:
        return Standing(root.get(METADATA, {}).get("standing", Standing.UNFINISHED))
    return Standing.UNFINISHED if days().exists() else Standing.ABSENT


def days() -> QuerySet[DailySpend]:
    """The range is for the index, in whatever order the database sorts texts; no hash is in it."""
    return DailySpend.objects.filter(key_hash__gte="dem", key_hash__lt="den", **of_key())


def of_key(column: str = "key_hash") -> dict[str, str]:
    return {f"{column}__startswith": DEMO_PREFIX}


def made(model: type[Any]) -> QuerySet[Any]:
    return model._default_manager.filter(created_by=MAKER)  # type: ignore[no-any-return]


def is_ours(labels: Any) -> bool:
    """Whether an incident is about somebody of the demo."""
    return isinstance(labels, dict) and any(str(value).startswith(DEMO_PREFIX) for value in labels.values())


def in_the_way() -> list[str]:
    """Real rows under names that the demo's are to have, or whose meaning the demo would change."""
    found = [
        f"{model._meta.verbose_name} {row.pk}"
        for model in MADE
        if model not in (VirtualKey, GatewayBudget)
        for row in model._default_manager.filter(pk__startswith=DEMO_PREFIX)
        .exclude(created_by=MAKER)
        .order_by("pk")[:3]
    ]
    named = VirtualKey.objects.filter(alias__startswith=DEMO_PREFIX).exclude(created_by=MAKER).order_by("pk")
    found += [f"virtual key {row.alias}" for row in named[:3]]
    everybodys = GatewayBudget.objects.filter(Q(scope="proxy") | Q(scope="provider")).order_by("pk")
    return found + [f"gateway budget of {row.entity_id or 'everybody'}" for row in everybodys[:3]]
