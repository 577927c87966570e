"""Requests that wait, and answers that come late."""

import time

from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.functional.alerting.told import THRESHOLD, asked, texts, told, wait_for
from tests.gateway import Gateway, chat

HANGING, SLOW = "`llm_requests_hanging`", "`llm_too_slow`"


def test_a_request_that_hangs_is_told_while_it_hangs_and_settled_when_it_is_answered(
    gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack
) -> None:
    upstream.latency_seconds = 4.0
    began = time.monotonic()
    with (
        asked(gateway, "hangs", content="a-very-private-prompt", metadata={"alerting_metadata": {"tenant": "acme"}}),
        asked(gateway, "hangs"),
    ):
        text = wait_for(slack, HANGING, "hangs", since=began, earliest=THRESHOLD, latest=THRESHOLD + 2)
    answered = time.monotonic()

    assert "Level: `Medium`" in text
    assert "Requests to hangs are hanging - 1s+ without an answer" in text
    assert f"API Base: `{upstream.url}/v1`" in text
    wait_for(slack, HANGING, "[Resolved]", since=answered, latest=3)
    slow = wait_for(slack, SLOW, "hangs", since=answered - 1, latest=3)
    assert "Level: `Low`" in slow
    assert "s response time &gt; Alerting threshold: 1s" in slow
    assert len(told(slack, HANGING)) == 2
    assert len(told(slack, SLOW)) == 1
    assert "a-very-private-prompt" not in str(texts(slack))
    (count,) = gateway.wait_for_rows("SELECT count FROM alerts_incident WHERE alert_type = 'llm_requests_hanging'", 1)
    assert count == (2,)


def test_quick_answers_and_refusals_tell_nobody(gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack) -> None:
    with gateway.client() as client:
        for number in range(20):
            client.post("/v1/chat/completions", json=chat("quick", stream=number % 2 == 0))
            client.post("/v1/chat/completions", json=chat("quick", temperature="hot"))
            client.post("/v1/chat/completions", json=chat("no-such-model"))
    time.sleep(THRESHOLD + 1.5)

    assert texts(slack) == []


def test_a_long_stream_that_keeps_talking_is_neither_slow_nor_hanging(
    gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack
) -> None:
    upstream.chunk_delay_seconds = 0.75
    with asked(gateway, "talks", stream=True):
        pass
    time.sleep(1.5)

    assert texts(slack) == []


def test_a_stream_that_stalls_between_two_pieces_hangs(
    gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack
) -> None:
    upstream.chunk_count, upstream.chunk_delay_seconds = 1, 3.0
    began = time.monotonic()
    with asked(gateway, "stalls", stream=True):
        wait_for(slack, HANGING, "stalls", since=began, earliest=THRESHOLD, latest=THRESHOLD + 2)
    wait_for(slack, HANGING, "[Resolved]", "stalls", since=began, earliest=3, latest=6)


def test_a_client_that_does_not_read_its_stream_hangs_nobody(
    gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack
) -> None:
    with gateway.client() as client, client.stream("POST", "/v1/chat/completions", json=chat("talks", stream=True)):
        time.sleep(THRESHOLD + 1.5)

    assert told(slack, HANGING) == []


def test_of_a_stream_the_first_token_counts(gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack) -> None:
    upstream.latency_seconds = 1.5
    began = time.monotonic()
    with asked(gateway, "starts-late", stream=True, metadata={"alerting_metadata": {"tenant": "acme", "api_key": "x"}}):
        pass

    text = wait_for(slack, SLOW, "starts-late", since=began, earliest=1.5, latest=4)
    assert "time to first token" in text
    assert "tenant: `acme`" in text
    assert "api_key" not in text


def test_a_model_whose_percentile_is_too_slow_is_told_and_no_other(
    gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack
) -> None:
    upstream.latency_seconds = 0.4
    began = time.monotonic()
    with gateway.client() as client:
        for _ in range(5):
            client.post("/v1/chat/completions", json=chat("drags"))
            client.post("/v1/chat/completions", json=chat("quick"))

    text = wait_for(slack, SLOW, "drags", since=began, latest=8)
    assert "p90 of the response time" in text
    assert len(told(slack, SLOW)) == 1
