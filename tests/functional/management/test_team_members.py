"""The routes of a team's members over HTTP (api.md 2.3)."""

from typing import Any

import httpx
import pytest

from tests.functional.management.callers import Callers, made, wait_until_known
from tests.functional.management.teams_at_hand import budget_exists, error, info, new_team, unique, user_with_key
from tests.functional.test_virtual_keys import status, until
from tests.gateway import Gateway, chat, model


def membership(admin: httpx.Client, team_id: str, user_id: str) -> dict[str, Any]:
    found = [one for one in info(admin, team_id)["team_memberships"] if one["user_id"] == user_id]
    assert len(found) == 1
    one: dict[str, Any] = found[0]
    return one


def member_ids(team: dict[str, Any]) -> set[str]:
    return {member["user_id"] for member in team["members_with_roles"]}


def test_an_unknown_user_is_made_as_a_plain_one_by_id_or_address(admin: httpx.Client) -> None:
    team_id, user, address = new_team(admin)["team_id"], unique("user"), f"{unique('Ann')}@example.com"

    by_id = made(admin, "/team/member_add", team_id=team_id, member={"role": "user", "user_id": user})
    by_address = made(admin, "/team/member_add", team_id=team_id, member=[{"role": "admin", "user_email": address}])

    assert user in member_ids(by_id)
    (new,) = by_address["updated_users"]
    assert (new["user_role"], new["user_email"]) == ("internal_user", address)
    (joined,) = by_address["updated_team_memberships"]
    assert (joined["user_id"], joined["team_id"], joined["budget_source"]) == (new["user_id"], team_id, "none")
    assert (new["user_id"], "admin") in {(one["user_id"], one["role"]) for one in by_address["members_with_roles"]}
    other = new_team(admin)["team_id"]
    again = made(admin, "/team/member_add", team_id=other, member={"user_email": address.upper()})
    assert [one["user_id"] for one in again["updated_users"]] == [new["user_id"]]


def test_members_are_added_all_or_none(gateway: Gateway, admin: httpx.Client) -> None:
    team_id, user, stranger = new_team(admin)["team_id"], unique("user"), unique("stranger")
    made(admin, "/team/member_add", team_id=team_id, member={"user_id": user})

    refused = admin.post(
        "/team/member_add", json={"team_id": team_id, "member": [{"user_id": stranger}, {"user_id": user}]}
    )
    twice = admin.post(
        "/team/member_add", json={"team_id": team_id, "member": [{"user_id": stranger}, {"user_id": stranger}]}
    )

    for answer in (refused, twice):
        assert answer.status_code == 400
        told = answer.json()["error"]
        assert (told["type"], told["param"], told["code"]) == ("team_member_already_in_team", "member", "400")
    assert gateway.rows(f"SELECT id FROM teams_user WHERE id = '{stranger}'") == []
    assert stranger not in member_ids(info(admin, team_id)["team_info"])


def test_a_members_own_budget_begins_as_the_teams_default_and_ends_as_it(admin: httpx.Client) -> None:
    team_id, user = unique(), unique("user")
    new_team(admin, team_id=team_id, team_member_budget=5, team_member_budget_duration="30d", models=["gpt-4o"])
    made(admin, "/team/member_add", team_id=team_id, member={"user_id": user})
    default = membership(admin, team_id, user)
    assert (default["budget_source"], default["litellm_budget_table"]["max_budget"]) == ("team_default", 5.0)

    changed = made(admin, "/team/member_update", team_id=team_id, user_id=user, tpm_limit=3)
    assert (changed["tpm_limit"], changed["max_budget_in_team"], changed["budget_duration"]) == (3, 5.0, "30d")
    own = membership(admin, team_id, user)
    assert (own["budget_source"], own["litellm_budget_table"]["tpm_limit"]) == ("custom", 3)
    assert own["budget_id"] != default["budget_id"]

    changed = made(
        admin, "/team/member_update", team_id=team_id, user_id=user, max_budget_in_team=9, allowed_models=["gpt-4o"],
        temp_budget_increase=1, temp_budget_expiry="2099-01-01T00:00:00Z", role="admin", rpm_limit=4,
    )  # fmt: skip
    assert (changed["max_budget_in_team"], changed["rpm_limit"], changed["role"]) == (9.0, 4, "admin")
    assert (changed["allowed_models"], changed["temp_budget_increase"]) == (["gpt-4o"], 1.0)
    assert membership(admin, team_id, user)["budget_id"] == own["budget_id"]
    untouched = next(one for one in info(admin, team_id)["team_memberships"] if one["user_id"] == "default_user_id")
    assert untouched["litellm_budget_table"]["max_budget"] == 5.0

    cleared = made(
        admin, "/team/member_update", team_id=team_id, user_id=user, max_budget_in_team=None, allowed_models=None,
        temp_budget_increase=None, temp_budget_expiry=None, rpm_limit=None, tpm_limit=None,
    )  # fmt: skip
    assert cleared["max_budget_in_team"] == 5.0
    assert membership(admin, team_id, user)["budget_source"] == "team_default"
    assert not budget_exists(admin, own["budget_id"])


def test_a_role_alone_changes_no_budget(admin: httpx.Client) -> None:
    team_id, address = new_team(admin)["team_id"], f"{unique('ann')}@example.com"
    made(admin, "/team/member_add", team_id=team_id, member={"user_email": address}, max_budget_in_team=2)
    changed = made(admin, "/team/member_update", team_id=team_id, user_email=address.upper(), role="admin")

    assert (changed["role"], changed["max_budget_in_team"], changed["user_email"]) == ("admin", 2.0, address)


def test_who_leaves_takes_keys_and_budget_along(gateway: Gateway, admin: httpx.Client) -> None:
    team_id, user = new_team(admin)["team_id"], unique("user")
    made(admin, "/team/member_add", team_id=team_id, member={"user_id": user}, max_budget_in_team=2)
    in_team = made(admin, "/key/generate", team_id=team_id, user_id=user)["key"]
    own = made(admin, "/key/generate", user_id=user)["key"]
    others = made(admin, "/key/generate", team_id=team_id)["key"]
    until(lambda: status(gateway, in_team) == 200)
    budget_id = membership(admin, team_id, user)["budget_id"]

    left = made(admin, "/team/member_delete", team_id=team_id, user_id=user)

    assert user not in member_ids(left)
    assert until(lambda: status(gateway, in_team) == 401) < 1
    assert [admin.get("/key/info", params={"key": key}).status_code for key in (in_team, own, others)] == [
        404,
        200,
        200,
    ]
    assert not budget_exists(admin, budget_id)
    assert error(admin.post("/team/member_delete", json={"team_id": team_id, "user_id": user})) == (
        400, "E2", "User not found in team",
    )  # fmt: skip


def test_many_are_added_each_on_its_own(admin: httpx.Client) -> None:
    team_id, one, two = new_team(admin)["team_id"], unique("user"), unique("user")
    made(admin, "/team/member_add", team_id=team_id, member={"user_id": one})

    answer = made(
        admin, "/team/bulk_member_add", team_id=team_id, max_budget_in_team=1,
        members=[{"user_id": one}, {"user_id": two, "role": "admin"}, {"role": "user"}, {"user_id": 7}],
    )  # fmt: skip

    assert (answer["total_requested"], answer["successful_additions"], answer["failed_additions"]) == (4, 1, 3)
    assert [result["success"] for result in answer["results"]] == [False, True, False, False]
    assert f"User={one} already in team={team_id}" in answer["results"][0]["error"]
    assert answer["results"][1]["updated_user"]["user_id"] == two
    assert answer["results"][1]["updated_team_membership"]["litellm_budget_table"]["max_budget"] == 1.0
    assert member_ids(answer["updated_team"]) == {one, two, "default_user_id"}


def test_all_users_are_added_at_once(gateway: Gateway, admin: httpx.Client) -> None:
    user = unique("user")
    made(admin, "/user/new", user_id=user, auto_create_key=False)
    team_id = new_team(admin)["team_id"]

    answer = made(admin, "/team/bulk_member_add", team_id=team_id, all_users=True)

    ((everybody,),) = gateway.rows("SELECT COUNT(*) FROM teams_user")
    assert answer["failed_additions"] == 0
    assert answer["successful_additions"] == everybody - 1
    assert user in member_ids(answer["updated_team"])
    assert made(admin, "/team/bulk_member_add", team_id=team_id, all_users=True)["total_requested"] == 0


def test_a_members_spend_is_counted_by_team_and_can_be_reset(gateway: Gateway, admin: httpx.Client) -> None:
    team_id, user = new_team(admin)["team_id"], unique("user")
    made(admin, "/team/member_add", team_id=team_id, member={"user_id": user}, max_budget_in_team=2)
    key = made(admin, "/key/generate", team_id=team_id, user_id=user)["key"]
    until(lambda: status(gateway, key) == 200)
    until(lambda: membership(admin, team_id, user)["spend"] > 0)
    spent = membership(admin, team_id, user)["spend"]
    team_spent = info(admin, team_id)["team_info"]["spend"]
    path = f"/team/{team_id}/member/{user}/reset_spend"

    assert error(admin.post(path, json={"reset_to": spent + 1}))[:2] == (400, "E2")
    assert error(admin.post(path, json={"reset_to": -1}))[:2] == (400, "E2")
    answer = made(admin, path, reset_to=0)

    assert (answer["spend"], answer["previous_spend"], answer["max_budget"]) == (0.0, spent, 2.0)
    found = membership(admin, team_id, user)
    assert (found["spend"], found["total_spend"]) == (0.0, spent)
    assert info(admin, team_id)["team_info"]["spend"] == team_spent
    assert membership(admin, team_id, "default_user_id")["total_spend"] == 0.0


REFUSALS: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("/team/member_add", {"team_id": "nowhere", "member": {"user_id": "a"}}, 404, "E2",
     "Team doesn't exist in db. Team=nowhere. Create team via `/team/new` call."),
    ("/team/member_add", {"team_id": "red"}, 422, "E4", "missing"),
    ("/team/member_add", {"team_id": "red", "member": []}, 422, "E4", "member"),
    ("/team/member_add", {"team_id": "red", "member": {"role": "user"}}, 422, "E4", "user_id or user_email"),
    ("/team/member_add", {"team_id": "red", "member": {"user_id": "a", "role": "king"}}, 422, "E4", "role"),
    ("/team/member_add", {"team_id": "red", "member": {"user_id": "a" * 256}}, 422, "E4", "string_too_long"),
    ("/team/member_add", {"team_id": "red", "member": {"user_email": "no address"}}, 422, "E4", "user_email"),
    ("/team/member_add", {"team_id": "red", "member": {"user_id": "new"}, "max_budget_in_team": -1}, 400, "E2",
     "max_budget must be a non-negative finite number."),
    ("/team/member_add", {"team_id": "red", "member": {"user_id": "new"}, "budget_duration": "x"}, 400, "E2",
     "Invalid budget_duration 'x'."),
    ("/team/bulk_member_add", {"team_id": "red"}, 422, "E4", "members or all_users"),
    ("/team/bulk_member_add", {"team_id": "nowhere", "all_users": True}, 404, "E2", "Team not found"),
    ("/team/member_update", {"team_id": "red", "user_id": "eve"}, 400, "E2", "User not found in team"),
    ("/team/member_update", {"team_id": "red", "user_id": "nobody at all", "max_budget_in_team": 1}, 400, "E2",
     "User not found in team"),
    ("/team/member_update", {"team_id": "nowhere", "user_id": "eve"}, 404, "E2", "Team not found"),
    ("/team/member_update", {"team_id": "red"}, 422, "E4", "user_id or user_email"),
    ("/team/member_delete", {"team_id": "red", "user_id": "eve"}, 400, "E2", "User not found in team"),
    ("/team/member_delete", {"team_id": "red", "user_email": "eve@example.com"}, 400, "E2", "User not found in team"),
    ("/team/member_delete", {"team_id": "nowhere", "user_id": "eve"}, 404, "E2", "Team not found"),
    ("/team/red/member/eve/reset_spend", {}, 400, "E2", "User not found in team"),
    (f"/team/red/member/{'x' * 300}/reset_spend", {}, 400, "E2", "User not found in team"),
    ("/team/nowhere/member/eve/reset_spend", {}, 404, "E2", "Team not found"),
]  # fmt: skip


@pytest.mark.usefixtures("callers")
@pytest.mark.parametrize(("path", "body", "code", "envelope", "sentence"), REFUSALS)
def test_what_cannot_be_done_is_refused_and_nothing_stays(
    gateway: Gateway, admin: httpx.Client, path: str, body: dict[str, Any], code: int, envelope: str, sentence: str
) -> None:
    counts = " UNION ALL ".join(f"SELECT COUNT(*) FROM teams_{name}" for name in ("membership", "budget", "user"))
    before = gateway.rows(counts)

    found = error(admin.post(path, json=body))

    assert found[:2] == (code, envelope), found
    assert sentence in found[2]
    assert gateway.rows(counts) == before


def test_a_member_gets_no_models_that_the_team_lacks(admin: httpx.Client) -> None:
    team_id, user = new_team(admin, models=["gpt-4o"])["team_id"], unique("user")
    body = {"team_id": team_id, "member": {"user_id": user}, "allowed_models": ["gpt-4o-mini"]}

    assert error(admin.post("/team/member_add", json=body))[:2] == (400, "E2")
    made(admin, "/team/member_add", **{**body, "allowed_models": ["gpt-4o"]})
    widened = {"team_id": team_id, "user_id": user, "allowed_models": ["gpt-4o", "gpt-4o-mini"]}
    assert error(admin.post("/team/member_update", json=widened))[:2] == (400, "E2")


def test_a_members_list_of_models_binds_within_a_second(gateway: Gateway, admin: httpx.Client) -> None:
    team_id, user = new_team(admin)["team_id"], unique("user")
    made(admin, "/team/member_add", team_id=team_id, member={"user_id": user})
    key = made(admin, "/key/generate", team_id=team_id, user_id=user)["key"]
    until(lambda: status(gateway, key, "gpt-4o") == 200)

    made(admin, "/team/member_update", team_id=team_id, user_id=user, allowed_models=["gpt-4o-mini"])

    assert until(lambda: status(gateway, key, "gpt-4o") == 403) < 1
    assert status(gateway, key, "gpt-4o-mini") == 200


ACCESS: list[tuple[str, dict[str, Any], dict[str, int]]] = [
    ("/team/member_add", {"team_id": "red", "member": {"user_id": "bob"}},
     {"ada": 400, "dora": 400, "vic": 403, "bob": 403, "ivy": 403, "eve": 404, "nobody": 401, "red service": 403}),
    ("/team/bulk_member_add", {"team_id": "red", "members": [{"user_id": "bob"}]},
     {"ada": 200, "dora": 200, "vic": 403, "bob": 403, "eve": 404}),
    ("/team/bulk_member_add", {"team_id": "red", "all_users": True}, {"ada": 403, "dora": 403}),
    ("/team/member_update", {"team_id": "red", "user_id": "bob", "role": "user"},
     {"ada": 200, "dora": 200, "vic": 403, "bob": 403, "ivy": 403, "eve": 404, "nobody": 401}),
    ("/team/member_delete", {"team_id": "red", "user_id": "nobody here"},
     {"ada": 400, "dora": 400, "vic": 403, "bob": 403, "eve": 404}),
    ("/team/red/member/bob/reset_spend", {}, {"ada": 200, "dora": 200, "vic": 403, "bob": 403, "eve": 404}),
    ("/team/member_add", {"team_id": "green", "member": {"user_id": "bob"}}, {"ada": 404, "dora": 404, "eve": 403}),
]  # fmt: skip


def test_who_may_do_what_to_members(gateway: Gateway, callers: Callers) -> None:
    for path, body, expected in ACCESS:
        for name, code in expected.items():
            with gateway.client(callers.keys[name]) as client:
                answer = client.post(path, json=body)
            assert answer.status_code == code, (path, name, answer.text)


def test_a_teams_admin_runs_the_team_with_a_key_of_their_own(gateway: Gateway, admin: httpx.Client) -> None:
    """From the admin's first call to the block that ends it."""
    owner, owner_key = user_with_key(gateway, admin)
    _, stranger_key = user_with_key(gateway, admin)
    team_id = new_team(admin, members_with_roles=[{"role": "admin", "user_id": owner}])["team_id"]
    hired = unique("user")

    with gateway.client(owner_key) as client, gateway.client(stranger_key) as stranger:
        added = made(client, "/team/member_add", team_id=team_id, member={"user_id": hired}, max_budget_in_team=5)
        assert added["updated_users"][0]["user_role"] == "internal_user"
        made(client, "/team/member_update", team_id=team_id, user_id=hired, role="admin", max_budget_in_team=6)
        assert membership(client, team_id, hired)["litellm_budget_table"]["max_budget"] == 6.0
        key = made(client, "/key/generate", team_id=team_id, user_id=owner)["key"]
        wait_until_known(gateway, key)
        assert client.post("/team/block", json={"team_id": team_id}).status_code == 401

        for path, body in (
            ("/team/member_add", {"team_id": team_id, "member": {"user_id": unique("user")}}),
            ("/team/member_update", {"team_id": team_id, "user_id": hired, "role": "user"}),
            ("/team/member_delete", {"team_id": team_id, "user_id": hired}),
            ("/team/update", {"team_id": team_id, "team_alias": "Mine"}),
        ):
            assert stranger.post(path, json=body).status_code == 404, path
        assert stranger.get("/team/info", params={"team_id": team_id}).status_code == 404

        made(client, "/team/member_delete", team_id=team_id, user_id=hired)
        assert member_ids(info(client, team_id)["team_info"]) == {owner, "default_user_id"}

    with gateway.client(key) as team_key:
        assert team_key.post("/v1/chat/completions", json=chat()).status_code == 200
        made(admin, "/team/block", team_id=team_id)
        assert until(lambda: status(gateway, key) == 401) < 1
        assert f"Team={team_id} is blocked" in team_key.post("/v1/chat/completions", json=chat()).text


def test_settings_open_teams_to_all_and_give_new_ones_defaults(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: Any
) -> None:
    config = {
        "model_list": [model("gpt-4o", shared_upstream.url)],
        "general_settings": {"disable_auto_add_proxy_admin_to_teams": True},
        "litellm_settings": {
            "default_internal_user_params": {
                "available_teams": ["open", "gone"],
                "max_budget": 4,
                "user_role": "proxy_admin",
            },
            "internal_user_budget_duration": "1d",
            "default_team_params": {"max_budget": 7, "budget_duration": "30d", "models": ["gpt-4o"]},
        },
    }
    with Gateway(tmp_path_factory.mktemp("settings"), config) as gateway, gateway.client() as admin:
        team = made(admin, "/team/new", team_id="open", team_alias="Open")
        assert (team["max_budget"], team["budget_duration"], team["models"]) == (7.0, "30d", ["gpt-4o"])
        assert team["members_with_roles"] == []
        assert made(admin, "/team/new", team_id="closed", max_budget=3)["max_budget"] == 3.0
        hired = made(admin, "/team/member_add", team_id="closed", member={"user_id": "hired"})["updated_users"][0]
        assert (hired["user_role"], hired["max_budget"]) == ("internal_user", 4.0)
        user, key = user_with_key(gateway, admin, user_role="internal_user")
        with gateway.client(key) as client:
            assert [one["team_id"] for one in client.get("/team/available").json()] == ["open"]
            for body, code in (
                ({"team_id": "open", "member": {"user_id": user, "role": "admin"}}, 404),
                ({"team_id": "open", "member": {"user_id": user}, "max_budget_in_team": 9}, 404),
                ({"team_id": "open", "member": {"user_id": "somebody"}}, 404),
                ({"team_id": "closed", "member": {"user_id": user}}, 404),
                ({"team_id": "open", "member": {"user_id": user, "role": "user"}}, 200),
                ({"team_id": "open", "member": {"user_id": user, "role": "user"}}, 400),
            ):
                assert client.post("/team/member_add", json=body).status_code == code, body
            assert client.get("/team/available").json() == []


def test_no_team_is_open_unless_the_settings_say_so(gateway: Gateway, callers: Callers) -> None:
    with gateway.client(callers.keys["loner"]) as client:
        assert client.get("/team/available").json() == []
