"""The audit routes over HTTP: every change through the API is there, with who made it and what it was before."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.functional.management.answers import asked, told, unique
from tests.functional.management.callers import Callers, made, wait_until_known
from tests.gateway import MASTER_KEY, Gateway

ENTRY_FIELDS = {
    "id", "updated_at", "changed_by", "changed_by_api_key", "action", "table_name", "object_id", "before_value",
    "updated_values", "object_type", "object_label", "source", "actor_role", "address", "acting_for", "change_id",
}  # fmt: skip


def entries(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = asked(client, "/audit", **query)["audit_logs"]
    return found


def test_a_change_is_told_with_who_and_what(gateway: Gateway, admin: httpx.Client) -> None:
    budget_id = made(admin, "/budget/new", budget_id=unique("b"), max_budget=1)["budget_id"]
    with gateway.client(headers={"litellm-changed-by": "somebody-else"}) as client:
        made(client, "/budget/update", budget_id=budget_id, max_budget=2)
    updated, created = entries(admin, object_id=budget_id)

    assert updated.keys() == ENTRY_FIELDS
    assert (updated["action"], created["action"]) == ("updated", "created")
    assert (updated["table_name"], updated["object_type"]) == ("LiteLLM_BudgetTable", "budget")
    assert (updated["before_value"], updated["updated_values"]) == ({"max_budget": 1.0}, {"max_budget": 2.0})
    assert (created["before_value"], created["updated_values"]["max_budget"]) == (None, 1.0)
    assert (updated["changed_by"], updated["acting_for"]) == ("default_user_id", "somebody-else")
    assert (updated["changed_by_api_key"], created["acting_for"]) == ("litellm_proxy_master_key", None)
    assert (updated["source"], updated["actor_role"], updated["address"]) == ("api", "proxy_admin", "127.0.0.1")
    assert updated["change_id"] != created["change_id"]
    assert asked(admin, f"/audit/{updated['id']}") == updated


def test_no_entry_holds_a_secret(admin: httpx.Client) -> None:
    new = made(admin, "/user/new", user_id=unique("u"), metadata={"api_key": "sk-of-somebody"})
    model = made(
        admin, "/model/new", model_name=unique("m"), litellm_params={"model": "openai/x", "api_key": "sk-upstream-1"}
    )
    told_of = str(entries(admin, page_size=100))

    assert model["model_id"] in told_of
    assert not any(secret in told_of for secret in (new["key"], "sk-of-somebody", "sk-upstream-1", MASTER_KEY))


def test_entries_are_filtered(gateway: Gateway, admin: httpx.Client) -> None:
    boss = made(admin, "/user/new", user_id=unique("boss"), user_role="proxy_admin")
    wait_until_known(gateway, boss["key"])
    tag, customer = unique("tag"), unique("c")
    with gateway.client(boss["key"], headers={"litellm-changed-by": "acted-for"}) as client:
        made(client, "/tag/new", name=tag)
        made(client, "/customer/new", user_id=customer)
        made(client, "/customer/delete", user_ids=[customer])
    who = boss["user_id"]

    def found(**query: Any) -> list[tuple[str, str]]:
        return [(entry["action"], entry["object_id"]) for entry in entries(admin, **query)]

    mine = [("deleted", customer), ("created", customer), ("created", tag)]
    assert found(actor_id=who) == found(changed_by=who) == mine
    assert found(changed_by="acted-for", object_id=tag) == mine[2:]
    assert found(actor_id="acted-for") == []
    assert found(actor_id=who, action="deleted") == mine[:1]
    assert found(actor_id=who, object_type="tag") == found(actor_id=who, table_name="LiteLLM_TagTable") == mine[2:]
    assert found(actor_id=who, object_type="tag", table_name="LiteLLM_TeamTable") == []
    assert found(actor_id=who, table_name="no-such-table") == []
    assert found(actor_id=who, object_id=customer) == mine[:2]
    assert found(actor_id=who, source="api") == mine
    assert found(actor_id=who, source="config") == []
    assert found(actor_id=who, page=2, page_size=2) == mine[2:]
    page = asked(admin, "/audit", actor_id=who, page=2, page_size=2)
    assert (page["total"], page["page"], page["page_size"], page["total_pages"]) == (3, 2, 2, 2)
    (entry,) = entries(admin, object_type="tag", object_id=tag)
    key_hash = asked(admin, "/user/info", user_id=who)["keys"][0]["token"]
    assert entry["changed_by_api_key"] == key_hash


def test_entries_are_found_by_time(admin: httpx.Client) -> None:
    name = made(admin, "/tag/new", name=unique("tag"))["tag"]["name"]
    (entry,) = entries(admin, object_id=name)
    at = datetime.fromisoformat(entry["updated_at"])
    today, tomorrow, yesterday = ((at + timedelta(days=days)).astimezone(UTC).date().isoformat() for days in (0, 1, -1))

    for query, there in (
        ({"start_date": today}, True),
        ({"end_date": today}, True),
        ({"start_date": today, "end_date": today}, True),
        ({"start_date": tomorrow}, False),
        ({"end_date": yesterday}, False),
        ({"start_date": at.isoformat(), "end_date": at.isoformat()}, True),
        ({"start_date": (at + timedelta(microseconds=1)).isoformat()}, False),
        ({"end_date": (at - timedelta(microseconds=1)).replace(tzinfo=None).isoformat()}, False),
        ({"start_date": at.replace(tzinfo=None).isoformat(sep=" ")}, True),
    ):
        assert bool(entries(admin, object_id=name, **query)) is there, query


@pytest.mark.parametrize(
    "query",
    [
        {"start_date": "yesterday"},
        {"end_date": "2026-02-30"},
        {"end_date": "9999-12-31T23:59:59-23:00"},
        {"start_date": "0001-01-01T00:00:00+23:00"},
        {"start_date": "2026"},
        {"page": 0},
        {"page_size": 101},
        {"object_id": "x" * 256},
    ],
)
def test_a_question_that_cannot_be_is_refused(admin: httpx.Client, query: dict[str, Any]) -> None:
    assert told(admin.get("/audit", params=query))[0] == 422


@pytest.mark.parametrize("entry_id", ["0", "9" * 18, "9" * 30, "nope", "-1", "1e3", "%F0%9F%92%A9"])
def test_there_is_no_such_entry(admin: httpx.Client, entry_id: str) -> None:
    status, sentence = told(admin.get(f"/audit/{entry_id}"))

    assert (status, sentence.startswith("Audit log with ID ")) == (404, True)


@pytest.mark.parametrize(
    ("caller", "status"), [("admin", 200), ("vic", 200), ("bob", 401), ("dora", 401), ("nobody", 401), ("ivy", 401)]
)
def test_the_trail_is_for_admins_and_viewers(
    gateway: Gateway, callers: Callers, admin: httpx.Client, caller: str, status: int
) -> None:
    (newest,) = entries(admin, page_size=1)
    with gateway.client(callers.keys[caller]) as client:
        assert client.get("/audit").status_code == status
        assert client.get(f"/audit/{newest['id']}").status_code == status


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nobody_changes_the_trail(admin: httpx.Client, method: str) -> None:
    assert admin.request(method, "/audit").status_code == 405
    assert admin.request(method, "/audit/1").status_code == 405
