"""The settings that say who may come in and where requests may go, as they are written and as they are meant."""

from typing import Any

import pytest

from alerts.addresses import read_networks
from proxy.policy import Policy


@pytest.mark.parametrize(
    ("value", "networks"),
    [
        (None, ()),
        ([], ()),
        (["10.0.0.0/8", "fd00::/8"], ("10.0.0.0/8", "fd00::/8")),
        ("192.168.0.0/16", ("192.168.0.0/16",)),
        (["nonsense", {}, "10.0.0.7"], ("10.0.0.7/32",)),
    ],
)
def test_networks_of_upstreams(value: Any, networks: tuple[str, ...]) -> None:
    assert Policy.read({"upstream_allowed_networks": value}).upstream_networks == read_networks(networks)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, None), (1, 2**20), (0.5, 2**19), (0, None), (-1, None), (True, None), ("5", None), (float("inf"), None),
     (float("nan"), None)],
)  # fmt: skip
def test_the_largest_answer(value: Any, expected: int | None) -> None:
    assert Policy.read({"max_response_size_mb": value}).most_answer_bytes == expected


def test_a_list_of_callers_that_makes_no_sense_lets_nobody_in() -> None:
    assert Policy.read({"allowed_ips": ["nonsense"]}).allowed_networks == ()
    assert Policy.read({}).allowed_networks is None
