"""The budget routes over HTTP (api.md 2.6): what they take, give and refuse."""

from typing import Any

import httpx
import pytest

from tests.functional.management.answers import HOSTILE_NAMES, IMPOSSIBLE_NAMES, asked, refusal, told, unique
from tests.functional.management.callers import Callers, made
from tests.gateway import Gateway

BUDGET_FIELDS = {
    "budget_id", "max_budget", "soft_budget", "max_parallel_requests", "tpm_limit", "rpm_limit", "tpd_limit",
    "model_max_budget", "budget_duration", "budget_reset_at", "allowed_models", "temp_budget_increase",
    "temp_budget_expiry", "created_at", "created_by", "updated_at", "updated_by", "organization", "projects", "keys",
    "end_users", "tags", "team_membership", "organization_membership",
}  # fmt: skip


def info(admin: httpx.Client, *budget_ids: str) -> list[dict[str, Any]]:
    answer = admin.post("/budget/info", json={"budgets": list(budget_ids)})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def test_a_budget_from_beginning_to_end(admin: httpx.Client) -> None:
    budget_id = unique("b")
    new = made(admin, "/budget/new", budget_id=budget_id, max_budget=5, soft_budget=4, budget_duration="30d")
    assert new.keys() >= BUDGET_FIELDS
    assert (new["budget_id"], new["max_budget"], new["soft_budget"]) == (budget_id, 5.0, 4.0)
    assert (new["budget_duration"], new["created_by"]) == ("30d", "default_user_id")
    assert new["budget_reset_at"] is not None
    assert all(new[name] is None for name in ("keys", "end_users", "tags", "team_membership", "organization"))

    assert info(admin, budget_id, "no-such-budget") == [new]
    assert new in asked(admin, "/budget/list")
    changed = made(
        admin, "/budget/update", budget_id=budget_id, max_budget=None, rpm_limit=3, allowed_models=["gpt-4o"]
    )
    assert (changed["max_budget"], changed["soft_budget"], changed["rpm_limit"]) == (None, 4.0, 3)
    assert changed["allowed_models"] == ["gpt-4o"]
    assert made(admin, "/budget/delete", id=budget_id) == changed
    assert info(admin, budget_id) == []


def test_a_budget_without_an_id_is_given_one(admin: httpx.Client) -> None:
    one, two = (made(admin, "/budget/new", max_budget=1)["budget_id"] for _ in range(2))

    assert one != two


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/budget/new", {"max_budget": -1}, 400, "max_budget must be a non-negative finite number. Received: -1.0"),
        ("/budget/new", {"soft_budget": -0.5}, 400, "soft_budget must be a non-negative finite number"),
        ("/budget/new", {"budget_duration": "abc"}, 400, "Invalid budget_duration 'abc'. Use a format like '1h'"),
        ("/budget/new", {"budget_duration": "0d"}, 400, "Invalid budget_duration '0d'"),
        ("/budget/new", {"max_budget": "much"}, 422, "valid number"),
        ("/budget/new", {"rpm_limit": 2**63}, 422, "less than or equal"),
        ("/budget/new", {"allowed_models": [""]}, 422, "at least 1"),
        ("/budget/update", {"max_budget": 1}, 400, "budget_id is required"),
        ("/budget/update", {"budget_id": "no-such-budget"}, 404, "Budget not found, passed budget_id=no-such-budget"),
        ("/budget/delete", {"id": "no-such-budget"}, 404, "Budget not found, passed budget_id=no-such-budget"),
        ("/budget/delete", {}, 422, "Field required"),
        ("/budget/info", {"budgets": []}, 400, "Specify list of budget id's to query. Passed in=[]"),
        ("/budget/info", {}, 422, "Field required"),
        *(("/budget/new", {"budget_id": name}, status, "") for name, status in IMPOSSIBLE_NAMES.values()),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(
    gateway: Gateway, admin: httpx.Client, path: str, body: dict[str, Any], status: int, sentence: str
) -> None:
    tables = "SELECT (SELECT count(*) FROM teams_budget), (SELECT count(*) FROM teams_auditentry)"
    before = gateway.rows(tables)
    answer = admin.post(path, json=body)

    found, words = told(answer)
    assert (found, sentence in words) == (status, True), words
    assert "detail" in answer.json()
    assert gateway.rows(tables) == before


def test_an_id_belongs_to_one_budget(admin: httpx.Client) -> None:
    budget_id = made(admin, "/budget/new", budget_id=unique("b"))["budget_id"]

    assert refusal(admin, "/budget/new", budget_id=budget_id) == (
        400,
        f"Budget with id '{budget_id}' already exists.",
    )


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES.keys())
def test_hostile_ids_are_inert(admin: httpx.Client, name: str) -> None:
    assert made(admin, "/budget/new", budget_id=name, max_budget=1)["budget_id"] == name
    assert [row["budget_id"] for row in info(admin, name)] == [name]
    assert asked(admin, "/budget/settings", budget_id=name)
    assert made(admin, "/budget/delete", id=name)["budget_id"] == name


def test_the_settings_describe_each_field_with_its_value(admin: httpx.Client) -> None:
    budget_id = made(admin, "/budget/new", budget_id=unique("b"), max_budget=5, budget_duration="7d")["budget_id"]
    fields = {field["field_name"]: field for field in asked(admin, "/budget/settings", budget_id=budget_id)}

    assert {"max_budget", "soft_budget", "max_parallel_requests", "tpm_limit", "rpm_limit", "tpd_limit",
            "budget_duration"} <= fields.keys()  # fmt: skip
    assert (fields["max_budget"]["field_type"], fields["max_budget"]["field_value"]) == ("Float", 5.0)
    assert (fields["tpm_limit"]["field_type"], fields["tpm_limit"]["field_value"]) == ("Integer", None)
    assert (fields["budget_duration"]["field_type"], fields["budget_duration"]["field_value"]) == ("String", "7d")
    assert fields["max_budget"]["stored_in_db"] is True
    assert told(admin.get("/budget/settings", params={"budget_id": "nope"}))[0] == 404
    assert told(admin.get("/budget/settings"))[0] == 422


def test_a_change_is_shown_by_everybody_who_is_linked(admin: httpx.Client) -> None:
    budget_id = made(admin, "/budget/new", budget_id=unique("b"), max_budget=5)["budget_id"]
    customer = made(admin, "/customer/new", user_id=unique("c"), budget_id=budget_id)["user_id"]
    key = made(admin, "/key/generate", budget_id=budget_id)["key"]
    made(admin, "/budget/update", budget_id=budget_id, max_budget=6)

    assert asked(admin, "/customer/info", end_user_id=customer)["litellm_budget_table"]["max_budget"] == 6.0
    assert asked(admin, "/key/info", key=key)["info"]["litellm_budget_table"]["max_budget"] == 6.0
    made(admin, "/budget/delete", id=budget_id)
    assert asked(admin, "/customer/info", end_user_id=customer)["budget_id"] is None
    assert asked(admin, "/key/info", key=key)["info"]["budget_id"] is None


def test_the_list_has_pages_for_who_asks(admin: httpx.Client) -> None:
    ids = [made(admin, "/budget/new", budget_id=unique("b"))["budget_id"] for _ in range(3)]
    everything = [row["budget_id"] for row in asked(admin, "/budget/list")]

    assert set(ids) <= set(everything)
    assert [row["budget_id"] for row in asked(admin, "/budget/list", page=2, page_size=2)] == everything[2:4]


@pytest.mark.parametrize(
    ("caller", "writes", "reads"), [("vic", 403, 200), ("bob", 401, 401), ("dora", 401, 401), ("nobody", 401, 401)]
)
def test_budgets_are_for_proxy_admins(
    gateway: Gateway, callers: Callers, admin: httpx.Client, caller: str, writes: int, reads: int
) -> None:
    budget_id = made(admin, "/budget/new", budget_id=unique("b"))["budget_id"]
    with gateway.client(callers.keys[caller]) as client:
        assert client.post("/budget/new", json={"max_budget": 1}).status_code == writes
        assert client.post("/budget/update", json={"budget_id": budget_id, "max_budget": 1}).status_code == writes
        assert client.post("/budget/delete", json={"id": budget_id}).status_code == writes
        assert client.post("/budget/info", json={"budgets": [budget_id]}).status_code == reads
        assert client.get("/budget/list").status_code == reads
        assert client.get("/budget/settings", params={"budget_id": budget_id}).status_code == reads
    assert info(admin, budget_id)[0]["max_budget"] is None
