"""What the user routes show over HTTP (api.md 2.4): one user, lists of them, what they spent, the roles."""

from typing import Any

import httpx
import pytest

from tests.functional.management.answers import asked, told, unique
from tests.functional.management.callers import made, wait_until_known
from tests.functional.management.test_users import USER_FIELDS, new_user
from tests.gateway import Gateway, chat


def test_spend_is_what_the_users_keys_spent(gateway: Gateway, admin: httpx.Client) -> None:
    budgets = {"gpt-4o": {"budget_limit": 9, "time_period": "1d"}}
    new = made(admin, "/user/new", user_id=unique("u"), model_max_budget=budgets)
    wait_until_known(gateway, new["key"])
    with gateway.client(new["key"]) as client:
        cost = float(client.post("/v1/chat/completions", json=chat()).headers["x-litellm-response-cost"])

    assert cost > 0
    user = asked(admin, "/v2/user/info", user_id=new["user_id"])
    assert user["spend"] == pytest.approx(cost)
    usage = user["model_max_budget_usage"]["gpt-4o"]
    assert (usage["current_spend"], usage["budget_limit"], usage["time_period"]) == (pytest.approx(cost), 9.0, "1d")
    assert user.keys() >= USER_FIELDS
    assert "keys" not in user
    counted = (
        f"SELECT 1 FROM budgets_balance WHERE scope = 'user' AND entity_id = '{new['user_id']}' AND spent_nano > 0"
    )
    gateway.wait_for_rows(counted, 1)
    both = f"{new_user(admin)},{new['user_id']}"
    listed = asked(admin, "/user/list", sort_by="spend", sort_order="desc", user_ids=both)["users"]
    assert listed[0]["user_id"] == new["user_id"]


def test_who_names_nobody_is_told_of_themselves(gateway: Gateway, admin: httpx.Client) -> None:
    new = made(admin, "/user/new", user_id=unique("u"))
    wait_until_known(gateway, new["key"])
    with gateway.client(new["key"]) as client:
        mine = asked(client, "/user/info")
        assert mine["user_id"] == mine["user_info"]["user_id"] == new["user_id"]
        assert [key["user_id"] for key in mine["keys"]] == [new["user_id"]]
        assert asked(client, "/v2/user/info")["user_id"] == new["user_id"]

    everything = asked(admin, "/user/info")
    assert everything["user_id"] == "default_user_id"
    assert new["user_id"] in [key["user_id"] for key in everything["keys"]]


@pytest.mark.parametrize("path", ["/user/info", "/v2/user/info"])
def test_nobody_of_that_name(admin: httpx.Client, path: str) -> None:
    assert told(admin.get(path, params={"user_id": "nope"})) == (404, "User nope not found")
    assert told(admin.get(path, params={"user_id": "a\x00"}))[0] == 400
    assert told(admin.get(path, params={"user_id": "x" * 300}))[0] == 422


def test_lists_are_paged_filtered_and_sorted(admin: httpx.Client) -> None:
    group = unique("list")
    team_id = made(admin, "/team/new", team_alias=group)["team_id"]
    ids = [
        new_user(
            admin,
            user_id=f"{group}-{number}",
            user_email=f"{number}@{group}.example",
            user_role="proxy_admin_viewer" if number == 3 else "internal_user",
            teams=[team_id] if number < 2 else [],
            auto_create_key=number == 0,
        )
        for number in range(4)
    ]
    csv = ",".join(ids)

    def listed(**query: Any) -> list[str]:
        return [user["user_id"] for user in asked(admin, "/user/list", **query)["users"]]

    page = asked(admin, "/user/list", user_ids=csv, page=2, page_size=3)
    assert (page["total"], page["page"], page["page_size"], page["total_pages"]) == (4, 2, 3, 2)
    assert [user["user_id"] for user in page["users"]] == ids[:1]
    assert page["users"][0]["key_count"] == 1
    assert page["users"][0].keys() >= USER_FIELDS
    assert listed(user_ids=csv) == ids[::-1]
    assert listed(user_ids=csv, page=9) == []
    assert listed(user_ids=csv, role="proxy_admin_viewer") == [ids[3]]
    assert listed(user_email=f"@{group.upper()}.") == ids[::-1]
    assert sorted(listed(team=team_id)) == ["default_user_id", *ids[:2]]
    assert listed(user_ids=csv, sort_by="user_id") == ids
    assert listed(user_ids=csv, sort_by="user_email", sort_order="desc") == ids[::-1]
    assert listed(user_ids=csv, sort_by="created_at") == ids
    assert listed(user_ids=csv, sort_by="spend", sort_order="asc") == ids
    assert listed(sso_user_ids="somebody") == []


@pytest.mark.parametrize(
    "query",
    [{"page": 0}, {"page_size": 101}, {"page_size": 0}, {"sort_by": "password"}, {"role": "king"}, {"page": "x"}],
)
def test_a_list_that_cannot_be_is_refused(admin: httpx.Client, query: dict[str, Any]) -> None:
    assert told(admin.get("/user/list", params=query))[0] == 422


def test_the_roles_are_told_to_everybody(gateway: Gateway, admin: httpx.Client) -> None:
    roles = asked(admin, "/user/available_roles")

    assert roles.keys() == {"proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"}
    assert all(role.keys() == {"description", "ui_label"} for role in roles.values())
    key = made(admin, "/key/generate")["key"]
    wait_until_known(gateway, key)
    with gateway.client(key) as client:
        assert asked(client, "/user/available_roles") == roles
