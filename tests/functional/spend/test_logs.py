"""The spend logs: LiteLLM's rows of the ledger, sums by day, filters, pages and files."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from teams.keys import hash_key
from tests.fakes.upstream import FakeUpstream
from tests.functional.management.answers import asked, told
from tests.functional.management.callers import Callers
from tests.functional.spend.books import DAYS, EVIL, GONE, lines
from tests.gateway import Gateway, chat, model

ROW = {
    "request_id", "call_type", "api_key", "spend", "total_tokens", "prompt_tokens", "completion_tokens", "startTime",
    "endTime", "completionStartTime", "request_duration_ms", "model", "model_id", "model_group",
    "custom_llm_provider", "api_base", "user", "metadata", "cache_hit", "cache_key", "request_tags", "team_id",
    "organization_id", "end_user", "requester_ip_address", "session_id", "status", "litellm_call_id", "messages",
    "response", "proxy_server_request", "created_at", "updated_at",
}  # fmt: skip
MONDAY = {"start_date": "2025-05-05", "end_date": "2025-05-05"}
BOTH = {"start_date": "2025-05-05", "end_date": "2025-05-06"}


def calls(client: httpx.Client, path: str = "/spend/logs/v2", **query: Any) -> list[str]:
    return [row["litellm_call_id"] for row in asked(client, path, **query)["data"]]


def test_a_row(admin: httpx.Client, callers: Callers) -> None:
    (row,) = asked(admin, "/spend/logs/v2", **MONDAY, request_id="chatcmpl-1")["data"]
    metadata = row.pop("metadata")

    assert row.keys() == ROW - {"metadata"}
    assert (row["request_id"], row["litellm_call_id"]) == ("chatcmpl-1", "first")
    assert (row["api_key"], row["user"], row["team_id"], row["end_user"]) == (
        hash_key(callers.keys["bob"]), "bob", "red", "acme",
    )  # fmt: skip
    assert (row["spend"], row["total_tokens"], row["prompt_tokens"], row["completion_tokens"]) == (0.001, 120, 100, 20)
    assert (row["startTime"], row["endTime"]) == ("2025-05-05T20:59:59.999999Z", "2025-05-05T21:00:01.499999Z")
    assert row["request_duration_ms"] == 1500
    assert (row["model"], row["model_group"], row["custom_llm_provider"]) == (
        "openai/gpt-4o-2024-08-06", "gpt-4o", "openai",
    )  # fmt: skip
    assert (row["request_tags"], row["status"], row["cache_hit"]) == (["jobs", EVIL], "success", "False")
    assert row["messages"] == row["response"] == row["proxy_server_request"] == {}
    assert (metadata["user_api_key_alias"], metadata["user_api_key_team_alias"]) == ("bob's", "red")
    assert metadata["usage_object"]["prompt_tokens"] == 100
    assert metadata["cost_breakdown"]["total_cost"] == metadata["cost_breakdown"]["original_cost"] == 0.001
    assert metadata["error_information"] is None


def test_a_failure(admin: httpx.Client) -> None:
    (row,) = asked(admin, "/spend/logs/v2", **MONDAY, status_filter="failure")["data"]

    # Without an answer there is no answer's id.
    assert (row["request_id"], row["status"], row["spend"]) == ("second", "failure", 0.0)
    assert row["metadata"]["error_information"]["error_code"] == "429"
    assert row["metadata"]["error_information"]["error_class"] == "RateLimitError"


def test_a_last_day_is_the_whole_of_it(admin: httpx.Client) -> None:
    assert calls(admin, **MONDAY) == ["third", "second", "first"]
    assert calls(admin, **BOTH) == ["fourth", "third", "second", "first"]
    assert calls(admin, start_date="2025-05-06", end_date="2025-05-06") == ["fourth"]
    assert calls(admin, start_date="2025-05-05 21:00:00", end_date="2025-05-05 23:59:59") == ["third", "second"]
    assert calls(admin, start_date="2025-05-05 21:00:00", end_date="2025-05-05 23:59:58") == ["second"]
    rows = asked(admin, "/spend/logs", **MONDAY, summarize="false")
    assert [row["litellm_call_id"] for row in rows] == ["third", "second", "first"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"user_id": "eve"}, ["third"]),
        ({"team_id": "red"}, ["second", "first"]),
        ({"api_key": "{bob}"}, ["second", "first"]),
        ({"key_alias": "bob's"}, ["second", "first"]),
        ({"end_user": "acme"}, ["first"]),
        ({"model_group": "claude"}, ["third"]),
        ({"model": "claude-sonnet-4"}, ["third"]),
        ({"model": "anthropic/claude-sonnet-4"}, ["third"]),
        ({"model": "openai/claude-sonnet-4"}, []),
        ({"model_id": "deployment-1"}, ["third", "second", "first"]),
        ({"min_spend": 0.001}, ["third", "first"]),
        ({"max_spend": 0.001}, ["second", "first"]),
        ({"min_spend": 0.0010001, "max_spend": 0.0030001}, ["third"]),
        ({"error_code": "429"}, ["second"]),
        ({"error_code": "500"}, []),
        ({"error_code": "x"}, []),
        ({"error_message": "ratelimit"}, ["second"]),
        ({"cache_hit_filter": "hit"}, []),
        ({"cache_hit_filter": "miss"}, ["third", "second", "first"]),
        ({"request_id": "second"}, ["second"]),
        ({"request_id": "msg-3"}, ["third"]),
        ({"request_id": "msg-3", "user_id": "bob"}, []),
        ({"session_id": "no-uuid"}, []),
        ({"sort_by": "spend"}, ["third", "first", "second"]),
        ({"sort_by": "spend", "sort_order": "asc"}, ["second", "first", "third"]),
        ({"sort_by": "total_tokens"}, ["first", "third", "second"]),
        ({"sort_by": "endTime", "sort_order": "asc"}, ["first", "second", "third"]),
        ({"sort_by": "request_duration_ms"}, ["third", "second", "first"]),
        ({"sort_by": "model"}, ["second", "first", "third"]),
        ({"api_key": "litellm-internal-health-check"}, ["probe"]),
    ],
)
def test_rows_are_filtered_and_sorted(
    admin: httpx.Client, callers: Callers, query: dict[str, Any], found: list[str]
) -> None:
    asking = {name: callers.keys["bob"] if value == "{bob}" else value for name, value in query.items()}

    assert calls(admin, **MONDAY, **asking) == found
    assert calls(admin, "/spend/logs/ui", **MONDAY, **asking) == found


def test_pages(admin: httpx.Client) -> None:
    page = asked(admin, "/spend/logs/v2", **BOTH, page=2, page_size=3)

    assert [row["litellm_call_id"] for row in page.pop("data")] == ["first"]
    assert page == {"total": 4, "page": 2, "page_size": 3, "total_pages": 2, "total_is_capped": False}
    assert asked(admin, "/spend/logs/v2", **BOTH, page=3, page_size=3)["data"] == []
    assert asked(admin, "/spend/logs/v2", start_date="1999-01-01", end_date="1999-01-01") == {
        "data": [], "total": 0, "page": 1, "page_size": 50, "total_pages": 0, "total_is_capped": False,
    }  # fmt: skip


def test_without_dates_rows_come_newest_first(admin: httpx.Client, callers: Callers) -> None:
    def found(**query: Any) -> list[str]:
        return [row["litellm_call_id"] for row in asked(admin, "/spend/logs", **query)]

    assert found(user_id="bob") == ["fourth", "second", "first"]
    assert found(api_key=callers.keys["eve"]) == ["third"]
    assert found(request_id="chatcmpl-4") == found(request_id="fourth") == ["fourth"]
    assert found(request_id="no-such") == found(user_id="nobody-such") == found(api_key=GONE) == []


def test_with_dates_there_is_a_sum_for_each_day(admin: httpx.Client, callers: Callers) -> None:
    bob, ada = (hash_key(callers.keys[name]) for name in ("bob", "ada"))
    saturday, monday, tuesday, wednesday = asked(admin, "/spend/logs", start_date="2025-03-01", end_date="2025-03-05")

    assert saturday == {
        "startTime": "2025-03-01",
        "spend": 1.500000001,
        bob: 1.000000001,
        ada: 0.5,
        "users": {"bob": 1.000000001, "ada": 0.5},
        "models": {"openai/gpt-4o-2024-08-06": 1.000000001, "openai/gpt-4o-mini": 0.5},
    }
    assert (monday["startTime"], monday["users"]) == ("2025-03-03", {"eve": 2.0, "": 0.25})
    # Days at the end without anything are there, as LiteLLM has them.
    assert tuesday == {"startTime": "2025-03-04", "spend": 0.0, "users": {}, "models": {}}
    assert wednesday["startTime"] == "2025-03-05"
    of_bob = asked(admin, "/spend/logs", **DAYS, user_id="bob")
    assert [(day["startTime"], day["spend"]) for day in of_bob] == [
        ("2025-03-01", 1.000000001), ("2025-03-02", 0.0), ("2025-03-03", 0.0),
    ]  # fmt: skip
    assert asked(admin, "/spend/logs", **DAYS, api_key=callers.keys["bob"]) == of_bob
    assert asked(admin, "/spend/logs", start_date="1999-01-01", end_date="1999-12-31") == []
    far = asked(admin, "/spend/logs", start_date="2025-03-01", end_date="9999-12-31", user_id="ada")
    assert len(far) == 367


@pytest.mark.parametrize("path", ["/spend/logs/v2", "/spend/logs/ui"])
def test_pages_want_dates(admin: httpx.Client, path: str) -> None:
    for query in ({}, {"start_date": "2025-03-03"}, {"end_date": "2025-03-03"}):
        error = admin.get(path, params=query).json()["error"]
        assert error == {
            "message": "Start date and end date are required", "type": "bad_request", "param": None, "code": "400",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"start_date": "x"}, 400),
        ({"start_date": "2025-05-06"}, 400),
        ({"min_spend": "1e300"}, 400),
        ({"min_spend": "nan"}, 422),
        ({"page": 0}, 422),
        ({"page": "1e9"}, 422),
        ({"page_size": 1001}, 422),
        ({"sort_by": "password"}, 422),
        ({"sort_order": "sideways"}, 422),
        ({"status_filter": "unknown"}, 422),
        ({"model": "x" * 256}, 422),
        ({"model": "a\x00b"}, 400),
    ],
)
def test_a_question_that_cannot_be_is_refused(admin: httpx.Client, query: dict[str, Any], status: int) -> None:
    assert told(admin.get("/spend/logs/v2", params={**MONDAY, **query}))[0] == status


@pytest.mark.parametrize("text", ["a'b\"c`", "x'; DROP TABLE budgets_ledgerentry; --", "100%_%s", "%", "{}"])
def test_hostile_texts_find_nothing(admin: httpx.Client, text: str) -> None:
    for field in (
        "user_id",
        "request_id",
        "model",
        "key_alias",
        "error_code",
        "error_message",
        "session_id",
        "api_key",
    ):
        assert calls(admin, **MONDAY, **{field: text}) == []
    assert told(admin.get(f"/spend/logs/ui/{text}".replace("%", "%25")))[0] == 404


def test_prompts_and_answers_are_never_stored(admin: httpx.Client) -> None:
    for name in ("first", "chatcmpl-1"):
        assert asked(admin, f"/spend/logs/ui/{name}") == {"messages": {}, "response": {}, "proxy_server_request": {}}
    assert told(admin.get("/spend/logs/ui/no-such")) == (404, "Request no-such not found")


def test_who_is_no_admin_sees_the_own_calls_whatever_they_ask(gateway: Gateway, callers: Callers) -> None:
    with gateway.client(callers.keys["eve"]) as eve:
        assert calls(eve, **BOTH) == calls(eve, **BOTH, user_id="bob") == ["third"]
        assert calls(eve, **BOTH, api_key=callers.keys["bob"]) == calls(eve, **BOTH, request_id="first") == []
        (day,) = asked(eve, "/spend/logs", **DAYS, user_id="bob")
        assert day["users"] == {"eve": 2.0}
        assert told(eve.get("/spend/logs/ui/first"))[0] == 404
        assert [row[2] for row in lines(eve, "/spend/logs", user_id="bob")[1:]] == ["msg-3"]
        (row,) = asked(eve, "/spend/logs")
        assert row["api_base"] == ""


def test_as_csv(admin: httpx.Client, callers: Callers) -> None:
    found = lines(admin, "/spend/logs/v2", **MONDAY)

    assert [row[3] for row in found] == ["litellm_call_id", "third", "second", "first"]
    first = dict(zip(found[0], found[3], strict=True))
    assert (first["request_id"], first["spend"], first["request_tags"]) == ("chatcmpl-1", "0.001", f"jobs,{EVIL}")
    assert (first["startTime"], first["user"]) == ("2025-05-05T20:59:59.999999+00:00", "bob")
    assert lines(admin, "/spend/logs", user_id="bob")[1][3] == "fourth"
    assert len(lines(admin, "/spend/logs", start_date="1999-01-01", end_date="1999-01-01")) == 1


def test_a_real_call_is_in_the_log(tmp_path: Path, shared_upstream: FakeUpstream) -> None:
    """Of a gateway of its own: what it costs is in the others' books for nobody."""
    priced = {"input_cost_per_token": 0.000002, "output_cost_per_token": 0.00001}
    with (
        Gateway(tmp_path, {"model_list": [model("gpt-4o", shared_upstream.url, **priced)]}) as own,
        own.client() as admin,
    ):
        answer = admin.post("/v1/chat/completions", json=chat("gpt-4o", user="=cmd|' /C calc'!A0"))
        today = datetime.now(UTC).date().isoformat()
        call_id = answer.headers["x-litellm-call-id"]

        (row,) = asked(admin, "/spend/logs/v2", start_date="2025-03-05", end_date=today, request_id=call_id)["data"]
        assert row["api_key"] == "litellm_proxy_master_key"
        assert row["api_base"].startswith("http://127.0.0.1:")
        assert row["spend"] == float(answer.headers["x-litellm-response-cost"])
        assert asked(admin, "/spend/logs", request_id=answer.json()["id"])[0]["litellm_call_id"] == call_id
        found = lines(admin, "/spend/logs", start_date="2025-03-05", end_date=today)
        (line,) = [row for row in found if row[3] == call_id]
        assert dict(zip(found[0], line, strict=True))["end_user"].startswith("'=cmd")
