"""From an upstream's failure to what the channel received."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.server import Reply
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.gateway import Gateway, Store, chat, model

INCIDENTS = "SELECT status, alert_type, level, count, reason FROM alerts_incident ORDER BY opened_at"
DELIVERIES = "SELECT kind, state, attempt, last_status FROM alerts_delivery WHERE state <> 'pending'"


@pytest.fixture
def gateway(tmp_path: Path, store: Store, upstream: FakeUpstream, slack: FakeSlack) -> Iterator[Gateway]:
    config = {
        "model_list": [model("gpt-4o", upstream.url), model("gpt-4o-mini", upstream.url)],
        "general_settings": {"alerting": ["slack"]},
        "router_settings": {"num_retries": 0},
    }
    environment = {"SLACK_WEBHOOK_URL": f"{slack.url}/services/T0/B0/secret-part", "PROXY_BASE_URL": "https://gw.test"}
    with Gateway(tmp_path / "data", config, store=store, environment=environment) as started:
        yield started


def fail(gateway: Gateway, upstream: FakeUpstream, reply: Reply, *, times: int = 1, name: str = "gpt-4o") -> None:
    upstream.script(*[reply] * times)
    with gateway.client() as client:
        for _ in range(times):
            assert client.post("/v1/chat/completions", json=chat(name)).status_code >= 400


def test_upstream_500_rings_once_and_says_where(gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack) -> None:
    fail(gateway, upstream, openai_error(500, "The <server> had & an error, sk-abcdefghijkl", "server_error"), times=12)

    (received,) = slack.wait_for(1)
    gateway.wait_for_rows(DELIVERIES + " AND state = 'delivered'", 1)
    text = slack.messages[0]["text"]
    assert received.path == "/services/T0/B0/secret-part"
    assert text.startswith("Alert type: `llm_exceptions`\nLevel: `High`\nTimestamp: `")
    assert "The &lt;server&gt; had &amp; an error, sk-***" in text
    assert "Model: `gpt-4o`" in text
    assert f"API Base: `{upstream.url}/v1`" in text
    assert "Proxy URL: `https://gw.test`" in text

    # So many failures are an outage as well, which rings by itself.
    failures = INCIDENTS.replace("ORDER", "WHERE alert_type = 'llm_exceptions' ORDER")
    gateway.wait_for_rows(failures.replace("ORDER", "AND count = 12 ORDER"), 1)
    assert gateway.rows(failures) == [("open", "llm_exceptions", "High", 12, "deliver")]
    assert set(gateway.rows(DELIVERIES)) == {("firing", "delivered", 1, 200)}
    assert sum("`llm_exceptions`" in message["text"] for message in slack.messages) == 1


def test_what_is_the_clients_fault_rings_nobody(gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack) -> None:
    fail(gateway, upstream, openai_error(400, "bad temperature", "invalid_request_error"))
    fail(gateway, upstream, openai_error(422, "unprocessable", "invalid_request_error"))
    fail(gateway, upstream, openai_error(400, "This model's maximum context length is 8", "invalid_request_error"))
    # The next one does ring, so what should not have would have been there before it.
    fail(gateway, upstream, openai_error(503, "overloaded", "server_error"))

    slack.wait_for(1)
    assert [row[:2] for row in gateway.rows(INCIDENTS)] == [("open", "llm_exceptions")]
    assert "ServiceUnavailableError (503)" in slack.messages[0]["text"]


def test_each_deployment_and_error_is_its_own_incident(
    gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack
) -> None:
    fail(gateway, upstream, openai_error(500, "a", "server_error"))
    fail(gateway, upstream, openai_error(500, "b", "server_error"), name="gpt-4o-mini")
    fail(gateway, upstream, openai_error(401, "c", "auth"))

    slack.wait_for(3)
    assert len(gateway.rows(INCIDENTS)) == 3


def test_channel_that_fails_is_tried_again_until_it_answers(
    gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack
) -> None:
    slack.script(Reply(500, "internal_error"), Reply(429, "rate_limited", headers={"Retry-After": "1"}))
    fail(gateway, upstream, openai_error(500, "oops", "server_error"))

    slack.wait_for(3, timeout=30)
    rows = gateway.wait_for_rows(DELIVERIES + " AND state = 'delivered'", 1, timeout=30)
    assert rows[0][:3] == ("firing", "delivered", 3)
    assert len(slack.messages) == 1
    assert slack.violations == 0


def test_channel_that_is_gone_is_given_up_and_named_without_its_url(
    gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack
) -> None:
    slack.script(Reply(404, "no_service"))
    fail(gateway, upstream, openai_error(500, "oops", "server_error"))

    rows = gateway.wait_for_rows("SELECT state, last_status, last_error FROM alerts_delivery WHERE state = 'dead'", 1)
    assert rows == [("dead", 404, "The channel answered 404: no_service")]
    assert "secret-part" not in gateway.log()


SAID = [
    (Reply(404, "no_service"), "slack: The channel answered 404: no_service"),
    (Reply(500, "down"), "slack: The channel answered 500: down"),
    (Reply(drop=True), "slack: The channel cannot be reached"),
    (Reply(302, "", headers={"Location": "http://127.0.0.1:1/"}), "slack: The channel answered 302"),
    (Reply(200, "Webhook message delivery failed with error: x"), "delivery failed"),
]


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_health_services_tells_what_the_channel_said(gateway: Gateway, slack: FakeSlack) -> None:
    with gateway.client() as client:
        for reply, sentence in SAID:
            slack.script(reply)
            response = client.get("/health/services?service=slack")

            assert response.status_code == 502
            assert sentence in response.json()["error"]["message"]
            assert "secret-part" not in response.text
    assert gateway.rows(INCIDENTS) == []


def test_health_services_without_alerting_says_so(tmp_path: Path, upstream: FakeUpstream) -> None:
    config = {"model_list": [model("gpt-4o", upstream.url)]}
    with Gateway(tmp_path / "data", config) as gateway, gateway.client() as client:
        response = client.get("/health/services?service=slack")

    assert response.status_code == 422
    assert '"slack" not in proxy config: general_settings. Unable to test this.' in response.json()["error"]["message"]


def test_prompt_and_keys_appear_in_no_alert_or_log(gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack) -> None:
    upstream.script(openai_error(500, "oops for sk-upstream", "server_error"))
    with gateway.client() as client:
        client.post("/v1/chat/completions", json=chat(content="a-very-private-prompt"))
    slack.wait_for(1)
    seen = json.dumps(slack.messages) + gateway.log() + str(gateway.rows("SELECT * FROM alerts_incident"))

    assert "a-very-private-prompt" not in seen
    assert "sk-upstream" not in seen
