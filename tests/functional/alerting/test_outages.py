"""Deployments and regions that are out of order, from the first failures to the recovery."""

import time

from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.alerting.told import WINDOW, fail, texts, told, wait_for
from tests.gateway import Gateway, chat

OUTAGE, REGION = "`outage_alerts`", "`region_outage_alerts`"


def test_an_outage_is_told_as_it_grows_and_settled_when_the_window_is_clean(
    gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack
) -> None:
    began = time.monotonic()
    fail(gateway, upstream, "breaks", times=3)
    minor = wait_for(slack, OUTAGE, "Minor Service Outage", "breaks", since=began, latest=3)
    fail(gateway, upstream, "breaks", times=6)
    failed = time.monotonic()
    major = wait_for(slack, OUTAGE, "Major Service Outage", "breaks", since=began, latest=6)

    assert "Level: `Medium`" in minor
    assert "Level: `High`" in major
    assert "Errors: `server error: " in major
    wait_for(slack, OUTAGE, "[Resolved] Major", since=failed, earliest=WINDOW / 2, latest=WINDOW + 3)
    wait_for(slack, OUTAGE, "[Resolved] Minor", since=failed, earliest=WINDOW / 2, latest=WINDOW + 3)
    assert len(told(slack, OUTAGE)) == 4
    # While it lasts, it speaks for what it causes.
    assert len(told(slack, "`llm_exceptions`")) == 1


def test_wrong_keys_quotas_and_clients_mistakes_are_no_outage(
    gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack
) -> None:
    for status in (401, 403, 429, 400, 404):
        fail(gateway, upstream, "refused", status=status, times=6)
    time.sleep(2.5)

    assert told(slack, OUTAGE) == []
    exceptions = [text for _, text in told(slack, "`llm_exceptions`")]
    assert any("does not accept the credentials" in text for text in exceptions)
    assert any("rate limit is reached" in text for text in exceptions)
    assert len(exceptions) == 4


def test_few_failures_are_no_outage(gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack) -> None:
    with gateway.client() as client:
        for _ in range(10):
            client.post("/v1/chat/completions", json=chat("rare"))
    fail(gateway, upstream, "rare", times=2)
    time.sleep(2.5)

    assert told(slack, OUTAGE) == []


def test_two_deployments_of_a_region_are_told_as_the_region(
    gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack
) -> None:
    began = time.monotonic()
    fail(gateway, upstream, "us-one", times=3)
    fail(gateway, upstream, "eu-one", times=3)
    fail(gateway, upstream, "eu-two", times=3)
    failed = time.monotonic()

    text = wait_for(slack, REGION, "Minor Service Outage of a region: openai eu", since=began, latest=4)
    assert "Models: `eu-one, eu-two`" in text
    wait_for(slack, REGION, "[Resolved]", since=failed, earliest=WINDOW / 2, latest=WINDOW + 3)
    assert [one for one in texts(slack) if "a region" in one and "openai us" in one] == []


def test_what_a_client_says_about_its_request_stands_in_the_alert(
    gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack
) -> None:
    upstream.script(openai_error(500, "it broke", "server_error"))
    began = time.monotonic()
    with gateway.client() as client:
        client.post(
            "/v1/chat/completions",
            json=chat("pays", metadata={"alerting_metadata": {"tenant": "<!channel> acme", "password": "hidden"}}),
        )

    text = wait_for(slack, "`llm_exceptions`", "pays", since=began, latest=3)
    assert "tenant: `&lt;!channel&gt; acme`" in text
    assert "hidden" not in text
