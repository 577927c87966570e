"""Who may do what to teams, and what nobody can grant who does not have it (api.md 2.3, 3)."""

from typing import Any

import httpx
import pytest

from tests.functional.management.callers import Callers, made
from tests.functional.management.teams_at_hand import error, info, new_team, unique, user_with_key
from tests.gateway import Gateway

# What each caller gets for the team red of organization north; ada administers it, dora its organization.
ACCESS: list[tuple[str, dict[str, Any], dict[str, int]]] = [
    ("/team/new", {}, {"vic": 403, "ada": 401, "bob": 401, "dora": 403, "ivy": 401, "nobody": 401}),
    ("/team/new", {"organization_id": "south"}, {"dora": 400}),
    ("/team/update", {"team_id": "red"},
     {"ada": 200, "dora": 200, "vic": 403, "bob": 403, "ivy": 403, "eve": 404, "loner": 404, "nobody": 401,
      "red service": 403}),
    ("/team/delete", {"team_ids": ["red"]}, {"vic": 403, "ada": 401, "bob": 401, "eve": 401, "nobody": 401}),
    ("/team/delete", {"team_ids": ["green"]}, {"dora": 404}),
    ("/team/block", {"team_id": "green"}, {"dora": 404, "vic": 403, "eve": 401}),
    ("/team/unblock", {"team_id": "red"}, {"dora": 200, "ada": 401, "bob": 401, "nobody": 401}),
    ("/team/permissions_update", {"team_id": "red", "team_member_permissions": ["/key/info", "/key/health"]},
     {"ada": 200, "dora": 200, "vic": 403, "bob": 403, "eve": 404, "nobody": 401}),
    ("/team/model/add", {"team_id": "blue", "models": []}, {"dora": 200, "ada": 404, "cyd": 403, "vic": 403}),
]  # fmt: skip


def test_who_may_do_what_to_which_team(gateway: Gateway, callers: Callers) -> None:
    for path, body, expected in ACCESS:
        for name, code in expected.items():
            with gateway.client(callers.keys[name]) as client:
                answer = client.post(path, json=body)
            assert answer.status_code == code, (path, name, answer.text)
            if code == 403 and path != "/team/new" and name != "vic":
                assert error(answer)[2] == "You do not have access to this team"


def test_permissions_are_shown_to_admins_and_viewers_only(gateway: Gateway, callers: Callers) -> None:
    for name, code in {"admin": 200, "vic": 200, "ada": 200, "dora": 200, "bob": 403, "eve": 404}.items():
        with gateway.client(callers.keys[name]) as client:
            answer = client.get("/team/permissions_list", params={"team_id": "red"})
        assert answer.status_code == code, (name, answer.text)


TEAM = {"models": ["gpt-4o", "gpt-4o-mini"], "tpm_limit": 100, "max_budget": 10, "metadata": {"a": 1}}
GRANTS: list[tuple[dict[str, Any], int]] = [
    ({"team_alias": "Ours", "metadata": {"b": 1}, "tags": ["x"]}, 200),
    ({"models": ["gpt-4o"]}, 200),
    ({"default_team_member_models": ["gpt-4o"], "model_aliases": {"fast": "gpt-4o"}}, 200),
    ({"tpm_limit": 50, "rpm_limit": 5}, 200),
    ({"team_member_permissions": ["/key/generate"]}, 200),
    ({"team_member_budget": 2}, 200),
    ({"max_budget": 10, "tpm_limit": 100, "blocked": False, "organization_id": None}, 200),
    ({"models": ["gpt-4o", "o1"]}, 403),
    ({"models": []}, 403),
    ({"models": None}, 403),
    ({"models": ["*"]}, 403),
    ({"tpm_limit": 101}, 403),
    ({"tpm_limit": None}, 403),
    ({"max_budget": 11}, 403),
    ({"max_budget": 1}, 403),
    ({"max_budget": None}, 403),
    ({"soft_budget": 1}, 403),
    ({"budget_duration": "1d"}, 403),
    ({"model_max_budget": {"gpt-4o": 1}}, 403),
    ({"temp_budget_increase": 100, "temp_budget_expiry": "2099-01-01T00:00:00Z"}, 403),
    ({"blocked": True}, 403),
    ({"organization_id": "north"}, 400),
    ({"model_rpm_limit": {"gpt-4o": 10**6}}, 403),
    ({"metadata": {"model_tpm_limit": {"gpt-4o": 10**6}}}, 403),
    ({"metadata": {"enforced_params": []}}, 403),
    ({"default_team_member_models": ["o1"]}, 400),
]


@pytest.mark.usefixtures("callers")
def test_a_teams_own_admin_changes_what_grants_nothing_more(gateway: Gateway, admin: httpx.Client) -> None:
    user, key = user_with_key(gateway, admin)
    with gateway.client(key) as owner:
        for change, code in GRANTS:
            team_id = new_team(admin, **TEAM, members_with_roles=[{"role": "admin", "user_id": user}])["team_id"]
            before = info(admin, team_id)["team_info"]
            answer = owner.post("/team/update", json={"team_id": team_id, **change})
            assert answer.status_code == code, (change, answer.text)
            if code != 200:
                assert info(admin, team_id)["team_info"] == before, change
        more = owner.post("/team/model/add", json={"team_id": team_id, "models": ["o1"]})
        fewer = owner.post("/team/model/delete", json={"team_id": team_id, "models": ["gpt-4o"]})
    assert error(more)[:2] == (403, "E2")
    assert fewer.json()["models"] == ["gpt-4o-mini"]


def test_an_organizations_admin_has_teams_within_it(gateway: Gateway, admin: httpx.Client) -> None:
    ours, theirs = unique("org"), unique("org")
    made(admin, "/organization/new", organization_id=ours, organization_alias="Ours", max_budget=100, tpm_limit=1000,
         models=["gpt-4o"])  # fmt: skip
    made(admin, "/organization/new", organization_id=theirs, organization_alias="Theirs")
    user, key = user_with_key(gateway, admin)
    made(admin, "/organization/member_add", organization_id=ours, member={"user_id": user, "role": "org_admin"})
    made(admin, "/organization/member_add", organization_id=theirs, member={"user_id": user, "role": "internal_user"})
    foreign = new_team(admin, organization_id=theirs, members_with_roles=[{"role": "admin", "user_id": user}])

    with gateway.client(key) as boss:
        team = new_team(boss, organization_id=ours, max_budget=100, models=["gpt-4o"])
        team_id = team["team_id"]
        assert [(one["user_id"], one["role"]) for one in team["members_with_roles"]] == [(user, "admin")]
        assert made(boss, "/team/update", team_id=team_id, max_budget=50, blocked=True)["data"]["blocked"] is True
        made(boss, "/team/unblock", team_id=team_id)
        for path, body, code in (
            ("/team/new", {}, 403),
            ("/team/new", {"organization_id": theirs}, 403),
            ("/team/new", {"organization_id": ours, "max_budget": 101}, 400),
            ("/team/new", {"organization_id": ours, "tpm_limit": 1001}, 400),
            ("/team/new", {"organization_id": ours, "models": ["o1"]}, 400),
            ("/team/update", {"team_id": team_id, "organization_id": theirs}, 403),
            ("/team/update", {"team_id": team_id, "organization_id": None}, 403),
            ("/team/update", {"team_id": foreign["team_id"], "max_budget": 1}, 403),
            ("/team/update", {"team_id": foreign["team_id"], "organization_id": ours, "max_budget": 1}, 403),
            ("/team/block", {"team_id": foreign["team_id"]}, 403),
            ("/team/delete", {"team_ids": [foreign["team_id"]]}, 403),
        ):
            answer = boss.post(path, json=body)
            assert answer.status_code == code, (path, body, answer.text)
        assert made(boss, "/team/delete", team_ids=[team_id]) == {"deleted_teams": [team_id]}
