"""A report from the beat's tick to what the channel received, and the route that tells of deprecated models."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.gateway import Gateway, Store, model

# The others have been looked at before it, and may still wait for what began before midnight.
LAST_OF_A_TICK = "SELECT job FROM alerts_scheduledrun WHERE state = 'done' AND job = 'model_deprecations'"
PATIENCE_SECONDS = 60.0


def in_days(number: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=number)).isoformat()


@pytest.fixture
def gateway(tmp_path: Path, store: Store, upstream: FakeUpstream, slack: FakeSlack) -> Iterator[Gateway]:
    gone = {**model("gpt-4-old", upstream.url), "model_info": {"deprecation_date": in_days(-3)}}
    soon = {**model("gpt-4o", upstream.url), "model_info": {"deprecation_date": in_days(10)}}
    config = {"model_list": [gone, soon], "general_settings": {"alerting": ["slack"]}}
    environment = {"SLACK_WEBHOOK_URL": f"{slack.url}/services/T0/B0/secret-part"}
    with Gateway(tmp_path / "data", config, store=store, environment=environment) as started:
        yield started


def test_deprecated_models_are_told_once_and_periods_before_the_installation_are_not(
    gateway: Gateway, slack: FakeSlack
) -> None:
    gateway.wait_for_rows(LAST_OF_A_TICK, 1, timeout=PATIENCE_SECONDS)
    slack.wait_for(1)

    assert len(slack.messages) == 1
    text = slack.messages[0]["text"]
    assert text.startswith("Alert type: `model_deprecation_warnings`\nLevel: `High`")
    assert "1 already deprecated, 1 soon" in text

    with gateway.client() as client:
        for path in ("/model/deprecations", "/v1/model/deprecations"):
            answer = client.get(path, params={"warn_within_days": 5}).json()
            assert [one["model_name"] for one in answer["deprecated"]] == ["gpt-4-old"]
            assert answer["imminent"] == []
            assert [(one["model_name"], one["days_until_deprecation"]) for one in answer["upcoming"]] == [
                ("gpt-4o", 10)
            ]
            assert answer["warn_within_days"] == 5
            assert datetime.fromisoformat(answer["checked_at"]).tzinfo is not None
        assert client.get("/model/deprecations", params={"warn_within_days": -1}).status_code == 422
