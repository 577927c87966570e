"""Our amounts against those of LiteLLM's calculator: as it once answered, and as it answers now where there is one."""

import os
from dataclasses import replace
from decimal import Decimal

import pytest

from budgets.core.price_fields import read_price
from budgets.core.pricing import NANO, Usage, cost
from budgets.core.terms import AllTerms
from tests.budgets.oracle.cases import Case, cases
from tests.budgets.oracle.freeze import VARIABLE, ask_litellm, frozen

# Where LiteLLM is not followed.
DIFFERENCES = {
    "more cached than asked": "it bills 1,500 tokens of a prompt of 1,000: what is cached is part of the prompt",
    "more cached and written than asked": "it bills 1,600 tokens of a prompt of 1,000: both are part of the prompt",
    "more reasoning than said": "it bills 150 tokens of an answer of 100: reasoning is part of the answer",
    "text as dear as an image": "it bills text as images when only images have a price",
}
# Its floats are off by as much as this, in nano-dollars.
NOISE = Decimal("0.001")


def ours(case: Case) -> int:
    price = read_price(case["fields"], from_the_edge=case["provider"] == "xai")
    assert price is not None
    terms, doubts = AllTerms.read(case.get("discounts"), case.get("margins"))
    assert doubts == []
    usage = Usage(**case["usage"], service_tier=case.get("service_tier", ""))
    return cost(usage, replace(price, terms=terms.of(case["provider"]))).total


def agrees(case: Case, dollars: str) -> bool:
    return abs(Decimal(dollars) * NANO - ours(case)) <= Decimal("0.5") + NOISE


def test_what_was_written_down_are_the_answers_to_these_cases() -> None:
    assert [{name: value for name, value in case.items() if name != "cost"} for case in frozen()] == cases()
    assert len(frozen()) >= 200


@pytest.mark.parametrize("case", frozen(), ids=lambda case: f"{case['sheet']} {case['usage']}")
def test_an_amount_is_what_litellm_made_of_it_to_the_nano_dollar(case: Case) -> None:
    assert agrees(case, case["cost"]) is (case["sheet"] not in DIFFERENCES), (ours(case), case["cost"])


def test_every_difference_that_is_known_is_still_one_of_the_cases() -> None:
    assert DIFFERENCES.keys() <= {case["sheet"] for case in frozen()}


def test_the_litellm_that_is_here_says_the_same() -> None:
    python = os.environ.get(VARIABLE)
    if not python:
        pytest.skip(f"not run for want of a component: a Python with LiteLLM in {VARIABLE}")
    answers = ask_litellm(python, cases())["costs"]
    wrong = [
        (case["sheet"], case["usage"], ours(case), dollars)
        for case, dollars in zip(cases(), answers, strict=True)
        if agrees(case, dollars) is (case["sheet"] in DIFFERENCES)
    ]

    assert wrong == []
