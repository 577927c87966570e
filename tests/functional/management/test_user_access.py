"""Who may do what with users over HTTP (api.md 2.4 and 3)."""

from typing import Any

import httpx
import pytest

from tests.functional.management.answers import asked, refusal, told, unique
from tests.functional.management.callers import Callers, made, wait_until_known
from tests.functional.management.test_users import counts, new_user, shown
from tests.gateway import Gateway, chat

ONLY_ADMINS = "Authentication Error, Only proxy admin can be used to generate, delete, update info"


@pytest.mark.parametrize(
    ("caller", "path", "body", "status", "sentence"),
    [
        ("bob", "/user/new", {}, 401, ONLY_ADMINS),
        ("ada", "/user/new", {}, 401, ONLY_ADMINS),
        ("ivy", "/user/new", {}, 401, ONLY_ADMINS),
        ("nobody", "/user/new", {}, 401, "Your role=unknown"),
        ("vic", "/user/new", {}, 403, "user not allowed to access this route, role= proxy_admin_viewer"),
        ("dora", "/user/new", {}, 403, "name it in `organizations`"),
        ("dora", "/user/new", {"organizations": ["south"]}, 404, "Organization not found"),
        ("dora", "/user/new", {"organizations": ["north", "south"]}, 404, "Organization not found"),
        ("dora", "/user/new", {"organizations": ["north"], "teams": ["green"]}, 404, "Team not found"),
        ("dora", "/user/new", {"organizations": ["north"], "user_role": "proxy_admin"}, 403, "Only proxy admins"),
        ("dora", "/user/new", {"organizations": ["north"], "user_role": "proxy_admin_viewer"}, 403, "Only proxy"),
        ("dora", "/user/new", {"organizations": ["north"], "permissions": {"x": 1}}, 403, "Only proxy admins can set"),
        ("bob", "/user/update", {"user_id": "bob", "max_budget": 1e6}, 403, "nothing but their own user_alias"),
        ("bob", "/user/update", {"user_id": "bob", "user_role": "proxy_admin"}, 403, "Only proxy admins can give"),
        ("bob", "/user/update", {"user_id": "bob", "user_role": "internal_user_viewer"}, 400, "your own role"),
        ("bob", "/user/update", {"user_id": "bob", "models": ["gpt-4o"]}, 403, "not models"),
        ("bob", "/user/update", {"user_id": "bob", "metadata": {"a": 1}}, 403, "not metadata"),
        ("bob", "/user/update", {"user_id": "bob", "user_email": "bob@example.com"}, 403, "not user_email"),
        ("bob", "/user/update", {"user_id": "bob", "spend": 0}, 403, "Only proxy admins can set spend"),
        ("bob", "/user/update", {"user_id": "bob", "user_alias": "B", "rpm_limit": 9}, 403, "not rpm_limit"),
        ("bob", "/user/update", {"user_id": "eve", "user_alias": "E"}, 404, "User not found, passed user_id=eve"),
        ("bob", "/user/update", {"user_id": "nope", "user_alias": "E"}, 404, "User not found, passed user_id=nope"),
        ("ada", "/user/update", {"user_id": "bob", "max_budget": 1}, 403, "not allowed to change this user"),
        ("ada", "/user/update", {"user_id": "bob"}, 403, "not allowed to change this user"),
        ("dora", "/user/update", {"user_id": "dora", "max_budget": 1}, 403, "nothing but their own user_alias"),
        ("dora", "/user/update", {"user_id": "eve", "max_budget": 1}, 404, "User not found"),
        ("dora", "/user/update", {"user_id": "default_user_id", "user_alias": "x"}, 403, "not allowed to change"),
        ("ivy", "/user/update", {"user_id": "ivy", "user_alias": "I"}, 401, ONLY_ADMINS),
        ("nobody", "/user/update", {"user_id": "bob", "user_alias": "B"}, 401, ONLY_ADMINS),
        ("red service", "/user/update", {"user_id": "bob", "user_alias": "B"}, 401, ONLY_ADMINS),
        ("vic", "/user/update", {"user_id": "vic", "user_alias": "V"}, 403, "user not allowed to access this route"),
        ("bob", "/user/bulk_update", {"users": [{"user_id": "bob", "max_budget": 1}]}, 401, ONLY_ADMINS),
        ("dora", "/user/bulk_update", {"all_users": True, "user_updates": {"max_budget": 1}}, 401, ONLY_ADMINS),
        ("vic", "/user/bulk_update", {"users": [{"user_id": "bob"}]}, 403, "user not allowed to access this route"),
        ("bob", "/user/delete", {"user_ids": ["bob"]}, 401, ONLY_ADMINS),
        ("dora", "/user/delete", {"user_ids": ["bob"]}, 401, ONLY_ADMINS),
        ("vic", "/user/delete", {"user_ids": ["bob"]}, 403, "user not allowed to access this route"),
    ],
)
def test_what_one_may_not_is_refused_and_nothing_is_stored(
    gateway: Gateway, callers: Callers, caller: str, path: str, body: dict[str, Any], status: int, sentence: str
) -> None:
    before = counts(gateway)
    with gateway.client(callers.keys[caller]) as client:
        found, words = refusal(client, path, **body)

    assert (found, sentence in words) == (status, True), words
    assert counts(gateway) == before


def test_users_may_change_their_alias(gateway: Gateway, callers: Callers, admin: httpx.Client) -> None:
    present = shown(admin, "cyd")
    with gateway.client(callers.keys["cyd"]) as client:
        answer = made(client, "/user/update", user_id="cyd", user_alias="Cyd", max_budget=present["max_budget"])

    assert answer["data"]["user_alias"] == shown(admin, "cyd")["user_alias"] == "Cyd"


@pytest.mark.parametrize("path", ["/user/info", "/v2/user/info"])
@pytest.mark.parametrize(
    ("caller", "user_id", "status"),
    [
        ("bob", "bob", 200),
        ("ivy", "ivy", 200),
        ("ivy", None, 200),
        ("bob", "eve", 404),
        ("bob", "ada", 404),
        ("bob", "default_user_id", 404),
        ("ada", "bob", 200),
        ("ada", "cyd", 404),
        ("dora", "cyd", 200),
        ("dora", "eve", 404),
        ("vic", "eve", 200),
        ("nobody", "bob", 404),
        ("nobody", None, 404),
        ("red service", "bob", 404),
    ],
)
def test_one_sees_whom_one_may(
    gateway: Gateway, callers: Callers, path: str, caller: str, user_id: str | None, status: int
) -> None:
    with gateway.client(callers.keys[caller]) as client:
        answer = client.get(path, params={"user_id": user_id} if user_id else {})

    assert answer.status_code == status, answer.text
    if status == 200:
        shown_id = answer.json()["user_id"]
        assert shown_id == (user_id or caller)


def test_of_a_user_one_sees_the_keys_and_teams_that_one_may(
    gateway: Gateway, callers: Callers, admin: httpx.Client
) -> None:
    made(admin, "/key/generate", user_id="bob", team_id="red", key_alias="bob's in red")
    with gateway.client(callers.keys["ada"]) as client:
        seen = asked(client, "/user/info", user_id="bob")
    with gateway.client(callers.keys["bob"]) as client:
        own = asked(client, "/user/info")

    assert [key["key_alias"] for key in seen["keys"]] == ["bob's in red"]
    assert [team["team_id"] for team in seen["teams"]] == ["red"]
    assert len(own["keys"]) == 2


@pytest.mark.parametrize("caller", ["bob", "ada", "ivy", "nobody", "red service"])
def test_lists_are_for_admins(gateway: Gateway, callers: Callers, caller: str) -> None:
    with gateway.client(callers.keys[caller]) as client:
        answer = client.get("/user/list")

    assert (answer.status_code, answer.json()) == (
        403,
        {"detail": {"error": "Only proxy admins and organization admins can list users."}},
    )


def test_an_organizations_admin_lists_its_people(gateway: Gateway, callers: Callers) -> None:
    with gateway.client(callers.keys["dora"]) as client:
        ids = {user["user_id"] for user in asked(client, "/user/list", page_size=100)["users"]}
        assert asked(client, "/user/list", user_ids="eve")["users"] == []
    with gateway.client(callers.keys["vic"]) as client:
        assert asked(client, "/user/list", user_ids="eve")["total"] == 1

    assert {"ada", "bob", "cyd", "dora", "ivy"} <= ids
    assert not {"eve", "loner", "vic"} & ids


def test_an_organizations_admin_makes_and_changes_users_in_it(
    gateway: Gateway, callers: Callers, admin: httpx.Client
) -> None:
    user_id = unique("u")
    with gateway.client(callers.keys["dora"]) as dora:
        new = made(dora, "/user/new", user_id=user_id, organizations=["north"], teams=["red"], max_budget=3)
        assert (new["organizations"], new["teams"], new["organization_id"]) == (["north"], ["red"], "north")
        assert made(dora, "/user/update", user_id=user_id, max_budget=4)["data"]["max_budget"] == 4.0
        assert made(dora, "/user/update", user_id=user_id, user_role="internal_user_viewer")["data"]["user_role"]
        status, sentence = refusal(dora, "/user/update", user_id=user_id, user_role="proxy_admin")
        assert (status, sentence.startswith("Only proxy admins can give the role proxy_admin")) == (403, True)
        assert refusal(dora, "/user/update", user_id=user_id, spend=0)[0] == 403
    (membership,) = shown(admin, user_id)["organization_memberships"]
    assert (membership["organization_id"], membership["user_role"]) == ("north", "internal_user")
    wait_until_known(gateway, new["key"])
    with gateway.client(new["key"]) as client:
        assert client.post("/v1/chat/completions", json=chat()).status_code == 200


def test_an_administrative_user_is_beyond_an_organizations_admin(
    gateway: Gateway, callers: Callers, admin: httpx.Client
) -> None:
    boss = new_user(admin, user_role="proxy_admin", organizations=["north"])
    with gateway.client(callers.keys["dora"]) as dora:
        assert refusal(dora, "/user/update", user_id=boss, user_alias="x")[0] == 403
        assert refusal(dora, "/user/update", user_id=boss, user_role="internal_user")[0] == 403
    assert (shown(admin, boss)["user_role"], shown(admin, boss)["user_alias"]) == ("proxy_admin", None)


def test_an_admin_cannot_lock_themself_out(gateway: Gateway, admin: httpx.Client) -> None:
    boss = made(admin, "/user/new", user_id=unique("boss"), user_role="proxy_admin")
    wait_until_known(gateway, boss["key"])
    with gateway.client(boss["key"]) as client:
        status, sentence = refusal(client, "/user/update", user_id=boss["user_id"], user_role="internal_user")
        assert (status, "your own role" in sentence) == (400, True)
        assert refusal(client, "/user/delete", user_ids=[boss["user_id"]]) == (400, "You cannot delete yourself.")
        assert refusal(client, "/user/delete", user_ids=["default_user_id"])[0] == 400
        assert made(client, "/user/update", user_id=boss["user_id"], max_budget=1)["data"]["max_budget"] == 1.0

    demoted = made(admin, "/user/update", user_id=boss["user_id"], user_role="internal_user")["data"]
    assert demoted["user_role"] == "internal_user"
    with gateway.client(boss["key"]) as client:
        assert told(client.get("/user/list"))[0] == 403


def test_a_role_is_felt_by_the_users_keys_at_once(gateway: Gateway, admin: httpx.Client) -> None:
    new = made(admin, "/user/new", user_id=unique("u"))
    wait_until_known(gateway, new["key"])
    with gateway.client(new["key"]) as client:
        assert refusal(client, "/user/new")[0] == 401
        made(admin, "/user/update", user_id=new["user_id"], user_role="proxy_admin_viewer")
        assert refusal(client, "/user/new")[0] in (401, 403)
