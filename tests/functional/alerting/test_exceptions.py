"""An upstream that fails is told of; what is a client's own fault, or a limit of ours, is not."""

from alerts.events import AlertType
from tests.fakes.upstream import openai_error
from tests.functional.alerting.causes import ask, fail
from tests.functional.alerting.conftest import Stage
from tests.functional.alerting.proofs import spares, tells
from tests.functional.budgets.money import COST, key_of
from tests.gateway import chat

EXCEPTIONS = AlertType.LLM_EXCEPTIONS
CHANNELS = ("slack", "ms_teams")


@tells(EXCEPTIONS)
def test_an_upstream_that_fails_is_told_once_with_where_and_who(stage: Stage) -> None:
    key = key_of(stage.gateway, key_alias="errs-key")

    def client() -> None:
        metadata = {"alerting_metadata": {"tenant": "<!channel> acme", "password": "hidden"}}
        fail(stage.gateway, stage.upstream, "errs", words="The <server> is down", times=2, key=key, metadata=metadata)

    scene = stage.scene("errs")
    scene.at(0, client)
    facts = (
        "LLM API call failed for errs at openai: ", "- The <server> is down", "Model: errs", "Provider: openai",
        f"API Base: {stage.upstream.url}", "Error: InternalServerError (500)", "Key Name: errs-key",
        "Call ID: ", "tenant: <!channel> acme",
    )  # fmt: skip
    for channel in CHANNELS:
        scene.want(EXCEPTIONS, *facts, level="High", between=(0, 2), channel=channel)
    heard = scene.play()

    assert not any("hidden" in one.text or "sk-upstream" in one.text for one in heard)
    assert not any(b"<!channel>" in one.body for one in stage.slack.received)


@tells(EXCEPTIONS)
def test_credentials_and_quotas_are_told_apart_from_what_is_broken(stage: Stage) -> None:
    def refusals() -> None:
        for status, name in ((401, "keyless"), (403, "keyless"), (429, "throttled")):
            fail(stage.gateway, stage.upstream, name, status=status)

    scene = stage.scene("keyless", "throttled")
    scene.at(0, refusals)
    for status, name, words in (
        (401, "keyless", "the provider does not accept the credentials"),
        (403, "keyless", "the provider does not permit it to these credentials"),
        (429, "throttled", "the provider's rate limit is reached"),
    ):
        for channel in CHANNELS:
            scene.want(
                EXCEPTIONS, words, f"Model: {name}", f"({status})", level="High", between=(0, 3), channel=channel
            )
    scene.play()


@spares(EXCEPTIONS, AlertType.OUTAGE_ALERTS, AlertType.COOLDOWN_DEPLOYMENT)
def test_what_clients_get_wrong_and_our_own_limits_tell_nobody(stage: Stage) -> None:
    gateway, upstream = stage.gateway, stage.upstream
    poor, slowed = key_of(gateway, max_budget=COST), key_of(gateway, rpm_limit=1)
    limited = key_of(gateway, models=["quick"])

    def clients() -> None:
        for status in (400, 413, 422):
            fail(gateway, upstream, "mistaken", status=status, words="mistaken request", times=8)
        upstream.script(openai_error(400, "mistaken: maximum context length is 8", "invalid_request_error"))
        assert ask(gateway, "mistaken").status_code == 400
        assert ask(gateway, "mistaken", key="sk-of-nobody").status_code == 401
        assert ask(gateway, "mistaken", key=limited).status_code in (401, 403)
        assert ask(gateway, "mistaken-name").status_code in (400, 404)
        assert ask(gateway, "mistaken", temperature="hot").status_code < 500
        upstream.completion_tokens = 1000
        assert [ask(gateway, "dear", key=poor, max_tokens=20).status_code for _ in range(2)] == [200, 422]
        assert [ask(gateway, "mistaken", key=slowed).status_code for _ in range(2)] == [200, 429]
        # In a hurry: the client's own time-out, which says nothing of the deployment.
        upstream.latency_seconds = 0.6
        with gateway.client(headers={"x-litellm-timeout": "0.1"}) as hurried:
            assert hurried.post("/v1/chat/completions", json=chat("mistaken")).status_code == 408
        upstream.latency_seconds = 0.0

    scene = stage.scene("mistaken", "Model: dear")
    scene.at(0, clients)
    scene.want_nothing(until=4)
    scene.play()
