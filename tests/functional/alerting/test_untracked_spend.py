"""A request is served whose price nobody knows: its spend is not tracked, and somebody has to be told."""

from alerts.events import AlertType
from tests.functional.alerting.causes import fail, served
from tests.functional.alerting.conftest import Stage
from tests.functional.alerting.proofs import spares, tells

UNTRACKED, EXCEPTIONS = AlertType.FAILED_TRACKING_SPEND, AlertType.LLM_EXCEPTIONS


@tells(UNTRACKED)
def test_an_unknown_price_is_told_once_with_what_to_do(stage: Stage) -> None:
    scene = stage.scene("/unpriced")
    scene.at(0, lambda: served(stage.gateway, "unpriced", times=3))
    scene.at(1.5, lambda: served(stage.gateway, "unpriced", stream=True))
    for channel in ("slack", "ms_teams", "pagerduty"):
        scene.want(
            UNTRACKED, "No price is known for openai/unpriced", "recorded with amount 0",
            "Set input_cost_per_token and output_cost_per_token on the deployment", "Model: unpriced",
            level="High", between=(0, 2), channel=channel,
        )  # fmt: skip
    scene.play()


@spares(UNTRACKED)
def test_free_and_priced_models_and_failures_are_tracked(stage: Stage) -> None:
    def clients() -> None:
        served(stage.gateway, "quick", times=2)
        served(stage.gateway, "cheap", times=2, max_tokens=5)
        fail(stage.gateway, stage.upstream, "broken-unpriced")

    stage.clear()
    scene = stage.scene("No price is known", "broken-unpriced")
    scene.at(0, clients)
    for channel in ("slack", "ms_teams"):
        scene.want(EXCEPTIONS, "Model: broken-unpriced", between=(0, 2), channel=channel)
    scene.want_nothing(until=2.5)
    scene.play()
