"""A deployment that gets no requests for a while is told of, and one that is only suspected is not."""

from alerts.events import AlertType
from tests.fakes.server import Reply
from tests.functional.alerting.causes import ask, fail, served
from tests.functional.alerting.conftest import Stage
from tests.functional.alerting.proofs import spares, tells

COOLDOWN, EXCEPTIONS = AlertType.COOLDOWN_DEPLOYMENT, AlertType.LLM_EXCEPTIONS


@tells(COOLDOWN)
def test_a_deployment_that_cools_down_is_told_with_reason_and_length(stage: Stage) -> None:
    def refuse_both() -> None:
        refused = {"error": {"message": "quota", "type": "requests", "code": "429"}}
        stage.upstream.script(Reply(429, refused, headers={"Retry-After": "7"}))
        assert ask(stage.gateway, "cools").status_code == 429
        served(stage.gateway, "cools", times=6)

    scene = stage.scene("cools")
    scene.at(0, refuse_both)
    for channel in ("slack", "ms_teams"):
        scene.want(
            COOLDOWN, "Deployment of cools cools down for 7 s after RateLimitError", "Model: cools",
            "Deployment: cools-", "Reason: rate limited", "Status: 429", level="High", between=(0, 2), channel=channel,
        )  # fmt: skip
        scene.want(EXCEPTIONS, "rate limit is reached", between=(0, 2), channel=channel)
    scene.play()


@spares(COOLDOWN)
def test_one_failure_among_siblings_and_any_of_a_deployment_that_stands_alone_cool_nothing(stage: Stage) -> None:
    def failures() -> None:
        fail(stage.gateway, stage.upstream, "stays", status=500)
        served(stage.gateway, "stays", times=2)
        fail(stage.gateway, stage.upstream, "refused", status=429, times=2)

    scene = stage.scene("stays", "refused")
    scene.at(0, failures)
    for name in ("stays", "refused"):
        for channel in ("slack", "ms_teams"):
            scene.want(EXCEPTIONS, f"Model: {name}", between=(0, 2), channel=channel)
    scene.want_nothing(until=2.5)
    scene.play()
