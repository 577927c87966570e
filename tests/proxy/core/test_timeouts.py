"""How long an attempt may take is said by the nearest setting."""

from dataclasses import dataclass

import pytest

from proxy.core.settings import RouterSettings
from proxy.core.timeouts import LONGEST_SILENCE_SECONDS, attempt_seconds


@dataclass
class Limited:
    timeout: float | None = None
    stream_timeout: float | None = None


@pytest.mark.parametrize(
    ("own", "router", "whole", "stream"),
    [
        (Limited(), RouterSettings(), 6000.0, LONGEST_SILENCE_SECONDS),
        (Limited(), RouterSettings(request_timeout=30), 30, 30),
        (Limited(), RouterSettings(timeout=20), 20, 20),
        (Limited(), RouterSettings(timeout=20, stream_timeout=5), 20, 5),
        (Limited(timeout=7), RouterSettings(timeout=20, stream_timeout=5), 7, 7),
        (Limited(timeout=7, stream_timeout=3), RouterSettings(timeout=20, stream_timeout=5), 7, 3),
        (Limited(timeout=5000), RouterSettings(), 5000, LONGEST_SILENCE_SECONDS),
    ],
)
def test_the_nearest_setting_counts(own: Limited, router: RouterSettings, whole: float, stream: float) -> None:
    assert attempt_seconds(own, router, stream=False) == whole
    assert attempt_seconds(own, router, stream=True) == stream
