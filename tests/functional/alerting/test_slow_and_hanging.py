"""Requests that wait, and answers that come late."""

import json
import time

from alerts.events import AlertType
from tests.fakes.server import Reply
from tests.functional.alerting.causes import THRESHOLD, ask, served
from tests.functional.alerting.conftest import Stage
from tests.functional.alerting.proofs import spares, tells
from tests.gateway import chat

HANGING, SLOW = AlertType.LLM_REQUESTS_HANGING, AlertType.LLM_TOO_SLOW
CHANNELS = ("slack", "ms_teams")
PIECES = tuple(
    f"data: {json.dumps({'id': 'c', 'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n{end}".encode()
    for choice, end in (
        ({"index": 0, "delta": {"role": "assistant", "content": "The"}}, ""),
        ({"index": 0, "delta": {"content": " toll"}, "finish_reason": "stop"}, "data: [DONE]\n\n"),
    )
)


@tells(HANGING, SLOW)
def test_a_request_that_hangs_is_told_while_it_hangs_and_settled_when_it_is_answered(stage: Stage) -> None:
    stage.upstream.latency_seconds = 4.0
    metadata = {"alerting_metadata": {"tenant": "acme"}}
    scene = stage.scene("hangs")
    scene.at(0, lambda: served(stage.gateway, "hangs", content="a-very-private-prompt", metadata=metadata))
    scene.at(0, lambda: served(stage.gateway, "hangs"))
    for channel in (*CHANNELS, "pagerduty"):
        scene.want(
            HANGING, "Requests to hangs are hanging", "1s+ without an answer", f"API Base: {stage.upstream.url}/v1",
            level="Medium", between=(THRESHOLD, THRESHOLD + 2), channel=channel,
        )  # fmt: skip
        scene.want(HANGING, status="resolved", between=(4, 7), channel=channel)
    for channel in CHANNELS:
        scene.want(
            SLOW, "Responses of hangs are slow - 4.", "s response time > Alerting threshold: 1s",
            "Provider's Model: hangs", "Seconds: 4.",
            level="Low", between=(4, 6), channel=channel,
        )  # fmt: skip
    heard = scene.play()

    assert not any("a-very-private-prompt" in one.text for one in heard)
    assert sum("tenant: acme" in one.text for one in heard) <= len(CHANNELS)
    counts = stage.gateway.rows("SELECT count FROM alerts_incident WHERE alert_type = 'llm_requests_hanging'"
                                " AND title LIKE '%hangs%'")  # fmt: skip
    assert counts == [(2,)]


@tells(HANGING)
def test_a_stream_that_stalls_between_two_pieces_hangs(stage: Stage) -> None:
    stage.upstream.script(Reply(chunks=PIECES, chunk_delay_seconds=3.0, headers={"Content-Type": "text/event-stream"}))
    scene = stage.scene("stalls")
    scene.at(0, lambda: served(stage.gateway, "stalls", stream=True))
    for channel in (*CHANNELS, "pagerduty"):
        scene.want(HANGING, "stalls", between=(THRESHOLD, THRESHOLD + 2), channel=channel)
        scene.want(HANGING, status="resolved", between=(3, 6), channel=channel)
    scene.play()


@tells(SLOW)
def test_of_a_stream_the_first_token_counts(stage: Stage) -> None:
    stage.upstream.latency_seconds = 1.5
    metadata = {"alerting_metadata": {"tenant": "acme", "api_key": "x"}}
    scene = stage.scene("starts-late")
    scene.at(0, lambda: served(stage.gateway, "starts-late", stream=True, metadata=metadata))
    for channel in CHANNELS:
        scene.want(SLOW, "s time to first token", "tenant: acme", between=(1.5, 4), channel=channel)
    # It waited as well, for longer than it may.
    for channel in (*CHANNELS, "pagerduty"):
        scene.want(HANGING, between=(THRESHOLD, 2), channel=channel)
        scene.want(HANGING, status="resolved", between=(1.5, 4), channel=channel)
    heard = scene.play()

    assert not any("api_key" in one.text for one in heard)


@tells(SLOW)
def test_a_model_whose_percentile_is_too_slow_is_told_and_no_other(stage: Stage) -> None:
    stage.upstream.latency_seconds = 0.4
    scene = stage.scene("drags", "quick")
    scene.at(0, lambda: served(stage.gateway, "drags", times=5))
    scene.at(0, lambda: served(stage.gateway, "quick", times=5))
    for channel in CHANNELS:
        scene.want(
            SLOW, "Responses of drags are slow", "p90 of the response time", "Requests: 5 measured",
            level="Low", between=(2, 8), channel=channel,
        )  # fmt: skip
    scene.play()


@spares(HANGING, SLOW)
def test_quick_answers_and_refusals_are_neither_slow_nor_hanging(stage: Stage) -> None:
    def clients() -> None:
        for number in range(10):
            served(stage.gateway, "quick", stream=number % 2 == 0)
            ask(stage.gateway, "quick", temperature="hot")
            ask(stage.gateway, "no-such-quick-model")

    scene = stage.scene("quick")
    scene.at(0, clients)
    scene.want_nothing(until=THRESHOLD + 1.5)
    scene.play()


@spares(HANGING, SLOW)
def test_a_long_stream_that_keeps_talking_is_neither_slow_nor_hanging(stage: Stage) -> None:
    stage.upstream.chunk_delay_seconds = 0.6
    scene = stage.scene("talks")
    scene.at(0, lambda: served(stage.gateway, "talks", stream=True))
    scene.want_nothing(until=4)
    scene.play()


@spares(HANGING)
def test_a_client_that_does_not_read_its_stream_hangs_nobody(stage: Stage) -> None:
    def idle() -> None:
        with (
            stage.gateway.client() as client,
            client.stream("POST", "/v1/chat/completions", json=chat("talks", stream=True)),
        ):
            time.sleep(THRESHOLD + 1.5)

    scene = stage.scene("talks")
    scene.at(0, idle)
    scene.want_nothing(until=THRESHOLD + 1.5)
    scene.play()
