"""Probes of real fakes: what is asked, what the answer means, and what the ledger says of it."""

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.addresses import read_networks
from budgets import entries
from budgets.models import LedgerEntry
from proxy.deployments import Deployment, build
from proxy.models import Source
from proxy.probes import Probe, entry_of, probe, run_probes
from proxy.upstream import Upstream
from tests.fakes.server import FakeServer, Received, Reply
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.proxy.deployments import NOW, SECRET, built, row

pytestmark = pytest.mark.django_db


def asked(deployment: Deployment, *, limit: float | None = None) -> Probe:
    async def ask() -> Probe:
        upstream = Upstream()
        try:
            return await probe(deployment, upstream, now=datetime.now(UTC), limit=limit)
        finally:
            await upstream.close()

    return asyncio.run(ask())


class OtherUpstream(FakeServer):
    """Answers what FakeUpstream does not know."""

    def respond(self, received: Received) -> Reply:
        bodies: dict[str, dict[str, Any]] = {
            "/v1/embeddings": {
                "object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}],
                "usage": {"prompt_tokens": 1, "total_tokens": 1},
            },
            "/v1/completions": {
                "object": "text_completion", "model": "m",
                "choices": [{"text": "2", "index": 0, "finish_reason": "length"}],
                "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
            },
        }  # fmt: skip
        body = bodies.get(received.path)
        return Reply(404, {"error": {"message": "unknown"}}) if body is None else Reply(body=body)


def test_a_deployment_that_answers_is_healthy_after_one_token(upstream: FakeUpstream) -> None:
    found = asked(built(upstream.url, pk="d1"))

    assert (found.healthy, found.status, found.error, found.asked) == (True, 200, "", True)
    assert found.seconds > 0
    assert found.usage is not None
    assert found.usage.completion_tokens == 1
    assert found.rate_limits == {
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-remaining-tokens": "2000000",
    }
    (received,) = upstream.received
    sent = received.json()
    assert received.path == "/v1/chat/completions"
    assert (sent["max_tokens"], len(sent["messages"])) == (1, 1)
    assert not sent.get("stream")


def test_what_a_deployment_gives_its_requests_does_not_make_its_probe_dear(upstream: FakeUpstream) -> None:
    asked(built(upstream.url, temperature=0.5, max_tokens=4000, max_completion_tokens=4000, n=5, stream=True))

    sent = upstream.received[0].json()
    assert (sent["temperature"], sent["max_tokens"]) == (0.5, 1)
    assert {"n", "stream", "max_completion_tokens"}.isdisjoint(sent)


def test_the_number_of_tokens_and_the_mode_are_the_operators_to_choose(upstream: FakeUpstream) -> None:
    asked(
        built(upstream.url, model="openai/my-embedding-lookalike", info={"mode": "chat", "health_check_max_tokens": 5})
    )

    assert upstream.received[0].json()["max_tokens"] == 5


@pytest.mark.parametrize(
    ("model", "info", "path"),
    [
        ("openai/text-embedding-3-small", {}, "/v1/embeddings"),
        ("openai/mine", {"mode": "embedding"}, "/v1/embeddings"),
        ("openai/gpt-3.5-turbo-instruct", {}, "/v1/completions"),
        ("openai/mine", {"mode": "completion"}, "/v1/completions"),
    ],
)
def test_each_mode_is_asked_at_its_own_route(model: str, info: dict[str, Any], path: str) -> None:
    with OtherUpstream() as server:
        found = asked(built(server.url, model=model, info=info))

        assert found.healthy, found.error
        assert [received.path for received in server.received] == [path]
        assert found.usage is not None
        assert found.usage.prompt_tokens > 0


@pytest.mark.parametrize(
    ("model", "info", "why"),
    [
        ("openai/dall-e-3", {}, "image generation costs too much"),
        ("openai/whisper-1", {}, "audio transcription costs too much"),
        ("openai/mine", {"mode": "audio_speech"}, "audio speech costs too much"),
        ("openai/mine", {"mode": "realtime"}, "nothing is known to ask in mode realtime"),
        ("openai/*", {}, "needs model_info.health_check_model"),
    ],
)
def test_what_cannot_be_asked_cheaply_is_not_asked_and_says_why(
    upstream: FakeUpstream, model: str, info: dict[str, Any], why: str
) -> None:
    found = asked(built(upstream.url, model=model, info=info))

    assert (found.healthy, found.asked, found.usage) == (True, False, None)
    assert found.note.startswith("not probed: ")
    assert why in found.note
    assert not upstream.received


@pytest.mark.parametrize(
    ("reply", "status", "sentence"),
    [
        (openai_error(401, "Incorrect API key provided.", "invalid_request_error"), 401, "Incorrect API key"),
        (openai_error(404, "The model does not exist", "invalid_request_error"), 404, "does not exist"),
        (openai_error(429, "Rate limit reached", "requests"), 429, "Rate limit"),
        (openai_error(500, "oops", "server_error"), 500, "oops"),
        (Reply(200, "not JSON"), 500, "not JSON"),
        (Reply(200, []), 500, "not an object"),
        (Reply(200, {"error": {"message": "told with 200"}}), 500, "told with 200"),
        (Reply(drop=True), 500, "onnection"),
    ],
)
def test_a_deployment_that_does_not_answer_as_it_should_is_unhealthy(
    upstream: FakeUpstream, reply: Reply, status: int, sentence: str
) -> None:
    # A connection that is dropped before anything was read may be tried once more.
    upstream.script(reply, reply)
    found = asked(built(upstream.url))

    assert (found.healthy, found.status, found.usage) == (False, status, None)
    assert sentence in found.error
    assert found.error_class


def test_an_upstream_that_nobody_listens_at_is_unhealthy(upstream: FakeUpstream) -> None:
    deployment = built(upstream.url)
    upstream.close()
    found = asked(deployment)

    assert (found.healthy, found.status) == (False, 500)


@pytest.mark.parametrize("own", [True, False])
def test_an_upstream_that_hangs_is_given_up_after_the_time_that_is_set(upstream: FakeUpstream, own: bool) -> None:
    upstream.script(Reply(hang=True))
    began = time.monotonic()
    found = asked(built(upstream.url, info={"health_check_timeout": 0.3} if own else {}), limit=None if own else 0.3)

    assert (found.healthy, found.status) == (False, 408)
    assert 0.25 < time.monotonic() - began < 5


def test_a_model_that_reasons_and_only_stopped_short_is_healthy(upstream: FakeUpstream) -> None:
    upstream.script(
        openai_error(400, "Could not finish the message because max_tokens or model output limit was reached.", "x")
    )
    found = asked(built(upstream.url, model="openai/o4-mini"))

    assert (found.healthy, found.status, found.error) == (True, 400, "")
    assert upstream.received[0].json()["max_completion_tokens"] == 16


def test_an_error_holds_no_secret_and_is_short(upstream: FakeUpstream) -> None:
    upstream.script(openai_error(401, f"Wrong key {SECRET}: {SECRET} {'x' * 5000}", "invalid_request_error"))
    found = asked(built(upstream.url))

    assert SECRET not in found.error
    assert len(found.error) <= 500


def test_an_address_that_its_writer_may_not_use_is_not_asked(upstream: FakeUpstream) -> None:
    """As for a real request: what an admin typed leads to no private address."""
    typed = row(upstream.url)
    typed.source = Source.ADMIN
    deployment = build(typed, now=NOW)

    assert not asked(deployment).healthy
    assert not upstream.received
    (allowed,) = run_probes([deployment], 1, networks=read_networks(["127.0.0.0/8"]))
    assert allowed.healthy, allowed.error


def test_many_are_asked_a_few_at_a_time_and_told_in_their_order(upstream: FakeUpstream) -> None:
    upstream.latency_seconds = 0.1
    deployments = [built(upstream.url, pk=f"d{number}") for number in range(6)]
    began = time.monotonic()
    found = run_probes(deployments, 3)
    taken = time.monotonic() - began

    assert [one.deployment_id for one in found] == [one.id for one in deployments]
    assert all(one.healthy for one in found)
    times = sorted(received.at for received in upstream.received)
    assert times[3] - times[0] > 0.08, "three at a time, and the fourth after one of them"
    assert taken > 0.19


def test_one_that_fails_does_not_keep_the_others_from_being_looked_at(upstream: FakeUpstream) -> None:
    with FakeUpstream() as broken:
        broken.script(Reply(200, "?"))
        found = run_probes([built(broken.url), built(upstream.url)], 2)

    assert [one.healthy for one in found] == [False, True]


def test_the_ledger_says_what_a_probe_cost_and_that_it_was_one(upstream: FakeUpstream) -> None:
    deployment = built(upstream.url, pk="d1", name="group")
    found = asked(deployment)
    entries.insert([entry_of(deployment, found).encode()])

    stored = LedgerEntry.objects.get()
    (billed,) = upstream.billed
    assert (stored.prompt_tokens, stored.completion_tokens) == (billed.prompt_tokens, billed.completion_tokens)
    assert stored.amount_nano == billed.prompt_tokens * 2500 + billed.completion_tokens * 10_000
    assert stored.price_id is not None
    assert (stored.key_hash, stored.call_type) == ("litellm-internal-health-check", "/health")
    assert stored.tags == ["litellm-internal-health-check"]
    assert (stored.user_id, stored.team_id, stored.end_user) == ("", "", "")
    assert (stored.deployment_id, stored.model_group, stored.model) == ("d1", "group", "gpt-4o")
    assert (stored.status, stored.status_code, stored.basis) == ("success", 200, "usage")
    assert stored.upstream_id == billed.id


def test_the_ledger_says_that_a_failed_probe_cost_nothing(upstream: FakeUpstream) -> None:
    upstream.script(openai_error(500, "oops", "server_error"))
    deployment = built(upstream.url)
    entries.insert([entry_of(deployment, asked(deployment)).encode()])

    stored = LedgerEntry.objects.get()
    assert (stored.status, stored.status_code, stored.basis, stored.amount_nano) == ("failure", 500, "none", 0)
    assert stored.error_class == "InternalServerError"
    assert json.dumps(stored.tags)
