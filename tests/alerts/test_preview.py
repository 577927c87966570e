"""What a channel would be sent, to be looked at: the true payload, without what opens the channel."""

import json
from typing import Any

import pytest

from alerts.models import AlertChannel, AlertSettings, Incident
from alerts.preview import preview
from alerts.samples import sample_of, sampled_types
from alerts.transports import TRANSPORTS
from alerts.transports.slack import SlackTransport
from tests.alerts.builders import NOW, exception

pytestmark = pytest.mark.django_db
URL = "https://hooks.example/services/hidden0123456789"


def slack(**columns: Any) -> AlertChannel:
    return AlertChannel(name="ops", kind="slack", url=URL, **columns)


@pytest.mark.parametrize("alert_type", sampled_types())
def test_every_sample_has_a_preview_that_leaves_no_incident(alert_type: str) -> None:
    event = sample_of(alert_type)
    shown = preview(slack(), event, now=NOW)

    assert alert_type in json.loads(shown.text)["text"]
    assert not Incident.objects.exists()


def test_labels_that_every_alert_carries_and_escaping_are_as_in_the_message() -> None:
    AlertSettings.objects.create(alerting_args={"labels": {"env": "prod"}})
    shown = preview(slack(), exception(message="<!channel> down"), now=NOW)

    assert "&lt;!channel&gt; down" in shown.text
    assert not shown.html


class _Telling(SlackTransport):
    """Puts credentials where a vendor wants them, and writes a page."""

    kind = "telling"

    def payload(self, *given: Any) -> dict[str, Any]:
        return {
            "routing_key": "integration-key-0123",
            "headers": [{"Authorization": "Bearer hidden"}],
            "text": f"to {URL} with integration-key-0123 and smtp-hidden, {given[-1].title}",
            "html": "<p>It broke</p>",
            "prompt_tokens": 7,
        }


def test_what_opens_the_channel_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRANSPORTS, "telling", _Telling())
    channel = AlertChannel(
        name="ops", kind="telling", url=URL, secret="integration-key-0123", options={"smtp_password": "smtp-hidden"}
    )
    shown = preview(channel, exception(), now=NOW)

    for secret in ("hidden", "integration-key"):
        assert secret not in shown.text
    assert json.loads(shown.text)["prompt_tokens"] == 7
    assert shown.html == "<p>It broke</p>"
