"""Who waits too long, and where."""

import math
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.hanging import hanging


@dataclass
class Request:
    arrived: float
    heard_at: float | None = None
    whereabouts: tuple[str, str] = ("gpt-4o", "d1")


def test_only_those_beyond_the_threshold_hang_the_longest_first() -> None:
    old, older, young = Request(80), Request(50), Request(91)

    assert hanging([old, young, older], threshold=10, now=100) == {("gpt-4o", "d1"): [older, old]}


def test_a_stream_hangs_since_its_last_piece() -> None:
    lively, stuck = Request(0, heard_at=99), Request(0, heard_at=80)

    assert hanging([lively, stuck], threshold=10, now=100) == {("gpt-4o", "d1"): [stuck]}


def test_a_client_that_does_not_read_hangs_nobody() -> None:
    assert hanging([Request(0, heard_at=math.inf)], threshold=10, now=100) == {}


def test_who_waits_for_a_deployment_hangs_at_the_group() -> None:
    waiting = Request(0, whereabouts=("gpt-4o", ""))

    assert hanging([waiting, Request(0)], threshold=10, now=100).keys() == {("gpt-4o", ""), ("gpt-4o", "d1")}


@given(st.lists(st.floats(min_value=0, max_value=100)), st.floats(min_value=0.1, max_value=100))
def test_none_is_forgotten_however_many_there_are(arrived: list[float], threshold: float) -> None:
    found = hanging([Request(at) for at in arrived], threshold=threshold, now=100)

    assert sum(map(len, found.values())) == sum(100 - at > threshold for at in arrived)
