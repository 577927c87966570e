"""The settings of the detectors, as they are stored."""

from typing import Any

import pytest

from proxy.core.detection import DetectionSettings
from proxy.core.outages import COUNTED, OutageSettings, Trouble
from proxy.core.slowness import SlowPercentile


def test_nothing_set_is_litellms_documented_default() -> None:
    found = DetectionSettings.read(300, {})

    assert found == DetectionSettings()
    assert (found.threshold, found.outages.window, found.outages.minor, found.outages.major) == (300, 60, 5, 10)
    assert found.outages.counted == COUNTED
    assert found.slow_percentile is None


def test_every_argument_arrives() -> None:
    found = DetectionSettings.read(
        1.5,
        {
            "outage_alert_ttl": 5,
            "region_outage_alert_ttl": 6,
            "minor_outage_alert_threshold": 2,
            "major_outage_alert_threshold": 3,
            "outage_failure_rate": 0.25,
            "outage_min_requests": 4,
            "outage_failed_probes": 2,
            "outage_counted": ["timeout", "rate limit"],
            "slow_percentile": {"percentile": 99, "seconds": 2},
        },
    )

    assert found == DetectionSettings(
        threshold=1.5,
        outages=OutageSettings(
            window=5,
            region_window=6,
            minor=2,
            major=3,
            failure_rate=0.25,
            minimum_requests=4,
            failed_probes=2,
            counted=frozenset({Trouble.TIMEOUT, Trouble.RATE_LIMIT}),
        ),
        slow_percentile=SlowPercentile(percentile=99, seconds=2),
    )


@pytest.mark.parametrize("value", ["x", -1, 0, True, None, float("nan"), [], {}])
def test_a_value_of_the_wrong_kind_is_as_if_it_were_left_out(value: Any) -> None:
    found = DetectionSettings.read(
        value, dict.fromkeys(["outage_alert_ttl", "outage_counted", "slow_percentile", "outage_failure_rate"], value)
    )

    assert found.threshold == 300
    assert found.outages == OutageSettings()
