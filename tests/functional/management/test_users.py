"""The user routes over HTTP (api.md 2.4): what they take, give and refuse."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.upstream import FakeUpstream
from tests.functional.management.answers import HOSTILE_NAMES, IMPOSSIBLE_NAMES, asked, refusal, unique
from tests.functional.management.callers import made, wait_until_known
from tests.gateway import Gateway, chat, model

USER_FIELDS = {
    "user_id", "user_alias", "team_id", "sso_user_id", "organization_id", "object_permission_id", "teams", "user_role",
    "max_budget", "spend", "user_email", "models", "metadata", "max_parallel_requests", "tpm_limit", "rpm_limit",
    "budget_duration", "budget_reset_at", "allowed_cache_controls", "policies", "model_spend", "model_max_budget",
    "created_at", "updated_at", "organization_memberships", "object_permission",
}  # fmt: skip
TABLES = ("teams_user", "teams_virtualkey", "teams_membership", "teams_organizationmembership", "teams_budget",
          "teams_auditentry", "budgets_spendadjustment")  # fmt: skip


def new_user(admin: httpx.Client, **fields: Any) -> str:
    """The id of a user without a key."""
    wanted = {"user_id": unique("u"), "auto_create_key": False, **fields}
    return str(made(admin, "/user/new", **wanted)["user_id"])


def shown(client: httpx.Client, user_id: str) -> dict[str, Any]:
    found: dict[str, Any] = asked(client, "/user/info", user_id=user_id)["user_info"]
    return found


@pytest.fixture
def nothing_is_stored(gateway: Gateway) -> Iterator[None]:
    before = counts(gateway)
    yield
    assert counts(gateway) == before


def counts(gateway: Gateway) -> dict[str, Any]:
    return {table: gateway.rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def test_a_new_user_comes_with_a_key_that_works(gateway: Gateway, admin: httpx.Client) -> None:
    user_id = unique("u")
    new = made(
        admin,
        "/user/new",
        user_id=user_id,
        user_email=f"{user_id}@example.com",
        user_alias="Ada",
        max_budget=5,
        budget_duration="30d",
        models=["gpt-4o"],
        metadata={"floor": 3},
        key_alias=f"{user_id}'s",
        duration="1h",
    )

    assert new["key"].startswith("sk-")
    assert (new["token"], new["token_id"]) == (None, None)
    assert (new["user_id"], new["user_email"], new["user_alias"]) == (user_id, f"{user_id}@example.com", "Ada")
    assert (new["user_role"], new["teams"], new["key_alias"]) == ("internal_user", [], f"{user_id}'s")
    assert (new["max_budget"], new["budget_duration"], new["models"]) == (5.0, "30d", ["gpt-4o"])
    assert new["expires"] is not None
    (key,) = asked(admin, "/user/info", user_id=user_id)["keys"]
    assert (key["key_alias"], key["user_id"], key["max_budget"], key["models"]) == (f"{user_id}'s", user_id, None, [])
    wait_until_known(gateway, new["key"])
    with gateway.client(new["key"]) as client:
        assert client.post("/v1/chat/completions", json=chat("gpt-4o")).status_code == 200
        assert client.post("/v1/chat/completions", json=chat("gpt-4o-mini")).status_code == 403


def test_without_a_key_the_answer_has_the_same_fields(admin: httpx.Client) -> None:
    with_key = made(admin, "/user/new", user_id=unique("u"))
    without = made(admin, "/user/new", user_id=unique("u"), auto_create_key=False)

    assert without["key"] == ""
    assert without.keys() == with_key.keys()
    assert asked(admin, "/user/info", user_id=without["user_id"])["keys"] == []


def test_a_user_without_an_id_is_given_one(admin: httpx.Client) -> None:
    first, second = (made(admin, "/user/new", auto_create_key=False)["user_id"] for _ in range(2))

    assert first != second
    assert shown(admin, first).keys() >= USER_FIELDS


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"user_role": "proxy_admin_viewer"}, {"user_role": "proxy_admin_viewer"}),
        ({"max_budget": 0}, {"max_budget": 0.0}),
        ({"max_budget": 1e-9}, {"max_budget": 1e-9}),
        ({"tpm_limit": 1, "rpm_limit": 2, "max_parallel_requests": 3}, {"tpm_limit": 1, "rpm_limit": 2}),
        ({"model_max_budget": {"gpt-4o": 1}}, {"model_max_budget": {"gpt-4o": {"budget_limit": 1.0}}}),
        ({"metadata": {"a": [1, {"b": None}]}}, {"metadata": {"a": [1, {"b": None}]}}),
        ({"metadata": None, "models": None}, {"metadata": {}, "models": []}),
    ],
)
def test_what_is_given_is_kept_and_shown(admin: httpx.Client, given: dict[str, Any], found: dict[str, Any]) -> None:
    user = shown(admin, new_user(admin, **given))

    assert {name: user[name] for name in found} == found


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(
    ("given", "status", "sentence"),
    [
        ({"max_budget": -1.0}, 400, "max_budget must be a non-negative finite number. Received: -1.0"),
        ({"max_budget": "inf"}, 400, "must be a non-negative finite number"),
        ({"budget_duration": "abc"}, 400, "Invalid budget_duration 'abc'. Use a format like"),
        ({"duration": "soon"}, 400, "Invalid duration 'soon'"),
        ({"teams": ["no-such-team"]}, 404, "Team not found, passed team_id=no-such-team"),
        ({"team_id": "no-such-team"}, 404, "Team not found, passed team_id=no-such-team"),
        ({"organizations": ["no-such-organization"]}, 404, "Organization not found"),
        ({"user_id": "default_user_id"}, 409, "User with id default_user_id already exists"),
        ({"user_role": "king"}, 422, "'proxy_admin', 'proxy_admin_viewer', 'internal_user' or 'internal_user_viewer'"),
        ({"user_role": "org_admin"}, 422, "'proxy_admin'"),
        ({"user_email": "nobody"}, 422, "pattern"),
        ({"user_email": f"{'x' * 250}@x.de"}, 422, "at most 254"),
        ({"user_alias": "x" * 256}, 422, "at most 255"),
        ({"teams": [{"max_budget_in_team": 1}]}, 422, "team_id"),
        ({"teams": "red"}, 422, "valid list"),
        ({"metadata": []}, 422, "valid dictionary"),
        ({"auto_create_key": "perhaps"}, 422, "boolean"),
        ({"metadata": {"a": "b\x00"}}, 400, "NUL"),
        *(({"user_id": name}, status, "") for name, status in IMPOSSIBLE_NAMES.values()),
    ],
)
def test_a_user_that_cannot_be_is_refused_and_nothing_is_stored(
    admin: httpx.Client, given: dict[str, Any], status: int, sentence: str
) -> None:
    found, words = refusal(admin, "/user/new", **{"user_id": "never", **given})

    assert (found, sentence in words) == (status, True), words


def test_a_key_that_cannot_be_takes_its_user_with_it(gateway: Gateway, admin: httpx.Client) -> None:
    alias = unique("k")
    made(admin, "/key/generate", key_alias=alias)
    before = counts(gateway)

    status, sentence = refusal(admin, "/user/new", user_id=unique("u"), key_alias=alias)
    assert (status, sentence.startswith(f"Key with alias '{alias}' already exists")) == (400, True)
    assert counts(gateway) == before


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES.keys())
def test_hostile_ids_are_inert(admin: httpx.Client, name: str) -> None:
    assert new_user(admin, user_id=name, user_alias=name) == name

    user = shown(admin, name)
    assert (user["user_id"], user["user_alias"]) == (name, name)
    assert refusal(admin, "/user/new", user_id=name) == (409, f"User with id {name} already exists")
    assert admin.post("/user/delete", json={"user_ids": [name]}).json() == 1


def test_a_name_that_somebody_logs_in_with_is_still_free_as_an_id(admin: httpx.Client) -> None:
    assert new_user(admin, user_id="admin") == "admin"
    assert admin.post("/user/delete", json={"user_ids": ["admin"]}).json() == 1


def test_an_address_belongs_to_one_user_whatever_its_case(admin: httpx.Client) -> None:
    address = f"{unique('Ada')}@Example.com"
    new_user(admin, user_email=address)

    for same in (address, address.lower(), address.upper()):
        sentence = f"User with email {same} already exists"
        assert refusal(admin, "/user/new", user_id=unique("u"), user_email=same) == (409, sentence)
        assert refusal(admin, "/user/update", user_id=new_user(admin), user_email=same) == (409, sentence)


def test_a_user_joins_teams_with_a_budget_in_each(admin: httpx.Client) -> None:
    plain, paid = (made(admin, "/team/new", team_alias=unique("team"))["team_id"] for _ in range(2))
    user_id = new_user(
        admin, teams=[plain, {"team_id": paid, "max_budget_in_team": 2.5, "user_role": "admin"}, {"team_id": plain}]
    )
    assert sorted(shown(admin, user_id)["teams"]) == sorted([plain, paid])

    membership = membership_of(admin, paid, user_id)
    assert membership["litellm_budget_table"]["max_budget"] == 2.5
    assert membership_of(admin, plain, user_id)["litellm_budget_table"] is None
    roles = asked(admin, "/team/info", team_id=paid)["team_info"]["members_with_roles"]
    assert [one["role"] for one in roles if one["user_id"] == user_id] == ["admin"]


def membership_of(admin: httpx.Client, team_id: str, user_id: str) -> dict[str, Any]:
    memberships = asked(admin, "/team/info", team_id=team_id)["team_memberships"]
    (found,) = (one for one in memberships if one["user_id"] == user_id)
    assert isinstance(found, dict)
    return found


def test_the_first_key_can_belong_to_a_team_that_is_joined(admin: httpx.Client) -> None:
    team_id = made(admin, "/team/new", team_alias=unique("team"))["team_id"]
    new = made(admin, "/user/new", user_id=unique("u"), team_id=team_id)

    assert (new["teams"], new["team_id"]) == ([team_id], team_id)
    (key,) = asked(admin, "/user/info", user_id=new["user_id"])["keys"]
    team = asked(admin, "/team/info", team_id=team_id)["team_info"]
    assert (key["team_id"], key["team_alias"]) == (team_id, team["team_alias"])


def test_an_update_keeps_what_is_left_out_and_null_clears(admin: httpx.Client) -> None:
    user_id = new_user(admin, user_alias="a", max_budget=3, rpm_limit=5, metadata={"a": 1}, models=["gpt-4o"])
    answer = made(admin, "/user/update", user_id=user_id, max_budget=None, metadata={"b": 2}, user_alias="b")

    assert answer["user_id"] == user_id
    user = answer["data"]
    assert user == shown(admin, user_id)
    assert (user["max_budget"], user["rpm_limit"], user["metadata"]) == (None, 5, {"b": 2})
    assert (user["user_alias"], user["models"], user["user_role"]) == ("b", ["gpt-4o"], "internal_user")
    cleared = made(admin, "/user/update", user_id=user_id, models=None, user_alias=None, rpm_limit=None)["data"]
    assert (cleared["models"], cleared["user_alias"], cleared["rpm_limit"]) == ([], None, None)


def test_a_user_is_named_by_address_too(admin: httpx.Client) -> None:
    address = f"{unique('ada')}@example.com"
    user_id = new_user(admin, user_email=address)

    assert made(admin, "/user/update", user_email=address.upper(), user_alias="x")["user_id"] == user_id
    moved = made(admin, "/user/update", user_id=user_id, user_email=f"new-{address}")["data"]
    assert (moved["user_email"], moved["user_alias"]) == (f"new-{address}", "x")
    assert refusal(admin, "/user/update", user_email=address) == (404, f"User not found, passed user_email={address}")


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(
    ("given", "status", "sentence"),
    [
        ({"user_id": "no-such-user", "max_budget": 1}, 404, "User not found, passed user_id=no-such-user"),
        ({"max_budget": 1}, 422, "Either user id or user email must be provided"),
        ({"user_id": "default_user_id", "max_budget": -1}, 400, "must be a non-negative finite number"),
        ({"user_id": "default_user_id", "spend": -1}, 400, "must be a non-negative finite number"),
        ({"user_id": "default_user_id", "user_role": "internal_user"}, 400, "somebody has to be left"),
        ({"user_id": "default_user_id", "user_role": "king"}, 422, "'proxy_admin'"),
    ],
)
def test_an_update_that_cannot_be_is_refused(
    admin: httpx.Client, given: dict[str, Any], status: int, sentence: str
) -> None:
    found, words = refusal(admin, "/user/update", **given)

    assert (found, sentence in words) == (status, True), words


def test_an_unknown_user_is_told_in_the_usual_envelope(admin: httpx.Client) -> None:
    answer = admin.post("/user/update", json={"user_id": "nope"})

    assert answer.json() == {
        "error": {
            "message": "User not found, passed user_id=nope",
            "type": "not_found_error",
            "param": "user_id",
            "code": "404",
        }
    }


def test_spend_can_be_set_and_the_ledger_stays(admin: httpx.Client) -> None:
    user_id = new_user(admin)
    assert made(admin, "/user/update", user_id=user_id, spend=1.25)["data"]["spend"] == 1.25
    assert made(admin, "/user/update", user_id=user_id, spend=0)["data"]["spend"] == 0.0

    user = shown(admin, user_id)
    assert (user["spend"], user["total_spend"]) == (0.0, 0.0)
    changes = asked(admin, "/audit", object_type="user", object_id=user_id)["audit_logs"]
    assert {"spend": 1.25} in [entry["updated_values"] for entry in changes]


def test_what_nobody_says_of_a_new_user_the_configuration_does(tmp_path: Path, upstream: FakeUpstream) -> None:
    settings = {
        "default_internal_user_params": {"user_role": "internal_user_viewer", "models": ["gpt-4o"], "rpm_limit": 7},
        "max_internal_user_budget": 4.5,
        "internal_user_budget_duration": "1d",
        "default_key_generate_params": {"user_id": "somebody-else", "tpm_limit": 3},
    }
    config = {"model_list": [model("gpt-4o", upstream.url)], "litellm_settings": settings}
    with Gateway(tmp_path, config) as gateway, gateway.client() as admin:
        plain = shown(admin, made(admin, "/user/new", user_id="plain")["user_id"])
        assert (plain["user_role"], plain["models"], plain["rpm_limit"]) == ("internal_user_viewer", ["gpt-4o"], 7)
        assert (plain["max_budget"], plain["budget_duration"]) == (4.5, "1d")
        (key,) = asked(admin, "/user/info", user_id="plain")["keys"]
        assert (key["user_id"], key["tpm_limit"], key["rpm_limit"]) == ("plain", 3, None)

        asking = shown(admin, made(admin, "/user/new", user_role="internal_user", max_budget=9, models=[])["user_id"])
        assert (asking["user_role"], asking["max_budget"], asking["models"]) == ("internal_user", 9.0, [])
        viewer = shown(admin, made(admin, "/user/new", user_role="proxy_admin_viewer")["user_id"])
        assert viewer["max_budget"] is None
