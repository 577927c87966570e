"""What all observations of one answered request cost: `python -m benchmarks.observations`. Target: 15 us."""

import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from prometheus_client import CollectorRegistry  # noqa: E402

from gateway_project.metrics.store import store  # noqa: E402
from proxy.metrics.requests import Labels, RequestMetrics, Timing  # noqa: E402
from proxy.metrics.settings import MetricSettings  # noqa: E402

REQUESTS = 50_000
ROUNDS = 5
CUSTOM = {"custom_prometheus_tags": ["a", "b"], "custom_prometheus_metadata_labels": ["metadata.environment"]}


def main() -> None:
    metrics = RequestMetrics(CollectorRegistry(), MetricSettings.read(CUSTOM))
    whole = Timing(total=0.3, upstream=0.2, queue=0.01, own=0.02, per_token=0.01)
    stream = Timing(
        total=0.3, upstream=0.2, queue=0.01, own=0.02, first_token=0.1, first_token_total=0.11, per_token=0.01
    )
    with tempfile.TemporaryDirectory() as folder:
        store.start(Path(folder), redis_url="")
        for name, timing in (("whole answer", whole), ("stream", stream)):
            seconds = sorted(_observe(metrics, timing, is_stream=name == "stream") for _ in range(ROUNDS))
            print(f"{name:14}{seconds[ROUNDS // 2] / REQUESTS * 1e6:6.1f} us of CPU a request (median of {ROUNDS})")


def _observe(metrics: RequestMetrics, timing: Timing, *, is_stream: bool) -> float:
    made = Labels(custom=("live", "true", "false"), stream=str(is_stream))
    # As long as that of a real request, which puts it together each time.
    facts = ("hash", "alias", "team", "Team", "user", "mail", None, "deployment", "group", "model", "http://address")
    began = time.process_time()
    for _ in range(REQUESTS):
        key = (*facts, "asked", "/chat/completions", "chat", is_stream, "", "", ("None", "None"), "0-1k", made.custom)
        labels = metrics.labels_of(key, lambda: made)
        metrics.answered(labels, timing, prompt_tokens=100, completion_tokens=30)
    return time.process_time() - began


if __name__ == "__main__":
    main()
