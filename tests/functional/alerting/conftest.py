"""One gateway that loses patience within seconds; each test has models of its own, since incidents live on."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.functional.alerting.told import THRESHOLD, WINDOW
from tests.gateway import Gateway, model

FREE = {"input_cost_per_token": 0, "output_cost_per_token": 0}


def _let_it_talk(database: Path) -> None:
    """Many tests speak through one channel, whose messages must not be merged for their number."""
    with sqlite3.connect(database, timeout=10) as connection:
        connection.execute("UPDATE alerts_alertchannel SET most_per_minute = 0")
    connection.close()


@pytest.fixture(scope="package")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: FakeUpstream, shared_slack: FakeSlack
) -> Iterator[Gateway]:
    names = ("quick", "hangs", "talks", "stalls", "starts-late", "breaks", "refused", "rare", "pays", "drags")
    placed = {"eu-one": "eu", "eu-two": "eu", "us-one": "us"}
    config: dict[str, Any] = {
        "model_list": [
            *(model(name, shared_upstream.url, **FREE) for name in names),
            *(model(name, shared_upstream.url, region_name=region, **FREE) for name, region in placed.items()),
        ],
        "general_settings": {
            "alerting": ["slack"],
            "alerting_threshold": THRESHOLD,
            "alerting_args": {
                "outage_alert_ttl": WINDOW,
                "region_outage_alert_ttl": WINDOW,
                "minor_outage_alert_threshold": 3,
                "major_outage_alert_threshold": 6,
                "outage_min_requests": 50,
                "slow_percentile": {
                    "percentile": 90,
                    "min_requests": 5,
                    "models": {"drags": {"seconds": 0.2}, "quick": {"seconds": 5}},
                },
            },
        },
        "router_settings": {"num_retries": 0},
    }
    data: Path = tmp_path_factory.mktemp("gateway")
    with Gateway(data, config, environment={"SLACK_WEBHOOK_URL": f"{shared_slack.url}/services/T/B/secret"}) as started:
        _let_it_talk(data / "tollkeeper.sqlite3")
        yield started
    assert "Traceback" not in started.log(), started.log()


@pytest.fixture
def upstream(shared_upstream: FakeUpstream) -> Iterator[FakeUpstream]:
    yield shared_upstream
    shared_upstream.latency_seconds = shared_upstream.chunk_delay_seconds = 0.0
    shared_upstream.chunk_count = 4


@pytest.fixture
def slack(shared_slack: FakeSlack) -> FakeSlack:
    return shared_slack
