"""What people are written about a budget of theirs: words and dollars, and nothing that only an admin understands."""

from typing import Any

import pytest

from alerts.events import BudgetProjected, BudgetThreshold

KEY: dict[str, Any] = {"budget_of": "Key", "entity_id": "4711", "name": "ci"}
MONTH: dict[str, Any] = {
    "duration": "30d",
    "period_start": "2026-11-01T00:00:00+00:00",
    "resets_at": "2026-12-01T01:00:00+01:00",
}


@pytest.mark.parametrize(
    ("threshold", "title", "line"),
    [
        (
            "80",
            "80 % of the budget of key ci is used",
            "Once all of it is used, requests are refused or slowed down until it is raised or begins anew.",
        ),
        (
            "100",
            "The budget of key ci is used up",
            "Requests are refused or slowed down until it is raised or begins anew.",
        ),
        ("soft", "The soft budget of key ci is reached", "No request is refused because of it."),
    ],
)
def test_a_threshold_in_words(threshold: str, title: str, line: str) -> None:
    said = BudgetThreshold(
        **KEY, **MONTH, threshold=threshold, spent="81.234567", max_budget="1000", soft_budget="0.0005"
    ).for_people()

    assert (said["title"], said["lines"]) == (title, [line])
    assert said["facts"] == {
        "Spend": "$81.23",
        "Budget": "$1,000.00 every 30d",
        "Soft budget": "$0.0005",
        "Begins anew": "01 December 2026, 00:00 UTC",
    }


def test_of_a_budget_that_is_never_reset_nothing_begins_anew() -> None:
    said = BudgetThreshold(**KEY, threshold="100", spent="0.5", max_budget="0.5").for_people()

    assert said["facts"] == {"Spend": "$0.50", "Budget": "$0.50"}
    assert "anew" not in str(said)


def test_a_projection_in_words() -> None:
    said = BudgetProjected(
        **KEY, **MONTH, spent="8", max_budget="10", exhausted_at="2026-11-28T09:00+00:00"
    ).for_people()

    assert said["title"] == "The budget of key ci will be used up by 28 November 2026, 09:00 UTC"
