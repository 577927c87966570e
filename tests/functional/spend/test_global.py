"""What everybody together has spent: the views of thirty days, providers, tags, customers, keys and users."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from teams.keys import hash_key
from tests.functional.management.answers import asked, told
from tests.functional.management.callers import Callers, made
from tests.functional.spend.books import DAYS, EVIL


def ago(days: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=days)).isoformat()


def test_the_last_thirty_days(admin: httpx.Client, callers: Callers) -> None:
    bob = hash_key(callers.keys["bob"])

    assert asked(admin, "/global/spend") == {"spend": 12.0, "max_budget": 100.0}
    days = [{"date": ago(28), "spend": 8.0}, {"date": ago(4), "spend": 4.0}]
    assert asked(admin, "/global/spend/logs") == days
    assert asked(admin, "/global/spend/logs", api_key=callers.keys["bob"]) == days
    assert asked(admin, "/global/spend/logs", api_key=callers.keys["eve"]) == []
    (key,) = asked(admin, "/global/spend/keys", limit=5)
    assert (key["api_key"], key["key_alias"], key["total_spend"]) == (bob, None, 12.0)
    assert key["key_name"] == f"sk-...{callers.keys['bob'][-4:]}"
    assert asked(admin, "/global/spend/models") == [{"model": "openai/gpt-4o-2024-08-06", "total_spend": 12.0}]
    assert asked(admin, "/global/spend/teams") == {
        "daily_spend": [{"red": 8.0, "date": ago(28)}, {"red": 4.0, "date": ago(4)}],
        "teams": ["red"],
        "total_spend_per_team": [{"team_id": "red", "total_spend": 12.0}],
    }


def test_by_provider(admin: httpx.Client) -> None:
    assert asked(admin, "/global/spend/provider", **DAYS) == [
        {"provider": "anthropic", "spend": 2.0},
        {"provider": "openai", "spend": 1.750000001},
    ]
    assert asked(admin, "/global/spend/provider", start_date="1999-01-01", end_date="1999-01-01") == []
    answer = admin.get("/global/spend/provider")
    assert (answer.status_code, answer.json()) == (400, {"detail": {"error": "Please provide start_date and end_date"}})


def test_by_tag(admin: httpx.Client) -> None:
    rows = [{"name": EVIL, "spend": 1.0, "log_count": 10}, {"name": "jobs", "spend": 1.0, "log_count": 10}]

    assert asked(admin, "/global/spend/tags", **DAYS) == {"spend_per_tag": rows}
    ever = [{**row, "spend": 1.001, "log_count": 11} for row in rows]
    assert asked(admin, "/global/spend/tags", tags="all-tags") == {"spend_per_tag": ever}
    assert asked(admin, "/global/spend/tags", **DAYS, tags="jobs, none") == {"spend_per_tag": rows[1:]}
    assert asked(admin, "/global/spend/tags", start_date="2025-03-02", end_date="2025-03-02") == {"spend_per_tag": []}
    assert asked(admin, "/global/spend/all_tag_names") == {"tag_names": [EVIL, "jobs"]}
    seen = [{"individual_request_tag": name, "log_count": 10, "total_spend": 1.000000001} for name in (EVIL, "jobs")]
    assert asked(admin, "/spend/tags", **DAYS) == seen
    assert asked(admin, "/spend/tags") == [{**row, "log_count": 11, "total_spend": 1.001000001} for row in seen]


def end_users(client: httpx.Client, **body: Any) -> Any:
    return client.post("/global/spend/end_users", json=body).raise_for_status().json()


def test_by_customer(admin: httpx.Client, callers: Callers) -> None:
    acme = {"end_user": "acme", "total_count": 10, "total_spend": 0.75}
    evil = {"end_user": EVIL, "total_count": 10, "total_spend": 2.0}

    ever = {**acme, "total_count": 11, "total_spend": 0.751}
    assert end_users(admin) == [evil, ever]
    assert end_users(admin, api_key=callers.keys["bob"]) == [ever]
    assert end_users(admin, startTime="2025-03-01", endTime="2025-03-01T23:59:59Z") == [acme]
    assert told(admin.post("/global/spend/end_users", json={"startTime": "soon"}))[0] == 400


def test_keys_that_spend_most_come_first(gateway: Any, admin: httpx.Client, callers: Callers) -> None:
    rows = asked(admin, "/spend/keys", limit=3)

    # Of the ledger: what counts for budgets. Bob's calls there are 0.006, eve's 0.003.
    assert [(row["token"], row["total_spend"]) for row in rows[:2]] == [
        (hash_key(callers.keys["bob"]), 0.006),
        (hash_key(callers.keys["eve"]), 0.003),
    ]
    assert len(rows) == 3
    assert asked(admin, "/spend/keys", limit=1) == rows[:1]
    with gateway.client(callers.keys["eve"]) as eve:
        assert [row["token"] for row in asked(eve, "/spend/keys")] == [hash_key(callers.keys["eve"])]


def test_users_that_spend_most_come_first(admin: httpx.Client) -> None:
    rows = asked(admin, "/spend/users", limit=2)

    assert [(row["user_id"], row["spend"], row["key_aliases"]) for row in rows] == [
        ("bob", 0.006, []),
        ("eve", 0.003, []),
    ]
    assert asked(admin, "/spend/users", limit=1) == rows[:1]
    made(admin, "/key/generate", user_id="loner", key_alias="the loner's")
    (row,) = asked(admin, "/spend/users", user_id="loner")
    assert (row["user_id"], row["key_aliases"]) == ("loner", ["the loner's"])
    assert asked(admin, "/spend/users", user_id="no-such") == []


def test_budgets_of_providers(admin: httpx.Client) -> None:
    found = asked(admin, "/provider/budgets")["providers"]

    assert found.keys() == {"openai"}
    assert (found["openai"]["budget_limit"], found["openai"]["time_period"], found["openai"]["spend"]) == (
        12.5,
        "1d",
        0,
    )
    assert datetime.fromisoformat(found["openai"]["budget_reset_at"]) > datetime.now(UTC)


@pytest.mark.parametrize("limit", [0, -1, 10_001, "many"])
def test_a_limit_that_cannot_be_is_refused(admin: httpx.Client, limit: Any) -> None:
    for path in ("/spend/keys", "/spend/users", "/global/spend/keys", "/global/spend/models"):
        assert admin.get(path, params={"limit": limit}).status_code == 422
