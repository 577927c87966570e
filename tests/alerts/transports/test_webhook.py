"""Webhooks: the body of our own, LiteLLM's, and who may know that it came from us."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from alerts.models import AlertChannel
from alerts.transports.base import TransportError
from alerts.transports.webhook import WebhookTransport, signature, signing_key
from tests.alerts.transports.cases import FULL, KINDS
from tests.alerts.transports.hostile import TEXTS
from tests.alerts.transports.test_contract import hostile
from tests.fakes.server import FakeServer, Received, Reply

RAW = b"a key of twenty-four b.!"
WRAPPED = f"whsec_{base64.b64encode(RAW).decode()}"
CROSSING = {
    "spend": 85.0,
    "max_budget": 100.0,
    "event_group": "key",
    "event": "threshold_crossed",
    "event_message": "Key Budget: 15% or less of budget remaining",
}


@pytest.fixture
def receiver() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


def channel(server: FakeServer, secret: str = "", **options: Any) -> AlertChannel:
    return AlertChannel(
        kind="webhook", url=f"{server.url}/hook", secret=secret, options=options, private_address_allowed=True
    )


def is_ours(received: Received, key: bytes) -> bool:
    """As a receiver does by the text of Standard Webhooks."""
    headers = received.headers
    told = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), received.body])
    wanted = base64.b64encode(hmac.new(key, told, hashlib.sha256).digest()).decode()
    return f"v1,{wanted}" in headers["webhook-signature"].split(" ")


def test_a_signature_is_the_one_of_the_standards_own_example() -> None:
    """Standard Webhooks, "Signature scheme": the example of its reference libraries."""
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'

    made = signature(key, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", at="1614265330", body=body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(("secret", "key"), [(WRAPPED, RAW), ("plain text, ü", "plain text, ü".encode())])
def test_a_receiver_can_tell_that_it_came_from_us(receiver: FakeServer, secret: str, key: bytes) -> None:
    WebhookTransport().notify(channel(receiver, secret), replace(FULL, title="ü 👩 \u202e"))

    (received,) = receiver.received
    assert received.headers["webhook-id"] == FULL.id
    assert abs(int(received.headers["webhook-timestamp"]) - time.time()) < 60
    assert is_ours(received, key)
    assert not is_ours(received, b"another key")


def test_another_attempt_has_the_same_id(receiver: FakeServer) -> None:
    receiver.script(Reply(500))
    with pytest.raises(TransportError):
        WebhookTransport().notify(channel(receiver), FULL)
    WebhookTransport().notify(channel(receiver), FULL)

    assert [one.headers["webhook-id"] for one in receiver.received] == [FULL.id, FULL.id]


def test_without_a_secret_nothing_is_signed(receiver: FakeServer) -> None:
    WebhookTransport().notify(channel(receiver), FULL)

    assert "webhook-signature" not in receiver.received[0].headers


@pytest.mark.parametrize("secret", ["whsec_", "whsec_not base64!", "whsec_abc"])
def test_a_secret_that_promises_base64_and_is_none_is_a_problem(receiver: FakeServer, secret: str) -> None:
    made = channel(receiver, secret)

    assert "base64" in WebhookTransport().problems(made)["secret"]
    with pytest.raises(TransportError) as caught:
        WebhookTransport().notify(made, FULL)
    assert caught.value.permanent
    assert receiver.received == []


def test_the_body_has_a_version_and_everything_but_the_recipients(receiver: FakeServer) -> None:
    WebhookTransport().notify(channel(receiver), FULL)

    assert receiver.received[0].json() == {
        "version": 1,
        "id": FULL.id,
        "type": "llm_exceptions",
        "kind": "firing",
        "status": "firing",
        "level": "High",
        "title": "gpt-4o fails",
        "at": "2026-11-23T12:05:00+00:00",
        "opened_at": "2026-11-23T12:00:00+00:00",
        "incident_id": FULL.incident_id,
        "count": 3,
        "actor": "ada",
        "details": {"Model": "gpt-4o", "Error": "InternalServerError: it broke"},
        "labels": {"model": "gpt-4o", "team_id": "search", "region": ""},
        "link": "https://gateway.example",
        "links": [
            {"text": "Incident", "url": "https://gateway.example/admin/1"},
            {"text": "Runbook", "url": "https://wiki.example/it-broke"},
        ],
        "sections": [{"heading": "Top models", "lines": ["gpt-4o: $12.00", "gpt-4o-mini: $1.00"]}],
        "files": [{"name": "spend.csv", "content": "model,spend\r\ngpt-4o,12.00\r\n"}],
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_status_is_what_became_of_it(receiver: FakeServer, kind: str) -> None:
    WebhookTransport().notify(channel(receiver), replace(FULL, kind=kind))

    body = receiver.received[0].json()
    assert (body["kind"], body["status"]) == (kind, {"repeat": "firing", "escalated": "firing"}.get(kind, kind))


def test_a_machine_is_told_each_text_as_it_was_said() -> None:
    made = AlertChannel(kind="webhook")
    for text in TEXTS:
        body = json.dumps(WebhookTransport().payload(made, hostile(text)), ensure_ascii=False)
        assert json.loads(body)["title"] == text


def test_litellms_format_is_its_body_and_nothing_else(receiver: FakeServer) -> None:
    WebhookTransport().notify(channel(receiver, WRAPPED, format="litellm"), replace(FULL, compatibility=CROSSING))

    (received,) = receiver.received
    assert received.json() == CROSSING
    assert is_ours(received, RAW)


def test_what_litellm_has_no_body_for_is_refused_with_a_sentence(receiver: FakeServer) -> None:
    with pytest.raises(TransportError, match="no body for llm_exceptions") as caught:
        WebhookTransport().notify(channel(receiver, format="litellm"), replace(FULL, compatibility={}))

    assert caught.value.permanent
    assert receiver.received == []


@pytest.mark.parametrize("kind", ["escalated", "acknowledged", "resolved"])
def test_in_litellms_format_a_crossing_is_not_told_again_as_another(receiver: FakeServer, kind: str) -> None:
    message = replace(FULL, kind=kind, compatibility=CROSSING)
    receipt = WebhookTransport().notify(channel(receiver, format="litellm"), message)

    assert (receipt.status, kind in receipt.body) == (None, True)
    assert receiver.received == []


def test_a_test_in_litellms_format_has_its_fields_and_says_that_it_is_one(receiver: FakeServer) -> None:
    WebhookTransport().notify(channel(receiver, format="litellm"), replace(FULL, kind="test", compatibility={}))

    body = receiver.received[0].json()
    assert len(body) == 18
    assert (body["event"], body["event_message"], body["max_budget"]) == ("test", "gpt-4o fails", None)
