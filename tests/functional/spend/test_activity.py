"""Activity by day: how much was asked, and what of it by whom and with what."""

from typing import Any

import httpx
import pytest

from teams.keys import hash_key
from tests.functional.management.answers import asked, told
from tests.functional.management.callers import Callers
from tests.functional.spend.books import DAYS, EVIL, GONE, lines
from tests.gateway import Gateway

ENTITIES = ("user", "team", "tag", "customer", "end_user", "organization")
DAILY = [f"/{entity}/daily/activity{form}" for entity in ENTITIES for form in ("", "/aggregated")]
METRICS = {
    "spend", "prompt_tokens", "completion_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
    "total_tokens", "successful_requests", "failed_requests", "api_requests", "total_response_time_ms",
    "timed_requests",
}  # fmt: skip
TOTALS = {
    "total_spend", "total_prompt_tokens", "total_completion_tokens", "total_cache_read_input_tokens",
    "total_cache_creation_input_tokens", "total_tokens", "total_successful_requests", "total_failed_requests",
    "total_api_requests", "total_response_time_ms", "total_timed_requests", "page", "total_pages", "has_more",
}  # fmt: skip
BREAKDOWNS = {"models", "model_groups", "providers", "endpoints", "api_keys", "mcp_servers", "entities"}


def test_of_everybody(gateway: Gateway, callers: Callers, admin: httpx.Client) -> None:
    assert asked(admin, "/global/activity", **DAYS) == {
        "daily_data": [
            {"date": "Mar 01", "api_requests": 20, "total_tokens": 300},
            {"date": "Mar 03", "api_requests": 20, "total_tokens": 300},
        ],
        "sum_api_requests": 40,
        "sum_total_tokens": 600,
    }
    with gateway.client(callers.keys["ivy"]) as ivy, gateway.client(callers.keys["bob"]) as bob:
        nothing = {"daily_data": [], "sum_api_requests": 0, "sum_total_tokens": 0}
        assert asked(ivy, "/global/activity", **DAYS) == nothing
        assert asked(bob, "/global/activity", **DAYS)["sum_api_requests"] == 10


def test_by_model(admin: httpx.Client, callers: Callers) -> None:
    found = asked(admin, "/global/activity/model", **DAYS)

    assert [(row["model"], row["sum_api_requests"]) for row in found] == [
        ("gpt-4o", 20), ("claude", 10), ("gpt-4o-mini", 10),
    ]  # fmt: skip
    assert found[0]["daily_data"][1] == {"date": "Mar 03", "api_requests": 10, "total_tokens": 150}
    assert asked(admin, "/global/activity/model", **DAYS, model_group="claude") == [found[1]]
    bob = {**DAYS, "api_key": callers.keys["bob"]}
    assert [row["model"] for row in asked(admin, "/global/activity/model", **bob)] == ["gpt-4o"]


def test_failures(admin: httpx.Client) -> None:
    assert asked(admin, "/global/activity/exceptions", **DAYS) == {
        "daily_data": [{"date": "Mar 01", "num_exceptions": 2}],
        "sum_num_exceptions": 2,
    }
    assert asked(admin, "/global/activity/exceptions", **DAYS, model_group="claude")["sum_num_exceptions"] == 0


def test_cache_hits_are_none(admin: httpx.Client) -> None:
    found = asked(admin, "/global/activity/cache_hits", **DAYS)

    assert len(found) == 4
    assert {
        "api_key": GONE, "call_type": "acompletion", "cache_hit_true_rows": 0, "cached_completion_tokens": 0,
        "generated_completion_tokens": 50, "total_rows": 10,
    } in found  # fmt: skip


def test_of_the_gateway(admin: httpx.Client) -> None:
    assert asked(admin, "/gateway/daily/activity", **DAYS) == {
        "total_successful_requests": 38,
        "total_failed_requests": 2,
        "by_date": [
            {"date": "2025-03-01", "successful_requests": 18, "failed_requests": 2},
            {"date": "2025-03-03", "successful_requests": 20, "failed_requests": 0},
        ],
        "by_route": [
            {"category": "llm", "route": "/chat/completions", "successful_requests": 28, "failed_requests": 2},
            {"category": "llm", "route": "/v1/messages", "successful_requests": 10, "failed_requests": 0},
        ],
    }


@pytest.mark.parametrize("form", ["", "/aggregated"])
def test_of_teams(admin: httpx.Client, callers: Callers, form: str) -> None:
    found = asked(admin, f"/team/daily/activity{form}", **DAYS)
    monday, saturday = found["results"]
    bob = hash_key(callers.keys["bob"])

    assert found["metadata"].keys() == TOTALS
    assert (found["metadata"]["total_spend"], found["metadata"]["total_api_requests"]) == (3.750000001, 40)
    assert (found["metadata"]["page"], found["metadata"]["total_pages"], found["metadata"]["has_more"]) == (1, 1, False)
    assert (monday["date"], saturday["date"]) == ("2025-03-03", "2025-03-01")
    assert saturday["metrics"] == {
        "spend": 1.500000001, "prompt_tokens": 200, "completion_tokens": 100, "cache_read_input_tokens": 40,
        "cache_creation_input_tokens": 10, "total_tokens": 300, "successful_requests": 18, "failed_requests": 2,
        "api_requests": 20, "total_response_time_ms": 18_000, "timed_requests": 18,
    }  # fmt: skip
    parts = saturday["breakdown"]
    assert parts.keys() == BREAKDOWNS
    assert parts["mcp_servers"] == {}
    assert parts["models"].keys() == {"openai/gpt-4o-2024-08-06", "openai/gpt-4o-mini"}
    assert parts["model_groups"].keys() == {"gpt-4o", "gpt-4o-mini"}
    assert (parts["providers"].keys(), parts["endpoints"].keys()) == ({"openai"}, {"/chat/completions"})
    assert parts["providers"]["openai"]["metrics"] == saturday["metrics"]
    of_bob = parts["models"]["openai/gpt-4o-2024-08-06"]
    assert of_bob["metrics"].keys() == METRICS
    assert of_bob["metrics"]["spend"] == 1.000000001
    assert of_bob["metadata"] == {}
    assert of_bob["api_key_breakdown"] == {
        bob: {
            "metrics": of_bob["metrics"],
            "metadata": {
                "key_alias": None, "team_id": None, "user_id": "bob", "user_email": None, "key_exists": True,
            },
        }
    }  # fmt: skip
    assert parts["api_keys"][bob]["metrics"] == of_bob["metrics"]
    red = parts["entities"]["red"]
    assert (red["metrics"], red["metadata"]) == (saturday["metrics"], {"team_alias": "red"})
    assert red["api_key_breakdown"].keys() == parts["api_keys"].keys()
    gone = monday["breakdown"]["api_keys"][GONE]["metadata"]
    assert (gone["key_exists"], gone["user_id"]) == (False, None)


@pytest.mark.parametrize("form", ["", "/aggregated"])
@pytest.mark.parametrize(
    ("path", "query", "entities", "spend"),
    [
        ("/user/daily/activity", {}, {"", "ada", "bob", "eve"}, 3.750000001),
        ("/user/daily/activity", {"user_id": "bob"}, {"bob"}, 1.000000001),
        ("/team/daily/activity", {"team_ids": "red,green"}, {"red", "green"}, 3.500000001),
        ("/team/daily/activity", {"team_ids": ["red", "green"]}, {"red", "green"}, 3.500000001),
        ("/team/daily/activity", {"exclude_team_ids": "red"}, {"green"}, 2.0),
        ("/organization/daily/activity", {"organization_ids": "north"}, {"north"}, 1.500000001),
        ("/tag/daily/activity", {"tags": "jobs"}, {"jobs"}, 1.000000001),
        ("/tag/daily/activity", {}, {"jobs", EVIL}, 2.000000002),
        ("/customer/daily/activity", {}, {"acme", EVIL}, 2.75),
        ("/end_user/daily/activity", {"end_user_ids": "acme"}, {"acme"}, 0.75),
        ("/user/daily/activity", {"model": "claude"}, {"eve"}, 2.0),
        ("/user/daily/activity", {"model": "claude-sonnet-4"}, {"eve"}, 2.0),
        ("/user/daily/activity", {"model": "anthropic/claude-sonnet-4"}, {"eve"}, 2.0),
        ("/user/daily/activity", {"model": "openai/claude-sonnet-4"}, set(), 0),
        ("/user/daily/activity", {"api_key": GONE}, {""}, 0.25),
        ("/user/daily/activity", {"api_key": [GONE, "e" * 64]}, {""}, 0.25),
        ("/user/daily/activity", {"start_date": "2025-03-02", "end_date": "2025-03-02"}, set(), 0),
        ("/user/daily/activity", {"start_date": "2025-03-03"}, {"", "eve"}, 2.25),
    ],
)  # fmt: skip
def test_of_whom_is_asked(
    admin: httpx.Client, form: str, path: str, query: dict[str, Any], entities: set[str], spend: float
) -> None:
    found = asked(admin, path + form, **{**DAYS, **query})

    assert {name for day in found["results"] for name in day["breakdown"]["entities"]} == entities
    assert found["metadata"]["total_spend"] == spend
    assert sum(day["metrics"]["api_requests"] for day in found["results"]) == found["metadata"]["total_api_requests"]


def test_pages_add_up(admin: httpx.Client) -> None:
    pages = [asked(admin, "/user/daily/activity", **DAYS, page=number, page_size=3) for number in (1, 2, 3)]

    assert [(page["metadata"]["total_pages"], page["metadata"]["has_more"]) for page in pages] == [
        (2, True), (2, False), (2, False),
    ]  # fmt: skip
    assert sum(page["metadata"]["total_api_requests"] for page in pages) == 40
    assert pages[2]["results"] == []


@pytest.mark.parametrize(
    "path", [*DAILY, "/global/activity", "/global/activity/model", "/global/activity/exceptions",
             "/global/activity/cache_hits", "/gateway/daily/activity"],
)  # fmt: skip
def test_bad_dates_are_refused_in_the_same_words(admin: httpx.Client, path: str) -> None:
    answer = admin.get(path)
    assert (answer.status_code, answer.json()) == (400, {"detail": {"error": "Please provide start_date and end_date"}})
    for bad in ("tomorrow", "2025-13-01", "2025-03-01' OR 1=1"):
        status, sentence = told(admin.get(path, params={"start_date": bad, "end_date": "2025-03-03"}))
        assert (status, sentence.startswith("Invalid date format: ")) == (400, True)


@pytest.mark.parametrize("path", DAILY)
def test_as_csv(admin: httpx.Client, path: str) -> None:
    found = lines(admin, path, **DAYS)

    assert (found[0][0], found[0][-1]) == ("date", "spend")
    assert len(found) == {"tag": 3, "customer": 3, "end_user": 3}.get(path.split("/")[1], 5)
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in found for cell in row)


def test_counts_as_csv(admin: httpx.Client) -> None:
    assert lines(admin, "/global/activity", **DAYS) == [
        ["date", "api_requests", "total_tokens"], ["2025-03-01", "20", "300"], ["2025-03-03", "20", "300"],
    ]  # fmt: skip
    assert lines(admin, "/global/activity/model", **DAYS)[1:3] == [
        ["gpt-4o", "2025-03-01", "10", "150"], ["gpt-4o", "2025-03-03", "10", "150"],
    ]  # fmt: skip
    assert lines(admin, "/global/activity/exceptions", **DAYS)[1:] == [["2025-03-01", "2"]]
    assert len(lines(admin, "/global/activity/cache_hits", **DAYS)) == 5
    assert lines(admin, "/gateway/daily/activity", **DAYS)[1] == ["2025-03-01", "/chat/completions", "18", "2"]


@pytest.mark.parametrize("query", [{"page": 0}, {"page_size": 1001}, {"model": "x" * 256}, {"format": "pdf"}])
def test_a_question_that_cannot_be_is_refused(admin: httpx.Client, query: dict[str, Any]) -> None:
    assert admin.get("/user/daily/activity", params={**DAYS, **query}).status_code == 422
