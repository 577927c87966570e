"""Changing and deleting several users at once over HTTP (api.md 2.4)."""

from typing import Any

import httpx
import pytest

from tests.functional.management.answers import asked, refusal, told, unique
from tests.functional.management.callers import made, wait_until_known
from tests.functional.management.test_users import counts, membership_of, new_user, shown
from tests.gateway import Gateway, chat


def test_several_users_are_changed_each_on_its_own(admin: httpx.Client) -> None:
    one, two = new_user(admin), new_user(admin)
    answer = made(
        admin,
        "/user/bulk_update",
        users=[
            {"user_id": one, "max_budget": 1},
            {"user_id": two, "max_budget": -1},
            {"user_id": "no-such-user"},
            {"max_budget": 1},
            {"user_id": 7},
            {"user_id": two, "user_alias": "Two"},
        ],
    )

    assert (answer["total_requested"], answer["successful_updates"], answer["failed_updates"]) == (6, 2, 4)
    results = answer["results"]
    assert [result["success"] for result in results] == [True, False, False, False, False, True]
    assert results[0]["updated_user"] == shown(admin, one)
    assert results[0]["error"] is None
    assert "must be a non-negative finite number" in results[1]["error"]
    assert results[1]["updated_user"] is None
    assert results[2]["error"] == "User not found, passed user_id=no-such-user"
    assert "Either user id or user email must be provided" in results[3]["error"]
    assert (shown(admin, two)["max_budget"], shown(admin, two)["user_alias"]) == (None, "Two")


def test_all_users_are_changed_alike(admin: httpx.Client) -> None:
    user_id = new_user(admin)
    answer = made(admin, "/user/bulk_update", all_users=True, user_updates={"tpd_limit": 77})

    assert answer["failed_updates"] == 0
    assert answer["total_requested"] == asked(admin, "/user/list")["total"]
    assert shown(admin, user_id)["tpd_limit"] == 77
    made(admin, "/user/bulk_update", all_users=True, user_updates={"tpd_limit": None})


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({}, 422, "must be provided"),
        ({"users": []}, 422, "must be provided"),
        ({"all_users": True}, 422, "must be provided"),
        ({"users": [{"user_id": "a"}], "all_users": True, "user_updates": {"tpd_limit": 1}}, 422, "must be provided"),
        ({"users": [{"user_id": "a"}] * 501}, 422, "at most 500"),
        ({"all_users": True, "user_updates": {"user_email": "a@b.c"}}, 400, "cannot hold ['user_email']"),
    ],
)
def test_a_bulk_update_that_says_not_whom_is_refused(
    admin: httpx.Client, body: dict[str, Any], status: int, sentence: str
) -> None:
    found, words = refusal(admin, "/user/bulk_update", **body)

    assert (found, sentence in words) == (status, True), words


def test_a_deleted_user_takes_keys_memberships_and_own_budgets_along(gateway: Gateway, admin: httpx.Client) -> None:
    team_id = made(admin, "/team/new", team_alias=unique("team"))["team_id"]
    new = made(admin, "/user/new", user_id=unique("u"), teams=[{"team_id": team_id, "max_budget_in_team": 1}])
    user_id, budget_id = new["user_id"], membership_of(admin, team_id, new["user_id"])["budget_id"]
    wait_until_known(gateway, new["key"])
    other = new_user(admin)
    answer = admin.post("/user/delete", json={"user_ids": [user_id, other, user_id]})

    assert (answer.status_code, answer.json()) == (200, 2)
    assert told(admin.get("/user/info", params={"user_id": user_id})) == (404, f"User {user_id} not found")
    assert admin.post("/budget/info", json={"budgets": [budget_id]}).json() == []
    members = [one["user_id"] for one in asked(admin, "/team/info", team_id=team_id)["team_memberships"]]
    assert members == ["default_user_id"]
    with gateway.client(new["key"]) as client:
        assert client.post("/v1/chat/completions", json=chat()).status_code == 401
    (deletion,) = asked(admin, "/audit", object_type="user", object_id=user_id, action="deleted")["audit_logs"]
    together = asked(admin, "/audit", action="deleted", page_size=20)["audit_logs"]
    kinds = {entry["object_type"] for entry in together if entry["change_id"] == deletion["change_id"]}
    assert kinds == {"user", "key", "team_member", "budget"}


@pytest.mark.parametrize(
    ("ids", "status", "sentence"),
    [
        (["no-such-user"], 404, "User not found, passed user_id=no-such-user"),
        (["default_user_id"], 400, "User default_user_id is whom the master key acts for and cannot be deleted."),
        ([], 422, ""),
        (["x" * 256], 422, ""),
        ([None], 422, ""),
        (["a\x00"], 400, "NUL"),
    ],
)
def test_a_deletion_that_cannot_be_is_refused(
    gateway: Gateway, admin: httpx.Client, ids: list[Any], status: int, sentence: str
) -> None:
    before = counts(gateway)
    answer = admin.post("/user/delete", json={"user_ids": ids})

    found, words = told(answer)
    assert (found, sentence in words) == (status, True), words
    assert "detail" in answer.json()
    assert counts(gateway) == before


def test_users_are_deleted_all_or_none(admin: httpx.Client) -> None:
    user_id = new_user(admin)

    assert refusal(admin, "/user/delete", user_ids=[user_id, "no-such-user"])[0] == 404
    assert refusal(admin, "/user/delete", user_ids=[user_id, "default_user_id"])[0] == 400
    assert shown(admin, user_id)["user_id"] == user_id
