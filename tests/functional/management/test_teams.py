"""The team routes over HTTP (api.md 2.3): what they take, give and refuse."""
# ruff: noqa: SIM905 - a list would take a line a name

import threading
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.functional.management.callers import Callers, made
from tests.functional.management.teams_at_hand import error, info, new_team, unique
from tests.functional.test_virtual_keys import status, until
from tests.gateway import Gateway

TEAM_FIELDS = set(
    """
    team_id team_alias organization_id admins members members_with_roles team_member_permissions metadata tpm_limit
    rpm_limit tpd_limit max_budget soft_budget budget_duration budget_limits models blocked router_settings
    access_group_ids default_team_member_models spend max_parallel_requests budget_reset_at model_id model_spend
    model_max_budget policies allow_team_guardrail_config litellm_model_table object_permission object_permission_id
    created_at updated_at
    """.split()
)
MASTER_USER = "default_user_id"


def test_a_new_team_has_every_field_and_its_maker_as_admin(admin: httpx.Client) -> None:
    team_id = unique()
    team = new_team(
        admin, team_id=team_id, team_alias="Search", max_budget=100.5, soft_budget=80, budget_duration="30d",
        tpm_limit=1000, rpm_limit=10, max_parallel_requests=3, models=["gpt-4o"], metadata={"cost_center": 7},
        model_aliases={"fast": "gpt-4o"}, model_rpm_limit={"gpt-4o": 5}, tags=["prod"],
        model_max_budget={"gpt-4o": {"budget_limit": 1, "time_period": "1d"}},
        budget_limits=[{"budget_duration": "1h", "max_budget": 2}],
        members_with_roles=[{"role": "user", "user_id": f"{team_id}-ann"}],
    )  # fmt: skip

    assert set(team) >= TEAM_FIELDS
    assert (team["team_id"], team["team_alias"], team["blocked"], team["spend"]) == (team_id, "Search", False, 0.0)
    assert (team["max_budget"], team["soft_budget"], team["budget_duration"]) == (100.5, 80.0, "30d")
    assert (team["tpm_limit"], team["rpm_limit"], team["max_parallel_requests"]) == (1000, 10, 3)
    assert team["metadata"] == {"cost_center": 7, "model_rpm_limit": {"gpt-4o": 5}, "tags": ["prod"]}
    assert team["litellm_model_table"] == {"model_aliases": {"fast": "gpt-4o"}}
    assert team["model_max_budget"] == {"gpt-4o": {"budget_limit": 1.0, "time_period": "1d"}}
    assert team["budget_limits"][0]["max_budget"] == 2.0
    assert team["budget_reset_at"].endswith("Z")
    assert team["team_member_permissions"] == ["/key/info", "/key/health"]
    assert {(one["user_id"], one["role"]) for one in team["members_with_roles"]} == {
        (f"{team_id}-ann", "user"),
        (MASTER_USER, "admin"),
    }
    assert (team["members"], team["admins"]) == ([], [])


def test_a_team_without_an_id_gets_one_and_an_alias_may_repeat(admin: httpx.Client) -> None:
    first, second = (made(admin, "/team/new", team_alias="Twins") for _ in range(2))

    assert first["team_id"] != second["team_id"]
    assert first["team_alias"] == second["team_alias"] == "Twins"


def test_an_update_changes_what_it_names_and_null_clears(admin: httpx.Client) -> None:
    team = new_team(admin, max_budget=5, tpm_limit=9, metadata={"a": 1}, tags=["x"], models=["gpt-4o"])

    changed = made(admin, "/team/update", team_id=team["team_id"], max_budget=None, metadata={"b": 2}, team_alias="New")

    assert changed["team_id"] == team["team_id"]
    data = changed["data"]
    assert (data["max_budget"], data["tpm_limit"], data["team_alias"]) == (None, 9, "New")
    assert data["metadata"] == {"b": 2, "tags": ["x"]}
    assert data["models"] == ["gpt-4o"]
    assert made(admin, "/team/update", team_id=team["team_id"], tags=None)["data"]["metadata"] == {"b": 2}


def test_a_default_budget_for_members_is_a_row_that_comes_changes_and_goes(admin: httpx.Client) -> None:
    team = new_team(admin, team_alias="Ops", team_member_budget=5, team_member_budget_duration="30d")
    team_id, budget_id = team["team_id"], team["metadata"]["team_member_budget_id"]
    assert budget_id.startswith("team-Ops-budget-")
    (bound,) = info(admin, team_id)["team_memberships"]
    assert (bound["budget_source"], bound["budget_id"]) == ("team_default", budget_id)

    made(admin, "/team/update", team_id=team_id, team_member_rpm_limit=7, metadata=team["metadata"])
    table = info(admin, team_id)["team_info"]["team_member_budget_table"]
    assert (table["budget_id"], table["max_budget"], table["rpm_limit"]) == (budget_id, 5.0, 7)
    assert table["budget_reset_at"] is not None

    # Zero is LiteLLM's word for no budget; what remains is the rate.
    made(admin, "/team/update", team_id=team_id, team_member_budget=0, team_member_budget_duration=None)
    assert info(admin, team_id)["team_info"]["team_member_budget_table"]["max_budget"] is None
    left = made(admin, "/team/update", team_id=team_id, team_member_rpm_limit=None)["data"]
    assert "team_member_budget_id" not in left["metadata"]
    assert info(admin, team_id)["team_memberships"][0]["budget_source"] == "none"
    assert admin.post("/budget/info", json={"budgets": [budget_id]}).json() == []


def test_a_deleted_team_takes_its_keys_members_and_budgets_along(gateway: Gateway, admin: httpx.Client) -> None:
    team_id = new_team(admin, team_member_budget=5)["team_id"]
    user = f"{team_id}-ann"
    made(admin, "/team/member_add", team_id=team_id, member={"user_id": user, "role": "user"}, max_budget_in_team=1)
    key = made(admin, "/key/generate", team_id=team_id)["key"]
    until(lambda: status(gateway, key) == 200)
    budget_ids = [one["budget_id"] for one in info(admin, team_id)["team_memberships"]]

    assert made(admin, "/team/delete", team_ids=[team_id, team_id]) == {"deleted_teams": [team_id]}

    until(lambda: status(gateway, key) == 401)
    assert admin.get("/team/info", params={"team_id": team_id}).status_code == 404
    assert admin.get("/key/info", params={"key": key}).status_code == 404
    assert admin.get("/user/info", params={"user_id": user}).status_code == 200
    assert len(set(budget_ids)) == 2
    assert admin.post("/budget/info", json={"budgets": budget_ids}).json() == []
    deleted = gateway.rows(
        f"SELECT object_type FROM teams_auditentry WHERE action = 'deleted' AND change_id IN "
        f"(SELECT change_id FROM teams_auditentry WHERE object_id = '{team_id}' AND action = 'deleted')"
    )
    assert sorted(kind for (kind,) in deleted) == ["budget", "budget", "key", "team", "team_member", "team_member"]
    (listed,) = admin.get("/v2/team/list", params={"status": "deleted", "team_id": team_id}).json()["teams"]
    assert (listed["team_id"], listed["deleted_by"]) == (team_id, MASTER_USER)


def test_one_unknown_team_keeps_all_from_being_deleted(admin: httpx.Client) -> None:
    team_id = new_team(admin)["team_id"]

    refused = admin.post("/team/delete", json={"team_ids": [team_id, "nowhere"]})

    assert error(refused) == (404, "E2", "Team not found, passed team_id=nowhere")
    assert info(admin, team_id)["team_id"] == team_id


def test_a_shared_budget_outlives_the_team_it_was_made_for(admin: httpx.Client) -> None:
    team = new_team(admin, team_member_budget=5)
    budget_id = team["metadata"]["team_member_budget_id"]
    made(admin, "/key/generate", budget_id=budget_id)

    made(admin, "/team/delete", team_ids=[team["team_id"]])

    assert [row["budget_id"] for row in admin.post("/budget/info", json={"budgets": [budget_id]}).json()] == [budget_id]


def test_team_info_tells_keys_members_and_what_the_caller_may_edit(
    gateway: Gateway, admin: httpx.Client, callers: Callers
) -> None:
    found = info(admin, "red")
    assert set(found) == {"team_id", "team_info", "keys", "team_memberships"}
    assert set(found["team_info"]) >= TEAM_FIELDS | {"team_member_budget_table", "organization_models"}
    assert {one["user_id"] for one in found["team_memberships"]} >= {"ada", "bob", "ivy"}
    assert set(found["team_memberships"][0]) == {
        "user_id", "team_id", "budget_id", "spend", "total_spend", "litellm_budget_table", "budget_source",
    }  # fmt: skip
    assert all("user_alias" in member for member in found["team_info"]["members_with_roles"])
    assert "red's" in [key["key_alias"] for key in found["keys"]]

    for name, kind in (("admin", "unrestricted"), ("dora", "unrestricted"), ("ada", "limited"), ("bob", "none"),
                       ("vic", "none"), ("red service", "none")):  # fmt: skip
        with gateway.client(callers.keys[name]) as client:
            assert info(client, "red")["team_info"]["caller_edit_access"]["kind"] == kind, name
    for name in ("cyd", "eve", "loner", "nobody"):
        with gateway.client(callers.keys[name]) as client:
            refused = client.get("/team/info", params={"team_id": "red"})
            assert error(refused) == (404, "E1", "Team not found, passed team id: red."), name


def test_lists_show_callers_their_own_teams_and_nobody_more(gateway: Gateway, callers: Callers) -> None:
    asked: tuple[tuple[str, dict[str, str], set[str] | None], ...] = (
        ("admin", {"organization_id": "north"}, {"red", "blue"}),
        ("vic", {"organization_id": "north"}, {"red", "blue"}),
        ("admin", {"user_id": "bob"}, {"red"}),
        ("bob", {"user_id": "bob"}, {"red"}),
        ("bob", {"user_id": "bob", "organization_id": "south"}, set()),
        ("dora", {"organization_id": "north"}, {"red", "blue"}),
        ("bob", {}, None),
        ("bob", {"user_id": "eve"}, None),
        ("dora", {"organization_id": "south"}, None),
        ("dora", {}, None),
        ("red service", {}, None),
        ("nobody", {}, None),
    )
    for name, query, teams in asked:
        with gateway.client(callers.keys[name]) as client:
            plain, paged = client.get("/team/list", params=query), client.get("/v2/team/list", params=query)
        for answer in (plain, paged):
            if teams is None:
                code, envelope, sentence = error(answer)
                assert (code, envelope) == (401, "E2"), (name, query)
                assert sentence.startswith("Only admin users can query all teams/other teams."), sentence
        if teams is not None:
            assert {team["team_id"] for team in plain.json()} == teams, (name, query)
            assert {team["team_id"] for team in paged.json()["teams"]} == teams, (name, query)


def test_the_plain_list_carries_memberships_and_keys(admin: httpx.Client) -> None:
    user = unique("user")
    team = new_team(admin, members_with_roles=[{"role": "user", "user_id": user}])
    key = made(admin, "/key/generate", team_id=team["team_id"])

    (listed,) = admin.get("/team/list", params={"user_id": user}).json()

    assert {one["user_id"] for one in listed["team_memberships"]} == {user, MASTER_USER}
    assert [one["token"] for one in listed["keys"]] == [key["token"]]
    outside = admin.get("/team/list", params={"user_id": user, "organization_id": "default_organization"}).json()
    assert [one["team_id"] for one in outside] == [team["team_id"]]


def test_pages_are_sorted_filtered_and_counted(admin: httpx.Client) -> None:
    mark = uuid4().hex[:8]
    teams = [new_team(admin, team_alias=f"{mark} {name}", max_budget=n) for n, name in enumerate("bca")]
    made(admin, "/key/generate", team_id=teams[0]["team_id"])
    made(admin, "/team/block", team_id=teams[1]["team_id"])

    def page(**query: Any) -> dict[str, Any]:
        answer = admin.get("/v2/team/list", params={"team_alias": mark.upper(), **query})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    first = page(page_size=2)
    assert (first["total"], first["page"], first["page_size"], first["total_pages"]) == (3, 1, 2, 2)
    assert [team["team_alias"][-1] for team in first["teams"]] == ["a", "b"]
    assert [team["team_alias"][-1] for team in page(page_size=2, page=2)["teams"]] == ["c"]
    assert page(page=9)["teams"] == []
    by_budget = page(sort_by="max_budget", sort_order="desc")["teams"]
    assert [team["max_budget"] for team in by_budget] == [2.0, 1.0, 0.0]
    (counted,) = page(team_id=teams[0]["team_id"])["teams"]
    assert (counted["members_count"], counted["keys_count"]) == (1, 1)
    assert [team["blocked"] for team in page(status="blocked")["teams"]] == [True]
    assert len(page(status="active")["teams"]) == 2
    assert admin.get("/v2/team/list", params={"sort_by": "passwords"}).status_code == 422
    assert admin.get("/v2/team/list", params={"page_size": 0}).status_code == 422


def test_only_admins_see_deleted_teams(gateway: Gateway, callers: Callers) -> None:
    with gateway.client(callers.keys["bob"]) as bob:
        answer = bob.get("/v2/team/list", params={"user_id": "bob", "status": "deleted"})
    assert error(answer)[:2] == (403, "E2")


def test_a_blocked_teams_keys_are_refused_and_let_in_again(gateway: Gateway, admin: httpx.Client) -> None:
    team_id = new_team(admin)["team_id"]
    key = made(admin, "/key/generate", team_id=team_id)["key"]
    until(lambda: status(gateway, key) == 200)

    assert made(admin, "/team/block", team_id=team_id)["blocked"] is True
    assert until(lambda: status(gateway, key) == 401) < 1
    assert made(admin, "/team/unblock", team_id=team_id)["blocked"] is False
    assert until(lambda: status(gateway, key) == 200) < 1


def test_permissions_of_members_are_listed_and_replaced(admin: httpx.Client) -> None:
    team_id = new_team(admin)["team_id"]
    wanted = ["/key/generate", "/key/info"]

    changed = made(admin, "/team/permissions_update", team_id=team_id, team_member_permissions=[*wanted, "/key/info"])
    listed = admin.get("/team/permissions_list", params={"team_id": team_id}).json()

    assert changed == listed
    assert (listed["team_id"], listed["team_member_permissions"]) == (team_id, wanted)
    assert set(wanted) < set(listed["all_available_permissions"])
    refused = admin.post("/team/permissions_update", json={"team_id": team_id, "team_member_permissions": ["/etc"]})
    assert error(refused)[:2] == (400, "E2")


def test_models_are_added_and_taken_and_the_last_one_leaves_none(gateway: Gateway, admin: httpx.Client) -> None:
    team_id = new_team(admin, models=["gpt-4o"])["team_id"]
    key = made(admin, "/key/generate", team_id=team_id)["key"]
    until(lambda: status(gateway, key) == 200)

    added = made(admin, "/team/model/add", team_id=team_id, models=["gpt-4o-mini", "gpt-4o"])
    assert added["models"] == ["gpt-4o", "gpt-4o-mini"]
    assert until(lambda: status(gateway, key, "gpt-4o-mini") == 200) < 1
    assert made(admin, "/team/model/delete", team_id=team_id, models=["gpt-4o"])["models"] == ["gpt-4o-mini"]
    made(admin, "/team/model/delete", team_id=team_id, models=["gpt-4o-mini"])
    until(lambda: status(gateway, key, "gpt-4o-mini") == 403)
    assert status(gateway, key) == 403
    assert made(admin, "/team/model/add", team_id=team_id, models=["gpt-4o"])["models"] == ["gpt-4o"]

    everything = new_team(admin)["team_id"]
    refused = admin.post("/team/model/delete", json={"team_id": everything, "models": ["gpt-4o"]})
    assert error(refused)[:2] == (400, "E2")


REFUSALS: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("/team/new", {"team_id": "red"}, 400, "E1", "Team id = red already exists. Please use a different team id."),
    ("/team/new", {"organization_id": "nowhere"}, 400, "E1", "Organization not found for organization_id=nowhere"),
    ("/team/new", {"max_budget": -1}, 400, "E1", "max_budget must be a non-negative finite number."),
    ("/team/new", {"budget_duration": "soon"}, 400, "E1", "Invalid budget_duration 'soon'."),
    ("/team/new", {"team_member_budget_duration": "soon"}, 400, "E1", "Invalid budget_duration 'soon'."),
    ("/team/new", {"team_member_key_duration": "soon"}, 400, "E1", "Invalid team_member_key_duration 'soon'."),
    ("/team/new", {"team_member_permissions": ["/x"]}, 400, "E1", "Unknown permissions: ['/x']."),
    ("/team/new", {"models": ["a"], "default_team_member_models": ["b"]}, 400, "E1", "default_team_member_models"),
    ("/team/new", {"members_with_roles": [{"user_id": "a"}, {"user_id": "a"}]}, 400, "E1", "User=a already in team="),
    ("/team/new", {"members_with_roles": [{"role": "king", "user_id": "a"}]}, 422, "E4", "literal_error"),
    ("/team/new", {"members_with_roles": [{"role": "user"}]}, 422, "E4", "user_id or user_email"),
    ("/team/new", {"tpm_limit": "many"}, 422, "E4", "tpm_limit"),
    ("/team/new", {"models": "gpt-4o"}, 422, "E4", "models"),
    ("/team/new", {"team_id": ""}, 422, "E4", "team_id"),
    ("/team/update", {}, 422, "E4", "missing"),
    ("/team/update", {"team_id": "nowhere"}, 404, "E1", "Team not found, passed team_id=nowhere"),
    ("/team/delete", {"team_ids": ["nowhere"]}, 404, "E2", "Team not found, passed team_id=nowhere"),
    ("/team/delete", {}, 422, "E4", "missing"),
    ("/team/block", {"team_id": "nowhere"}, 404, "E2", "Team not found, passed team_id=nowhere"),
    ("/team/unblock", {"team_id": "nowhere"}, 404, "E2", "Team not found, passed team_id=nowhere"),
    ("/team/permissions_update", {"team_id": "nowhere", "team_member_permissions": []}, 404, "E2", "Team not found"),
    ("/team/model/add", {"team_id": "nowhere", "models": []}, 404, "E2", "Team not found"),
    ("/team/model/delete", {"team_id": "nowhere", "models": []}, 404, "E2", "Team not found"),
]


@pytest.mark.usefixtures("callers")
@pytest.mark.parametrize(("path", "body", "code", "envelope", "sentence"), REFUSALS)
def test_what_cannot_be_done_is_refused_in_the_envelope_of_the_route(
    gateway: Gateway, admin: httpx.Client, path: str, body: dict[str, Any], code: int, envelope: str, sentence: str
) -> None:
    before = gateway.rows("SELECT COUNT(*) FROM teams_team")

    found = error(admin.post(path, json=body))

    assert found[:2] == (code, envelope), found
    assert sentence in found[2]
    assert gateway.rows("SELECT COUNT(*) FROM teams_team") == before


@pytest.mark.parametrize("path", ["/team/info", "/team/permissions_list"])
def test_a_team_must_be_named_and_known(admin: httpx.Client, path: str) -> None:
    assert admin.get(path).status_code == 422
    assert error(admin.get(path, params={"team_id": "nowhere"}))[0] == 404


HOSTILE = [
    "Robert'); DROP TABLE teams_team;--",
    "<script>alert(1)</script>",
    "🦊" * 40,
    'a"b\\c',
    "a/b?c#d",
    " ",
    "\r\nX: y",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_kept_as_they_are(admin: httpx.Client, name: str) -> None:
    team_id = f"{name}{uuid4().hex[:8]}"
    new_team(admin, team_id=team_id, team_alias=name, team_member_budget=1, metadata={name: name}, tags=[name])

    found = info(admin, team_id)["team_info"]

    assert (found["team_id"], found["team_alias"], found["metadata"][name]) == (team_id, name, name)
    made(admin, "/team/delete", team_ids=[team_id])


@pytest.mark.parametrize("path", ["/team/new", "/team/update", "/team/block", "/team/member_add"])
@pytest.mark.parametrize(
    "raw",
    [b'{"team_id": "a\\u0000b"}', b'{"team_id": "\\ud800"}', b'{"team_id": "' + b"x" * 256 + b'"}', b'{"team_id": 7}',
     b'{"team_id": "a", "max_budget": 1e400}', b"[]", b"", b"{"],
    ids=["NUL", "lone surrogate", "256 characters", "a number", "infinity", "a list", "nothing", "half"],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_before_anything_is_stored(admin: httpx.Client, path: str, raw: bytes) -> None:
    answer = admin.post(path, content=raw)
    assert 400 <= answer.status_code < 500, answer.text


def test_unknown_fields_are_ignored_and_named(admin: httpx.Client) -> None:
    answer = admin.post("/team/new", json={"team_id": unique(), "colour": "red"})
    assert answer.status_code == 200
    assert answer.headers["x-tollkeeper-ignored-fields"] == "colour"


def test_two_changes_of_different_fields_at_once_both_last(gateway: Gateway, admin: httpx.Client) -> None:
    team_id = new_team(admin)["team_id"]
    answers: list[int] = []

    def change(**fields: Any) -> None:
        with gateway.client() as client:
            answers.append(client.post("/team/update", json={"team_id": team_id, **fields}).status_code)

    changes: list[dict[str, Any]] = [{"tpm_limit": 7}, {"rpm_limit": 8}, {"team_alias": "Both"}, {"max_budget": 9}]
    threads = [threading.Thread(target=change, kwargs=fields) for fields in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = info(admin, team_id)["team_info"]
    assert answers == [200] * 4
    assert (found["tpm_limit"], found["rpm_limit"], found["team_alias"], found["max_budget"]) == (7, 8, "Both", 9.0)
