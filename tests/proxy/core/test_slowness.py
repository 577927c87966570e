"""Percentiles of what was measured lately, against what they may be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.slowness import Measure, SlowPercentile, percentile, slow_models

WHOLE, FIRST = Measure.RESPONSE_TIME, Measure.FIRST_TOKEN


def found(measured: list[float], /, *, measure: Measure = WHOLE, model: str = "m", **given: Any) -> list[float]:
    wanted = SlowPercentile.read(given)
    assert wanted is not None
    samples = {(model, measure): [(100.0, one) for one in measured]}
    return [slow.seconds for slow in slow_models(samples, wanted, since=0)]


def test_the_percentile_not_the_worst_answer_decides() -> None:
    mostly_quick = [1.0] * 95 + [60.0] * 5

    assert found(mostly_quick, percentile=95, seconds=20) == []
    assert found([*mostly_quick, 60.0], percentile=95, seconds=20) == [60.0]


def test_few_answers_tell_nothing() -> None:
    assert found([60.0] * 19, seconds=20) == []
    assert found([60.0] * 20, seconds=20) == [60.0]
    assert found([60.0] * 2, seconds=20, min_requests=2) == [60.0]


def test_first_tokens_have_a_bound_of_their_own() -> None:
    assert found([6.0] * 20, seconds=5, measure=FIRST) == []
    assert found([6.0] * 20, ttft_seconds=5, measure=FIRST) == [6.0]


def test_a_models_own_bound_goes_before_the_general_one() -> None:
    models = {"m": {"seconds": 100}}

    assert found([60.0] * 20, seconds=20, models=models) == []
    assert found([60.0] * 20, seconds=20, models=models, model="other") == [60.0]


def test_what_is_long_ago_does_not_count() -> None:
    wanted = SlowPercentile(seconds=1, minimum_requests=2)
    samples = {("m", WHOLE): [(10.0, 60.0), (10.0, 60.0), (99.0, 0.5), (100.0, 0.5)]}

    assert slow_models(samples, wanted, since=90) == []
    assert len(slow_models(samples, wanted, since=0)) == 1


@pytest.mark.parametrize("given", [None, 5, "p95", [95]])
def test_what_is_no_object_asks_for_nothing(given: Any) -> None:
    assert SlowPercentile.read(given) is None


@pytest.mark.parametrize("value", ["x", -1, 0, True, float("nan"), float("inf"), None])
def test_a_bound_of_the_wrong_kind_is_left_out(value: Any) -> None:
    assert SlowPercentile.read({"seconds": value, "percentile": 200}) == SlowPercentile()


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1), st.floats(min_value=0.1, max_value=100))
def test_a_percentile_is_a_value_that_enough_do_not_exceed(values: list[float], percent: float) -> None:
    ordered = sorted(values)
    worst = percentile(ordered, percent)

    assert worst in values
    assert sum(one <= worst for one in values) >= len(values) * percent / 100 - 1e-9
