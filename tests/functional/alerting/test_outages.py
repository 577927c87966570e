"""Deployments and regions that are out of order, from the first failures to the recovery, on all that pages."""

from alerts.events import AlertType
from tests.functional.alerting.causes import WINDOW, fail, served
from tests.functional.alerting.conftest import Stage
from tests.functional.alerting.proofs import spares, tells

OUTAGE, REGION, EXCEPTIONS = AlertType.OUTAGE_ALERTS, AlertType.REGION_OUTAGE_ALERTS, AlertType.LLM_EXCEPTIONS
PAGED = ("slack", "ms_teams", "discord", "pagerduty")
CHANNELS = ("slack", "ms_teams")


@tells(OUTAGE)
def test_an_outage_is_told_as_it_grows_and_settled_when_the_window_is_clean(stage: Stage) -> None:
    scene = stage.scene("breaks")
    scene.at(0, lambda: fail(stage.gateway, stage.upstream, "breaks", times=3))
    scene.at(2.5, lambda: fail(stage.gateway, stage.upstream, "breaks", times=6))
    for channel in PAGED:
        scene.want(
            OUTAGE, "Minor Service Outage: breaks at openai", "Failed: 3 of 3 within 4 s", "Errors: server error: 3",
            "Reason: errors", level="Medium", between=(0, 2.5), channel=channel,
        )  # fmt: skip
        scene.want(
            OUTAGE, "Major Service Outage: breaks at openai", "Errors: server error: ",
            f"API Base: {stage.upstream.url}", "What to do: Look at", level="High", between=(2.5, 5), channel=channel,
        )  # fmt: skip
        scene.want(OUTAGE, "Minor", status="resolved", between=(WINDOW, 2.5 + WINDOW + 3), channel=channel)
        scene.want(OUTAGE, "Major", status="resolved", between=(WINDOW, 2.5 + WINDOW + 3), channel=channel)
    for channel in CHANNELS:
        # While it lasts, it speaks for what it causes.
        scene.want(EXCEPTIONS, "Model: breaks", between=(0, 2), channel=channel)
    scene.play()


@tells(REGION)
def test_two_deployments_of_a_region_are_told_as_the_region(stage: Stage) -> None:
    def break_both() -> None:
        fail(stage.gateway, stage.upstream, "us-one", times=3)
        for _ in range(3):
            fail(stage.gateway, stage.upstream, "eu-one")
            fail(stage.gateway, stage.upstream, "eu-two")

    scene = stage.scene("openai eu", "openai us")
    scene.at(0, break_both)
    for channel in PAGED:
        scene.want(
            REGION, "Minor Service Outage of a region: openai eu", "Region Name: eu", "Models: eu-one, eu-two",
            level="Medium", between=(0, 4), channel=channel,
        )  # fmt: skip
        scene.want(REGION, "openai eu", status="resolved", between=(WINDOW / 2, WINDOW + 4), channel=channel)
    scene.play()


@spares(OUTAGE)
def test_fewer_failures_than_the_threshold_and_those_older_than_the_window_are_no_outage(stage: Stage) -> None:
    def now_and_then() -> None:
        served(stage.gateway, "rare", times=5)
        fail(stage.gateway, stage.upstream, "rare", times=2)

    scene = stage.scene("rare", "long-ago")
    scene.at(0, now_and_then)
    # After the requests that are served: the upstream fails whatever comes next.
    scene.at(3.0, lambda: fail(stage.gateway, stage.upstream, "long-ago", times=2))
    scene.at(3.5 + WINDOW + 1, lambda: fail(stage.gateway, stage.upstream, "long-ago", times=2))
    for channel in CHANNELS:
        scene.want(EXCEPTIONS, "Model: rare", between=(0, 2), channel=channel)
        scene.want(EXCEPTIONS, "Model: long-ago", between=(3, 5), channel=channel)
    scene.want_nothing(until=3.5 + WINDOW + 3.5)
    scene.play()


@spares(OUTAGE)
def test_wrong_keys_and_quotas_are_no_outage(stage: Stage) -> None:
    def refusals() -> None:
        for status in (401, 403, 429):
            fail(stage.gateway, stage.upstream, "pays", status=status, times=6)

    scene = stage.scene("pays")
    scene.at(0, refusals)
    for channel in CHANNELS:
        scene.want(EXCEPTIONS, "Model: pays", count=3, between=(0, 3), channel=channel)
    scene.want_nothing(until=3)
    scene.play()


@spares(REGION)
def test_one_deployment_of_a_region_or_one_of_each_of_two_is_no_outage_of_a_region(stage: Stage) -> None:
    def break_each() -> None:
        fail(stage.gateway, stage.upstream, "sa-one", times=3)
        fail(stage.gateway, stage.upstream, "ap-one", times=3)

    scene = stage.scene("a region: openai sa", "a region: openai ap")
    scene.at(0, break_each)
    scene.want_nothing(until=3)
    scene.play()
