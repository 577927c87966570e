"""Which deployment of a group serves a request. Pure: the picture and the chance are passed in."""

from collections.abc import Sequence
from random import Random
from typing import Protocol, TypeVar


class Weighted(Protocol):
    @property
    def weight(self) -> float: ...


D = TypeVar("D", bound=Weighted)


def simple_shuffle(deployments: Sequence[D], *, chance: Random) -> D:
    """One of them at random by weight; where every weight is 0, each with the same chance. LiteLLM's default."""
    if len(deployments) == 1:
        return deployments[0]
    weights = [deployment.weight for deployment in deployments]
    if not any(weights):
        return chance.choice(deployments)
    return chance.choices(deployments, weights)[0]
