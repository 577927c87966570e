"""Which deployment serves: by weight, by chance, and never one that weighs nothing."""

from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest

from proxy.core.routing import simple_shuffle

PICKS = 20_000


@dataclass(frozen=True)
class Weighing:
    weight: float


def shares(*weights: float) -> list[float]:
    chance = Random(7)
    deployments = [Weighing(weight) for weight in weights]
    # By identity: equal weights make equal values.
    counts = Counter(id(simple_shuffle(deployments, chance=chance)) for _ in range(PICKS))
    return [counts[id(deployment)] / PICKS for deployment in deployments]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((1,), [1]),
        ((0,), [1]),
        ((1, 1), [0.5, 0.5]),
        ((1, 3), [0.25, 0.75]),
        ((9, 1, 0), [0.9, 0.1, 0]),
        ((0, 5), [0, 1]),
        ((0, 0, 0), [1 / 3, 1 / 3, 1 / 3]),
        ((0.1, 0.3), [0.25, 0.75]),
    ],
)
def test_deployments_are_picked_by_their_weight(weights: tuple[float, ...], expected: list[float]) -> None:
    assert shares(*weights) == pytest.approx(expected, abs=0.02)


def test_one_that_weighs_nothing_is_never_picked_beside_one_that_weighs() -> None:
    assert shares(0, 1e-9)[0] == 0
