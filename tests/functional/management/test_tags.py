"""The tag routes over HTTP (api.md 2.7): what they take, give and refuse."""

from typing import Any

import httpx
import pytest

from tests.functional.management.answers import HOSTILE_NAMES, IMPOSSIBLE_NAMES, asked, refusal, told, unique
from tests.functional.management.callers import Callers, made
from tests.gateway import Gateway, chat

TAG_FIELDS = {"name", "description", "models", "model_info", "created_at", "updated_at", "created_by"}


def listed(admin: httpx.Client, **query: Any) -> dict[str, dict[str, Any]]:
    return {tag["name"]: tag for tag in asked(admin, "/tag/list", **query)}


def test_a_tag_from_beginning_to_end(admin: httpx.Client) -> None:
    name = unique("tag")
    new = made(admin, "/tag/new", name=name, description="Nightly jobs", max_budget=3, budget_duration="1d")
    assert new["message"] == f"Tag {name} created successfully"
    tag = new["tag"]
    assert tag.keys() >= TAG_FIELDS
    assert (tag["name"], tag["description"], tag["models"], tag["model_info"]) == (name, "Nightly jobs", [], {})
    assert tag["created_by"] == "default_user_id"

    assert made(admin, "/tag/info", names=[name, name]) == {name: tag}
    assert tag["litellm_budget_table"]["max_budget"] == 3.0
    assert listed(admin)[name] == tag
    changed = made(admin, "/tag/update", name=name, description=None, soft_budget=2)
    assert changed["message"] == f"Tag {name} updated successfully"
    budget = changed["tag"]["litellm_budget_table"]
    assert (changed["tag"]["description"], budget["max_budget"], budget["soft_budget"]) == (None, 3.0, 2.0)
    assert budget["budget_id"] == tag["budget_id"]
    assert made(admin, "/tag/delete", name=name) == {"message": f"Tag {name} deleted successfully"}
    assert name not in listed(admin)
    assert admin.post("/budget/info", json={"budgets": [tag["budget_id"]]}).json() == []


def test_deployments_are_told_by_name(admin: httpx.Client) -> None:
    deployment = made(admin, "/model/new", model_name=unique("model"), litellm_params={"model": "openai/gpt-4o"})
    tag = made(admin, "/tag/new", name=unique("tag"), models=[deployment["model_id"], "no-such-deployment"])["tag"]

    assert tag["models"] == [deployment["model_id"], "no-such-deployment"]
    assert tag["model_info"] == {deployment["model_id"]: deployment["model_name"]}
    assert made(admin, "/tag/update", name=tag["name"], models=None)["tag"]["model_info"] == {}


def test_a_tag_may_share_a_budget(admin: httpx.Client) -> None:
    budget_id = made(admin, "/budget/new", budget_id=unique("b"), max_budget=9)["budget_id"]
    name = made(admin, "/tag/new", name=unique("tag"), budget_id=budget_id)["tag"]["name"]
    own = made(admin, "/tag/update", name=name, max_budget=1)["tag"]["litellm_budget_table"]

    assert own["budget_id"] != budget_id
    made(admin, "/tag/delete", name=name)
    assert admin.post("/budget/info", json={"budgets": [budget_id]}).json()[0]["max_budget"] == 9.0


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/tag/new", {"name": "t", "max_budget": -1}, 400, "max_budget must be a non-negative finite number"),
        ("/tag/new", {"name": "t", "budget_duration": "abc"}, 400, "Invalid budget_duration 'abc'"),
        ("/tag/new", {"name": "t", "budget_id": "no-such-budget"}, 404, "Budget not found"),
        ("/tag/new", {"name": "t", "budget_id": "b", "max_budget": 1}, 400, "Set either 'max_budget' or 'budget_id'"),
        ("/tag/new", {}, 422, "Field required"),
        ("/tag/new", {"name": "t", "models": [1]}, 422, "valid string"),
        ("/tag/new", {"name": "t", "description": "x" * 10_001}, 422, "at most 10000"),
        ("/tag/update", {"name": "no-such-tag"}, 404, "Tag no-such-tag not found"),
        ("/tag/delete", {"name": "no-such-tag"}, 404, "Tag no-such-tag not found"),
        ("/tag/info", {"names": ["no-such-tag"]}, 404, "Tags not found: ['no-such-tag']"),
        ("/tag/info", {}, 422, "Field required"),
        *(("/tag/new", {"name": name}, status, "") for name, status in IMPOSSIBLE_NAMES.values()),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(
    gateway: Gateway, admin: httpx.Client, path: str, body: dict[str, Any], status: int, sentence: str
) -> None:
    tables = "SELECT (SELECT count(*) FROM teams_tag), (SELECT count(*) FROM teams_budget)"
    before = gateway.rows(tables)
    found, words = refusal(admin, path, **body)

    assert (found, sentence in words) == (status, True), words
    assert gateway.rows(tables) == before


def test_a_name_belongs_to_one_tag(admin: httpx.Client) -> None:
    name = made(admin, "/tag/new", name=unique("tag"))["tag"]["name"]

    assert refusal(admin, "/tag/new", name=name, max_budget=1) == (400, f"Tag {name} already exists")


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES.keys())
def test_hostile_names_are_inert(admin: httpx.Client, name: str) -> None:
    assert made(admin, "/tag/new", name=name, description=name, max_budget=1)["tag"]["name"] == name
    assert made(admin, "/tag/info", names=[name])[name]["description"] == name
    made(admin, "/tag/delete", name=name)


def test_the_list_names_tags_that_were_merely_seen(gateway: Gateway, admin: httpx.Client) -> None:
    seen, known = unique("seen"), unique("tag")
    made(admin, "/tag/new", name=known)
    with gateway.client() as client:
        answer = client.post("/v1/chat/completions", json=chat(metadata={"tags": [seen, known]}))
        assert answer.status_code == 200
    tags = listed(admin)

    assert tags[seen].keys() == tags[known].keys()
    assert (tags[seen]["models"], tags[seen]["created_by"]) == ([], None)
    assert tags[known]["created_by"] == "default_user_id"
    assert told(admin.post("/tag/info", json={"names": [seen]})) == (404, f"Tags not found: ['{seen}']")
    assert seen not in listed(admin, page=1, page_size=1) or len(tags) == 1


@pytest.mark.parametrize(
    ("caller", "writes", "reads"), [("vic", 403, 200), ("bob", 401, 401), ("dora", 401, 401), ("nobody", 401, 401)]
)
def test_tags_are_for_proxy_admins(
    gateway: Gateway, callers: Callers, admin: httpx.Client, caller: str, writes: int, reads: int
) -> None:
    name = made(admin, "/tag/new", name=unique("tag"))["tag"]["name"]
    with gateway.client(callers.keys[caller]) as client:
        assert client.post("/tag/new", json={"name": unique("tag")}).status_code == writes
        assert client.post("/tag/update", json={"name": name, "max_budget": 1}).status_code == writes
        assert client.post("/tag/delete", json={"name": name}).status_code == writes
        assert client.post("/tag/info", json={"names": [name]}).status_code == reads
        assert client.get("/tag/list").status_code == reads
    assert made(admin, "/tag/info", names=[name])[name]["budget_id"] is None
