"""The organization routes over HTTP (api.md 2.7)."""

from typing import Any

import httpx
import pytest

from tests.functional.management.callers import Callers, made
from tests.functional.management.teams_at_hand import budget_exists, error, new_team, unique, user_with_key
from tests.functional.test_virtual_keys import status, until
from tests.gateway import Gateway

FIELDS = {
    "organization_id", "organization_alias", "budget_id", "spend", "metadata", "models", "model_spend", "created_by",
    "updated_by", "users", "litellm_budget_table", "created_at", "updated_at",
}  # fmt: skip


def new_organization(admin: httpx.Client, **fields: Any) -> dict[str, Any]:
    name = unique("org")
    return made(admin, "/organization/new", **{"organization_id": name, "organization_alias": name, **fields})


def info(client: httpx.Client, organization_id: str) -> dict[str, Any]:
    answer = client.get("/organization/info", params={"organization_id": organization_id})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_new_organization_has_every_field_and_a_budget_of_its_own(admin: httpx.Client) -> None:
    new = new_organization(
        admin, organization_alias="Acme", models=["gpt-4o"], metadata={"a": 1}, max_budget=5, budget_duration="30d"
    )

    assert set(new) >= FIELDS
    assert (new["organization_alias"], new["models"], new["metadata"]) == ("Acme", ["gpt-4o"], {"a": 1})
    table = new["litellm_budget_table"]
    assert (table["budget_id"], table["max_budget"], table["budget_duration"]) == (new["budget_id"], 5.0, "30d")
    assert new_organization(admin)["litellm_budget_table"]["max_budget"] is None


def test_an_organization_may_share_a_budget_which_outlives_it(admin: httpx.Client) -> None:
    budget_id = made(admin, "/budget/new", budget_id=unique("budget"), max_budget=7)["budget_id"]
    new = new_organization(admin, budget_id=budget_id)
    assert (new["budget_id"], new["litellm_budget_table"]["max_budget"]) == (budget_id, 7.0)

    own = made(admin, "/organization/update", organization_id=new["organization_id"], max_budget=9)
    assert own["budget_id"] != budget_id
    assert own["litellm_budget_table"]["max_budget"] == 9.0
    shared = made(admin, "/organization/update", organization_id=new["organization_id"], budget_id=budget_id)
    assert shared["litellm_budget_table"]["max_budget"] == 7.0
    assert not budget_exists(admin, own["budget_id"])

    made(admin, "/organization/delete", organization_ids=[new["organization_id"]])
    assert budget_exists(admin, budget_id)


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_an_update_changes_what_it_names_and_null_clears(admin: httpx.Client, method: str) -> None:
    new = new_organization(admin, max_budget=5, tpm_limit=9, models=["gpt-4o"], metadata={"a": 1})

    answer = admin.request(
        method,
        "/organization/update",
        json={"organization_id": new["organization_id"], "max_budget": None, "models": None, "organization_alias": "B"},
    )

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["organization_alias"], found["models"], found["metadata"]) == ("B", [], {"a": 1})
    table = found["litellm_budget_table"]
    assert (table["max_budget"], table["tpm_limit"], table["budget_id"]) == (None, 9, new["budget_id"])


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_a_deleted_organization_takes_teams_keys_and_budgets_along(
    gateway: Gateway, admin: httpx.Client, method: str
) -> None:
    new = new_organization(admin, max_budget=5)
    organization_id = new["organization_id"]
    team_id = new_team(admin, organization_id=organization_id)["team_id"]
    made(admin, "/team/member_add", team_id=team_id, member={"user_id": unique("user")}, max_budget_in_team=1)
    made(
        admin,
        "/organization/member_add",
        organization_id=organization_id,
        member={"user_id": unique("user")},
        max_budget_in_organization=2,
    )
    key = made(admin, "/key/generate", team_id=team_id)["key"]
    until(lambda: status(gateway, key) == 200)
    unknown = admin.request(method, "/organization/delete", json={"organization_ids": [organization_id, "nowhere"]})
    assert error(unknown) == (404, "E2", "Organization=nowhere not found")

    answer = admin.request(method, "/organization/delete", json={"organization_ids": [organization_id]})

    assert [one["organization_id"] for one in answer.json()] == [organization_id]
    assert until(lambda: status(gateway, key) == 401) < 1
    assert admin.get("/team/info", params={"team_id": team_id}).status_code == 404
    assert admin.get("/organization/info", params={"organization_id": organization_id}).status_code == 404
    left = gateway.rows("SELECT id FROM teams_budget WHERE id LIKE 'member-budget-%' OR id LIKE 'organization-%'")
    linked = gateway.rows(
        "SELECT budget_id FROM teams_membership UNION SELECT budget_id FROM teams_organization "
        "UNION SELECT budget_id FROM teams_organizationmembership"
    )
    assert {budget_id for (budget_id,) in left} <= {budget_id for (budget_id,) in linked}
    assert not budget_exists(admin, new["budget_id"])


def test_members_come_change_and_go(admin: httpx.Client) -> None:
    organization_id, user = new_organization(admin)["organization_id"], unique("user")
    address = f"{unique('ann')}@example.com"

    added = made(
        admin,
        "/organization/member_add",
        organization_id=organization_id,
        member=[{"user_id": user, "role": "org_admin"}, {"user_email": address}],
        max_budget_in_organization=3,
    )
    assert [one["user_role"] for one in added["updated_users"]] == ["internal_user", "internal_user"]
    first, second = added["updated_organization_memberships"]
    assert (first["user_id"], first["user_role"], second["user_role"]) == (user, "org_admin", "internal_user")
    assert first["litellm_budget_table"]["max_budget"] == second["litellm_budget_table"]["max_budget"] == 3.0
    assert first["budget_id"] != second["budget_id"]
    assert [one["user_id"] for one in info(admin, organization_id)["members"]] == [user, second["user_id"]]

    for method, body, role, budget in (
        ("PATCH", {"user_id": user, "role": "internal_user_viewer"}, "internal_user_viewer", 3.0),
        ("PATCH", {"user_id": user, "max_budget_in_organization": 4}, "internal_user_viewer", 4.0),
        ("POST", {"user_email": address, "max_budget_in_organization": None}, "internal_user", None),
    ):
        answer = admin.request(method, "/organization/member_update", json={"organization_id": organization_id, **body})
        assert answer.status_code == 200, answer.text
        table = answer.json()["litellm_budget_table"]
        assert (answer.json()["user_role"], table and table["max_budget"]) == (role, budget)
    assert not budget_exists(admin, second["budget_id"])

    gone = admin.request(
        "DELETE", "/organization/member_delete", json={"organization_id": organization_id, "user_id": user}
    )
    assert gone.json()["user_id"] == user
    assert [one["user_email"] for one in info(admin, organization_id)["members"]] == [address]
    assert not budget_exists(admin, first["budget_id"])
    assert admin.get("/user/info", params={"user_id": user}).status_code == 200


def test_spend_of_teams_counts_for_their_organization(gateway: Gateway, admin: httpx.Client) -> None:
    organization_id, user = new_organization(admin)["organization_id"], unique("user")
    made(admin, "/organization/member_add", organization_id=organization_id, member={"user_id": user})
    team_id = new_team(admin, organization_id=organization_id, members_with_roles=[{"user_id": user}])["team_id"]
    in_team = made(admin, "/key/generate", team_id=team_id, user_id=user)["key"]
    direct = made(admin, "/key/generate", organization_id=organization_id)["key"]
    until(lambda: status(gateway, in_team) == 200)
    until(lambda: info(admin, organization_id)["members"][0]["spend"] > 0)
    by_team = info(admin, organization_id)["spend"]

    until(lambda: status(gateway, direct) == 200)
    until(lambda: info(admin, organization_id)["spend"] > by_team)
    found = info(admin, organization_id)
    assert found["members"][0]["spend"] == pytest.approx(by_team)
    assert [team["spend"] for team in found["teams"]] == [pytest.approx(by_team)]


def test_an_organizations_models_bind_its_teams(gateway: Gateway, admin: httpx.Client) -> None:
    organization_id = new_organization(admin)["organization_id"]
    team_id = new_team(admin, organization_id=organization_id)["team_id"]
    key = made(admin, "/key/generate", team_id=team_id)["key"]
    until(lambda: status(gateway, key) == 200)

    admin.patch("/organization/update", json={"organization_id": organization_id, "models": ["gpt-4o-mini"]})

    assert until(lambda: status(gateway, key) == 403) < 1


REFUSALS: list[tuple[str, str, dict[str, Any], int, str, str]] = [
    ("POST", "/organization/new", {}, 422, "E4", "organization_alias"),
    ("POST", "/organization/new", {"organization_alias": ""}, 422, "E4", "organization_alias"),
    ("POST", "/organization/new", {"organization_alias": "x" * 256}, 422, "E4", "organization_alias"),
    ("POST", "/organization/new", {"organization_alias": "a", "organization_id": "north"}, 409, "E2", "already exists"),
    ("POST", "/organization/new", {"organization_alias": "a", "budget_id": "none"}, 404, "E2", "Budget not found"),
    ("POST", "/organization/new", {"organization_alias": "a", "budget_id": "none", "max_budget": 1}, 400, "E2",
     "not both"),
    ("POST", "/organization/new", {"organization_alias": "a", "max_budget": -1}, 400, "E2", "non-negative"),
    ("POST", "/organization/new", {"organization_alias": "a\x00b"}, 400, "E1", "NUL"),
    ("PATCH", "/organization/update", {"organization_id": "nowhere"}, 404, "E2",
     "Organization not found for organization_id=nowhere"),
    ("DELETE", "/organization/delete", {}, 422, "E4", "missing"),
    ("POST", "/organization/info", {"organizations": []}, 400, "E2",
     "Specify list of organization id's to query. Passed in=[]"),
    ("POST", "/organization/member_add", {"organization_id": "nowhere", "member": {"user_id": "a"}}, 404, "E2",
     "Organization not found for organization_id=nowhere"),
    ("POST", "/organization/member_add", {"organization_id": "north", "member": {"user_id": "dora"}}, 400, "E2",
     "User=dora already in organization=north"),
    ("POST", "/organization/member_add", {"organization_id": "north", "member": {"user_id": "a", "role": "admin"}}, 422,
     "E4", "role"),
    ("POST", "/organization/member_add",
     {"organization_id": "north", "member": {"user_id": "new"}, "max_budget_in_organization": -1}, 400, "E2",
     "non-negative"),
    ("PATCH", "/organization/member_update", {"organization_id": "north", "user_id": "eve"}, 400, "E2",
     "User not found in organization"),
    ("DELETE", "/organization/member_delete", {"organization_id": "north", "user_id": "eve"}, 400, "E2",
     "User not found in organization"),
    ("DELETE", "/organization/member_delete", {"organization_id": "north"}, 422, "E4", "user_id or user_email"),
]  # fmt: skip


@pytest.mark.usefixtures("callers")
@pytest.mark.parametrize(("method", "path", "body", "code", "envelope", "sentence"), REFUSALS)
def test_what_cannot_be_done_is_refused_and_nothing_stays(
    gateway: Gateway,
    admin: httpx.Client,
    method: str,
    path: str,
    body: dict[str, Any],
    code: int,
    envelope: str,
    sentence: str,
) -> None:
    tables = ("organization", "organizationmembership", "budget", "user")
    counts = " UNION ALL ".join(f"SELECT COUNT(*) FROM teams_{name}" for name in tables)
    before = gateway.rows(counts)

    found = error(admin.request(method, path, json=body))

    assert found[0] == code, found
    assert sentence in found[2]
    assert found[1] in (envelope, "E2"), found
    assert gateway.rows(counts) == before


@pytest.mark.parametrize("name", ["'; DROP TABLE teams_organization;--", "<script>alert(1)</script>", "🦊" * 40])
def test_hostile_names_are_kept_as_they_are(admin: httpx.Client, name: str) -> None:
    organization_id = f"{name}{unique()}"
    made(admin, "/organization/new", organization_id=organization_id, organization_alias=name, max_budget=1)

    assert info(admin, organization_id)["organization_alias"] == name
    made(admin, "/organization/delete", organization_ids=[organization_id])


ACCESS: list[tuple[str, str, dict[str, Any], dict[str, int]]] = [
    ("POST", "/organization/new", {"organization_alias": "a"}, {"vic": 403, "dora": 401, "ada": 401, "nobody": 401}),
    ("PATCH", "/organization/update", {"organization_id": "north", "metadata": {"by": "dora"}},
     {"dora": 200, "vic": 403, "ada": 401, "nobody": 401}),
    ("PATCH", "/organization/update", {"organization_id": "south"}, {"dora": 404}),
    ("DELETE", "/organization/delete", {"organization_ids": ["south"]}, {"vic": 403, "dora": 401, "ada": 401}),
    ("POST", "/organization/member_add", {"organization_id": "south", "member": {"user_id": "bob"}},
     {"dora": 404, "vic": 403, "ada": 401}),
    ("PATCH", "/organization/member_update", {"organization_id": "north", "user_id": "dora", "role": "org_admin"},
     {"dora": 200, "vic": 403, "ada": 401}),
    ("DELETE", "/organization/member_delete", {"organization_id": "north", "user_id": "eve"},
     {"dora": 400, "vic": 403, "ada": 401}),
]  # fmt: skip


def test_who_may_do_what_to_organizations(gateway: Gateway, callers: Callers) -> None:
    for method, path, body, expected in ACCESS:
        for name, code in expected.items():
            with gateway.client(callers.keys[name]) as client:
                answer = client.request(method, path, json=body)
            assert answer.status_code == code, (path, name, answer.text)


def test_organizations_are_seen_by_their_members_and_by_nobody_else(gateway: Gateway, callers: Callers) -> None:
    for name, seen in {"admin": True, "vic": True, "dora": True, "ada": False, "eve": False, "nobody": False}.items():
        with gateway.client(callers.keys[name]) as client:
            asked = client.get("/organization/info", params={"organization_id": "north"})
            listed = client.get("/organization/list", params={"org_id": "north"}).json()
            several = client.post("/organization/info", json={"organizations": ["north", "nowhere"]}).json()
        assert asked.status_code == (200 if seen else 404), name
        expected = ["north"] if seen else []
        assert [one["organization_id"] for one in listed] == expected, name
        assert [one["organization_id"] for one in several] == expected, name


def test_a_plain_member_sees_neither_the_others_nor_their_teams(gateway: Gateway, admin: httpx.Client) -> None:
    organization_id = new_organization(admin)["organization_id"]
    user, key = user_with_key(gateway, admin)
    mine = new_team(admin, organization_id=organization_id, members_with_roles=[{"user_id": user}])["team_id"]
    new_team(admin, organization_id=organization_id)
    for one in (user, unique("other")):
        made(admin, "/organization/member_add", organization_id=organization_id, member={"user_id": one})

    with gateway.client(key) as client:
        found = info(client, organization_id)

    assert [one["user_id"] for one in found["members"]] == [user]
    assert [one["team_id"] for one in found["teams"]] == [mine]
    assert len(info(admin, organization_id)["teams"]) == 2


GRANTS: list[tuple[dict[str, Any], int]] = [
    ({"organization_alias": "Ours", "metadata": {"b": 1}}, 200),
    ({"models": ["gpt-4o"]}, 200),
    ({"max_budget": 10, "tpm_limit": None}, 200),
    ({"models": ["gpt-4o", "o1"]}, 403),
    ({"models": None}, 403),
    ({"max_budget": 11}, 403),
    ({"max_budget": None}, 403),
    ({"tpm_limit": 5}, 403),
    ({"budget_id": None}, 403),
    ({"budget_id": "none"}, 403),
]


def test_an_organizations_own_admin_changes_what_grants_nothing_more(gateway: Gateway, admin: httpx.Client) -> None:
    user, key = user_with_key(gateway, admin)
    with gateway.client(key) as boss:
        for change, code in GRANTS:
            organization_id = new_organization(admin, models=["gpt-4o", "gpt-4o-mini"], max_budget=10)[
                "organization_id"
            ]
            member = {"user_id": user, "role": "org_admin"}
            made(admin, "/organization/member_add", organization_id=organization_id, member=member)
            before = info(admin, organization_id)
            answer = boss.patch("/organization/update", json={"organization_id": organization_id, **change})
            assert answer.status_code == code, (change, answer.text)
            after = info(admin, organization_id)
            assert after["litellm_budget_table"] == before["litellm_budget_table"], change
            assert code == 200 or after == before, change
        hired = made(
            boss,
            "/organization/member_add",
            organization_id=organization_id,
            member={"user_id": unique("user"), "role": "org_admin"},
        )
    assert hired["updated_users"][0]["user_role"] == "internal_user"
