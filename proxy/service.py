"""How many deployments serve, and which do not: for a page that shows little of much."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proxy.models import Deployment
from proxy.standing import Standing, State, standings

_WELL = (State.IN_SERVICE, State.DRAINED, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Troubled:
    """`why` is what its last check said, empty when that was well or there was none."""

    pk: str
    name: str
    standing: Standing
    why: str


@dataclass(frozen=True, slots=True)
class Service:
    """`states` counts all deployments; `troubled` are those out of service and those whose last check failed."""

    states: Mapping[State, int]
    troubled: Sequence[Troubled]
    models: int


def service() -> Service:
    """Two queries. Outside of a web process only the checks say anything."""
    rows = list(Deployment.objects.order_by("model_name", "id"))
    found = standings(rows)
    return Service(
        states=Counter(one.state for one in found.values()),
        troubled=[_troubled(row, found[row.pk]) for row in rows if _is_troubled(found[row.pk])],
        models=len({row.model_name for row in rows if not row.blocked}),
    )


def _is_troubled(one: Standing) -> bool:
    if one.state is State.DRAINED:
        return False
    return one.state not in _WELL or (one.last is not None and not one.last.healthy)


def _troubled(row: Deployment, one: Standing) -> Troubled:
    return Troubled(row.pk, row.model_name, one, one.last.error if one.last and not one.last.healthy else "")
