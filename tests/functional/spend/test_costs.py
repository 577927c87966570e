"""What something would cost or has cost: POST /spend/calculate and /cost/estimate."""

from typing import Any

import httpx
import pytest

from tests.functional.management.answers import refusal
from tests.functional.management.callers import Callers, made
from tests.gateway import Gateway

ANSWER = {"model": "gpt-4o", "usage": {"prompt_tokens": 1000, "completion_tokens": 100}}


def calculated(client: httpx.Client, **body: Any) -> float:
    cost: float = made(client, "/spend/calculate", **body)["cost"]
    return cost


def test_an_answer_costs_what_its_usage_says(admin: httpx.Client) -> None:
    assert calculated(admin, completion_response=ANSWER) == 0.003
    # As the deployment is called, and by a table where there is no deployment.
    assert calculated(admin, completion_response={**ANSWER, "model": "openai/gpt-4o"}) == 0.003
    assert calculated(admin, completion_response={**ANSWER, "model": "gpt-4o-mini"}) == 0.00021


def test_messages_cost_what_they_cost_to_send(admin: httpx.Client) -> None:
    short = calculated(admin, model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])
    long = calculated(admin, model="gpt-4o", messages=[{"role": "user", "content": "Hello" * 1000}])

    assert 0 < short < 0.0001
    assert long == pytest.approx(0.0025, rel=0.02)
    assert calculated(admin, model="gpt-4o", messages=[]) == 0


def test_everybody_may_ask(gateway: Gateway, callers: Callers) -> None:
    for caller in ("bob", "ivy", "nobody", "red service"):
        with gateway.client(callers.keys[caller]) as client:
            assert calculated(client, completion_response=ANSWER) == 0.003


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"model": "gpt-4o"}, "Bad Request - messages must be provided if 'model' is provided"),
        ({}, "Bad Request - Either 'model' or 'completion_response' must be provided"),
        ({"messages": []}, "Bad Request - Either 'model' or 'completion_response' must be provided"),
        ({"model": "no-such-model", "messages": []}, "Bad Request - no price is known for model 'no-such-model'"),
        ({"model": "unpriced", "messages": []}, "Bad Request - no price is known for model 'unpriced'"),
        ({"completion_response": {}}, "Bad Request - no price is known for model ''"),
        ({"completion_response": {"model": "gpt-4o"}}, "Bad Request - completion_response has no usage"),
        (
            {"completion_response": {**ANSWER, "usage": {"prompt_tokens": -5}}},
            "Bad Request - completion_response has no",
        ),
        ({"completion_response": {**ANSWER, "usage": "much"}}, "Bad Request - completion_response has no usage"),
    ],
)
def test_what_cannot_be_calculated_is_refused(admin: httpx.Client, body: dict[str, Any], sentence: str) -> None:
    status, told = refusal(admin, "/spend/calculate", **body)

    assert (status, told.startswith(sentence)) == (400, True), told


def test_an_estimate(admin: httpx.Client) -> None:
    found = made(admin, "/cost/estimate", model="gpt-4o", input_tokens=1000, output_tokens=100, num_requests_per_day=10)

    assert found == {
        "model": "gpt-4o", "provider": "openai", "input_tokens": 1000, "output_tokens": 100,
        "num_requests_per_day": 10, "num_requests_per_month": None,
        "cost_per_request": 0.003, "input_cost_per_request": 0.002, "output_cost_per_request": 0.001,
        "margin_cost_per_request": 0.0,
        "daily_cost": 0.03, "daily_input_cost": 0.02, "daily_output_cost": 0.01, "daily_margin_cost": 0.0,
        "monthly_cost": None, "monthly_input_cost": None, "monthly_output_cost": None, "monthly_margin_cost": None,
        "input_cost_per_token": 0.000002, "output_cost_per_token": 0.00001,
    }  # fmt: skip


@pytest.mark.parametrize("field", ["input_tokens", "output_tokens", "num_requests_per_month"])
@pytest.mark.parametrize("value", [-1, "many", 10**10, 1.5])
def test_an_estimate_of_what_cannot_be_is_refused(admin: httpx.Client, field: str, value: Any) -> None:
    body = {"model": "gpt-4o", "input_tokens": 1, "output_tokens": 1, field: value}

    assert admin.post("/cost/estimate", json=body).status_code == 422
