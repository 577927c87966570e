"""GET /global/spend/report: LiteLLM's shapes, every grouping and filter, to the last day."""

from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from teams.keys import hash_key
from tests.budgets.days import day_row
from tests.functional.management.answers import asked, told, unique
from tests.functional.management.callers import Callers, made
from tests.functional.spend.books import DAYS, EVIL, GONE, lines, store
from tests.gateway import Gateway

REPORT = "/global/spend/report"


def detail(model: str, key: str, spend: float) -> dict[str, Any]:
    return {"model": model, "api_key": key, "spend": spend, "total_tokens": 150}


def test_by_team(admin: httpx.Client, callers: Callers) -> None:
    bob, ada, eve = (hash_key(callers.keys[name]) for name in ("bob", "ada", "eve"))
    expected = [
        {
            "group_by_day": "2025-03-01T00:00:00",
            "teams": [
                {
                    "team_name": "red",
                    "total_spend": 1.500000001,
                    "metadata": [
                        detail("openai/gpt-4o-2024-08-06", bob, 1.000000001), detail("openai/gpt-4o-mini", ada, 0.5),
                    ],
                }
            ],
        },
        {
            "group_by_day": "2025-03-03T00:00:00",
            "teams": [
                {
                    "team_name": "green",
                    "total_spend": 2.0,
                    "metadata": [detail("anthropic/claude-sonnet-4", eve, 2.0)],
                },
                {
                    "team_name": "Unassigned Team",
                    "total_spend": 0.25,
                    "metadata": [detail("openai/gpt-4o-2024-08-06", GONE, 0.25)],
                },
            ],
        },
    ]  # fmt: skip

    assert asked(admin, REPORT, **DAYS) == expected
    assert asked(admin, REPORT, **DAYS, group_by="team") == expected
    assert asked(admin, REPORT, **DAYS, group_by="team", team_id="green")[0]["teams"] == expected[1]["teams"][:1]


def test_without_details(admin: httpx.Client) -> None:
    for grouping in ("team", "customer"):
        whole = asked(admin, REPORT, **DAYS, group_by=grouping)
        for day in whole:
            for row in day[f"{grouping}s"]:
                del row["metadata"]
        assert asked(admin, REPORT, **DAYS, group_by=grouping, details="false") == whole


def test_the_last_day_is_the_whole_of_it_and_the_first_too(admin: httpx.Client) -> None:
    def days(start: str, end: str) -> list[str]:
        return [row["group_by_day"][:10] for row in asked(admin, REPORT, start_date=start, end_date=end)]

    assert days("2025-03-01", "2025-03-01") == ["2025-03-01"]
    assert days("2025-03-02", "2025-03-03") == ["2025-03-03"]
    assert days("2025-03-02 10:00:00", "2025-03-03T00:00:00Z") == ["2025-03-03"]
    assert days("2025-03-02", "2025-03-02") == days("0001-01-01", "1999-12-31") == []


def test_by_customer(admin: httpx.Client, callers: Callers) -> None:
    found = asked(admin, REPORT, **DAYS, group_by="customer")

    assert [(row["group_by_day"], [one["customer"] for one in row["customers"]]) for row in found] == [
        ("2025-03-01T00:00:00", ["acme"]),
        ("2025-03-03T00:00:00", [EVIL]),
    ]
    assert found[0]["customers"][0] == {
        "customer": "acme",
        "total_spend": 0.75,
        "metadata": [detail("openai/gpt-4o-2024-08-06", hash_key(callers.keys["bob"]), 0.75)],
    }


def test_of_a_customer_of_a_team(admin: httpx.Client) -> None:
    (day,) = asked(admin, REPORT, **DAYS, team_id="red", customer_id="acme")

    (row,) = day["teams_customers"]
    assert (row["team_name"], row["customer"], row["total_spend"]) == ("red", "acme", 0.75)
    assert asked(admin, REPORT, **DAYS, team_id="green", customer_id="acme") == []


def test_by_key(admin: httpx.Client, callers: Callers) -> None:
    bob, eve = (hash_key(callers.keys[name]) for name in ("bob", "eve"))
    found = asked(admin, REPORT, **DAYS, group_by="api_key")

    assert [(row["api_key"], row["total_cost"]) for row in found][:2] == [(eve, 2.0), (bob, 1.000000001)]
    assert len(found) == 4
    assert found[1] == {
        "api_key": bob,
        "total_cost": 1.000000001,
        "total_input_tokens": 100,
        "total_output_tokens": 50,
        "model_details": [
            {
                "model": "openai/gpt-4o-2024-08-06",
                "total_cost": 1.000000001,
                "total_input_tokens": 100,
                "total_output_tokens": 50,
            }
        ],
    }


def test_a_filter_alone_gives_the_report_by_key(admin: httpx.Client, callers: Callers) -> None:
    bob = callers.keys["bob"]
    (of_bob,) = [row for row in asked(admin, REPORT, **DAYS, group_by="api_key") if row["api_key"] == hash_key(bob)]

    for query in ({"api_key": bob}, {"api_key": hash_key(bob)}, {"internal_user_id": "bob"}):
        assert asked(admin, REPORT, **DAYS, **query) == [of_bob]
    assert len(asked(admin, REPORT, **DAYS, team_id="red")) == 2
    assert [row["total_cost"] for row in asked(admin, REPORT, **DAYS, customer_id="acme")] == [0.75]
    assert asked(admin, REPORT, **DAYS, internal_user_id="nobody-such") == []


def test_a_regenerated_key_keeps_its_history(gateway: Gateway, admin: httpx.Client) -> None:
    old = hash_key(made(admin, "/key/generate", key_alias=unique("regenerated"))["key"])
    day = date(2024, 2, 29)
    store(gateway, day_row(day, key_hash=old, amount_nano=10**9))
    new = made(admin, "/key/regenerate", key=old)["key"]
    store(gateway, day_row(day, key_hash=hash_key(new), amount_nano=2 * 10**9))

    for query in ({"api_key": new}, {"api_key": old}, {"group_by": "api_key"}):
        (row,) = asked(admin, REPORT, start_date="2024-02-29", end_date="2024-02-29", **query)
        assert (row["api_key"], row["total_cost"]) == (hash_key(new), 3.0)
    found = lines(admin, REPORT, start_date="2024-02-29", end_date="2024-02-29")
    assert {row[4] for row in found[1:]} == {hash_key(new)}


@pytest.mark.parametrize("query", [{}, {"start_date": "2025-03-01"}, {"end_date": "2025-03-01"}, {"start_date": ""}])
def test_without_dates_it_says_so(admin: httpx.Client, query: dict[str, str]) -> None:
    answer = admin.get(REPORT, params=query)

    assert answer.status_code == 400
    assert answer.json() == {"detail": {"error": "Please provide start_date and end_date"}}


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ({"start_date": "yesterday", "end_date": "2025-03-03"}, 400, "Invalid date format: 'yesterday'."),
        ({"start_date": "2025-02-30", "end_date": "2025-03-03"}, 400, "Invalid date format"),
        ({"start_date": "2025-03-01", "end_date": "9999-12-31T23:59:59-23:00"}, 400, "Invalid date format"),
        ({"start_date": "2025-03-04", "end_date": "2025-03-03"}, 400, "start_date must not be after end_date."),
    ],
)
def test_dates_that_are_none_are_refused(
    admin: httpx.Client, query: dict[str, str], status: int, sentence: str
) -> None:
    assert told(admin.get(REPORT, params=query))[0] == status
    assert told(admin.get(REPORT, params=query))[1].startswith(sentence)


@pytest.mark.parametrize(
    "query",
    [
        {"group_by": "planet"},
        {"format": "xml"},
        {"start_date": "x" * 41},
        {"team_id": "x" * 256},
        {"api_key": "x" * 256},
    ],
)
def test_a_question_that_cannot_be_is_refused(admin: httpx.Client, query: dict[str, str]) -> None:
    assert admin.get(REPORT, params={**DAYS, **query}).status_code == 422


@pytest.mark.parametrize("name", ["a'b\"c`", "x'; DROP TABLE budgets_dailyspend; --", "100%_%s", "<script>"])
def test_hostile_ids_are_nobodys(admin: httpx.Client, name: str) -> None:
    for field in ("team_id", "customer_id", "internal_user_id", "api_key"):
        assert asked(admin, REPORT, **DAYS, **{field: name}) == []


def test_the_widest_range_is_answered(admin: httpx.Client) -> None:
    found = asked(admin, REPORT, start_date="2025-01-01", end_date="9999-12-31")
    # Today others of this gateway's tests may have called it.
    assert len([row for row in found if row["group_by_day"] < f"{datetime.now(UTC):%Y-%m-%d}"]) == 7


def test_as_csv(admin: httpx.Client, callers: Callers) -> None:
    bob = hash_key(callers.keys["bob"])
    found = lines(admin, REPORT, **DAYS)

    assert found[0] == [
        "date", "team_id", "team_name", "model", "api_key", "key_alias", "requests", "failures", "prompt_tokens",
        "completion_tokens", "spend",
    ]  # fmt: skip
    assert len(found) == 5
    assert [
        "2025-03-01", "red", "red", "openai/gpt-4o-2024-08-06", bob, "", "10", "2", "100", "50", "1.000000001",
    ] in found  # fmt: skip


def test_as_csv_a_formula_is_harmless(admin: httpx.Client) -> None:
    found = lines(admin, REPORT, **DAYS, group_by="customer")

    assert [row[1] for row in found] == ["customer", "acme", f"'{EVIL}"]


def test_as_csv_by_accept_header(admin: httpx.Client) -> None:
    def kind(accept: str, **query: str) -> str:
        answer = admin.get(REPORT, params={**DAYS, **query}, headers={"Accept": accept})
        assert answer.status_code == 200
        return answer.headers["content-type"].partition(";")[0]

    assert kind("text/csv") == kind("text/csv;q=0.9, application/json") == "text/csv"
    assert kind("application/json, text/csv") == kind("*/*") == kind("text/html") == "application/json"
    assert kind("text/csv", format="json") == "application/json"


def test_as_csv_without_anything_are_the_titles_alone(admin: httpx.Client) -> None:
    for grouping in ("team", "customer", "api_key"):
        assert len(lines(admin, REPORT, start_date="1999-01-01", end_date="1999-01-02", group_by=grouping)) == 1
