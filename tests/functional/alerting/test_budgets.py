"""Budgets by what is really spent: each threshold once a period, to Slack, LiteLLM's webhook and the owner's mail."""

from decimal import Decimal

from alerts.events import AlertType
from tests.functional.alerting.causes import served
from tests.functional.alerting.conftest import Stage
from tests.functional.alerting.proofs import spares, tells
from tests.functional.budgets.money import COST, TOKENS, ask, change, key_of
from tests.gateway import chat

BUDGET = AlertType.BUDGET_ALERTS
EVERYWHERE = ("slack", "ms_teams", "webhook")
# The ledger is added up every two seconds, and a moment after its rows are committed.
ADDED_UP = 5.0
DOLLARS = Decimal(str(COST))


def spend(stage: Stage, key: str, *, times: int) -> None:
    """Answers that cost COST each."""
    stage.upstream.completion_tokens = 1_000_000
    for _ in range(times):
        answer = ask(stage.gateway, key, model="cheap")
        assert answer.status == 200, answer.body


@tells(BUDGET)
def test_half_a_budget_and_all_of_it_are_told_with_amounts_also_to_the_owner(stage: Stage) -> None:
    gateway, limit = stage.gateway, 4 * DOLLARS
    change(gateway, "/user/new", user_id="owner", user_email="owner@example.com", auto_create_key=False)
    key = key_of(gateway, key_alias="spends", user_id="owner", max_budget=float(limit), budget_duration="30d")

    def up_to_the_limit() -> None:
        spend(stage, key, times=2)
        refused = ask(gateway, key, model="cheap", tokens=TOKENS)
        assert refused.status == 422

    scene = stage.scene("spends")
    scene.at(0, lambda: spend(stage, key, times=2))
    scene.at(ADDED_UP + 3, up_to_the_limit)
    half, over = (0, ADDED_UP), (ADDED_UP + 3, 2 * ADDED_UP + 3)
    said = f"Key Budget: 50% used. spends spent ${2 * DOLLARS} of ${limit}"
    crossed = f"Key Budget: Budget Crossed. spends spent ${limit} of ${limit}"
    for channel in ("slack", "ms_teams"):
        facts = ("Budget of: Key spends", "Duration: 30d", "Resets at: 20")
        scene.want(BUDGET, said, f"Max budget: {limit}", *facts, level="High", between=half, channel=channel)
        scene.want(BUDGET, crossed, f"Spend: {limit}", level="High", between=over, channel=channel)
    letter = ("To: owner@example.com", f"Budget: ${limit} every 30d", "Begins anew: ")
    scene.want(BUDGET, "50 % of the budget of key spends is used", *letter, between=half, channel="email")
    scene.want(BUDGET, "The budget of key spends is used up", *letter, between=over, channel="email")
    body = ("key_alias: spends", "event_group: key", f"max_budget: {limit}", "user_email: owner@example.com")
    scene.want(BUDGET, *body, "event: threshold_crossed", f"spend: {2 * DOLLARS}", between=half, channel="webhook")
    scene.want(BUDGET, *body, "event: budget_crossed", f"spend: {limit}", between=over, channel="webhook")
    heard = scene.play()

    assert not any("/admin/" in one.text for one in heard if one.channel == "email")
    assert not any(key in one.text for one in heard)


@tells(BUDGET)
def test_a_soft_budget_is_told_and_refuses_nobody(stage: Stage) -> None:
    key = key_of(stage.gateway, key_alias="softly", soft_budget=COST)
    scene = stage.scene("softly")
    scene.at(0, lambda: spend(stage, key, times=2))
    for channel in ("slack", "ms_teams"):
        scene.want(BUDGET, "Soft Budget Crossed: Key softly spent $", between=(0, ADDED_UP), channel=channel)
    scene.want(BUDGET, "event: soft_budget_crossed", f"soft_budget: {COST}", between=(0, ADDED_UP), channel="webhook")
    scene.want_nothing(until=ADDED_UP + 3)
    scene.play()


@tells(BUDGET)
def test_a_reset_lets_a_threshold_be_told_again(stage: Stage) -> None:
    key = key_of(stage.gateway, key_alias="was-reset", max_budget=2 * COST)
    again = ADDED_UP + 6
    scene = stage.scene("was-reset")
    scene.at(0, lambda: spend(stage, key, times=1))
    scene.at(ADDED_UP + 2, lambda: change(stage.gateway, f"/key/{key}/reset_spend", reset_to=0))
    scene.at(again, lambda: spend(stage, key, times=1))
    for channel in EVERYWHERE:
        scene.want(BUDGET, "50% used", count=2, between=(0, again + ADDED_UP), channel=channel)
    heard = [one for one in scene.play() if one.channel == "slack"]

    assert heard[1].at - heard[0].at > 1


@spares(BUDGET)
def test_less_than_half_tells_nothing_and_a_threshold_that_is_told_is_not_told_again(stage: Stage) -> None:
    gateway = stage.gateway
    sparing = key_of(gateway, key_alias="spares", max_budget=100 * COST)
    steady = key_of(gateway, key_alias="steady", max_budget=10 * COST)
    free = key_of(gateway, key_alias="pays-nothing", max_budget=COST)

    def client() -> None:
        spend(stage, sparing, times=49)
        spend(stage, steady, times=5)
        served(gateway, "quick", key=free, times=3)

    scene = stage.scene("spares", "steady", "pays-nothing")
    scene.at(0, client)
    scene.at(ADDED_UP + 4, lambda: spend(stage, steady, times=2))
    for channel in EVERYWHERE:
        scene.want(BUDGET, "steady", "50% used", between=(0, ADDED_UP + 3), channel=channel)
    scene.want_nothing(until=2 * ADDED_UP + 4)
    scene.play()


@spares(BUDGET)
def test_a_request_that_fails_or_is_refused_spends_nothing(stage: Stage) -> None:
    poor = key_of(stage.gateway, key_alias="refused-at-once", max_budget=COST / 100)

    def client() -> None:
        with stage.gateway.client(poor) as asking:
            body = chat("cheap", max_tokens=TOKENS)
            assert [asking.post("/v1/chat/completions", json=body).status_code for _ in range(3)] == [422] * 3

    scene = stage.scene("refused-at-once")
    scene.at(0, client)
    scene.want_nothing(until=ADDED_UP)
    scene.play()
