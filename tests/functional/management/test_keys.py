"""The key routes over HTTP (api.md 2.2): what they take, give and refuse."""
# ruff: noqa: SIM905 - a list would take a line a name

import hashlib
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.functional.management.callers import made, wait_until_known
from tests.gateway import MASTER_KEY, Gateway, chat


def generate(admin: httpx.Client, **fields: Any) -> dict[str, Any]:
    return made(admin, "/key/generate", **fields)


def info(admin: httpx.Client, key: str) -> dict[str, Any]:
    answer = admin.get("/key/info", params={"key": key})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["info"]
    return found


def completes(gateway: Gateway, key: str, model: str = "gpt-4o", **fields: Any) -> int:
    with gateway.client(key) as client:
        return client.post("/v1/chat/completions", json=chat(model, **fields)).status_code


def unique(prefix: str = "k") -> str:
    return f"{prefix}-{uuid4().hex[:12]}"


KEY_FIELDS = set(
    "token key_name key_alias soft_budget_cooldown spend total_spend expires models aliases config router_settings "
    "user_id team_id agent_id project_id permissions max_parallel_requests metadata blocked tpm_limit rpm_limit "
    "tpd_limit max_budget budget_duration budget_reset_at allowed_cache_controls allowed_routes key_type policies "
    "access_group_ids model_spend model_max_budget budget_fallbacks budget_id organization_id object_permission_id "
    "created_at created_by updated_at updated_by settings_updated_at last_active rotation_count auto_rotate "
    "rotation_interval last_rotation_at key_rotation_at budget_limits litellm_budget_table "
    "litellm_organization_table litellm_project_table object_permission jwt_key_mappings".split()
)


def test_a_new_key_is_shown_once_with_its_hash_and_name(gateway: Gateway, admin: httpx.Client) -> None:
    alias = unique()
    new = generate(admin, key_alias=alias, models=["gpt-4o"], metadata={"team": "x"})

    assert new["key"].startswith("sk-")
    assert new["token"] == new["token_id"] == hashlib.sha256(new["key"].encode()).hexdigest()
    assert new["key_name"] == f"sk-...{new['key'][-4:]}"
    assert (new["key_alias"], new["models"], new["metadata"]) == (alias, ["gpt-4o"], {"team": "x"})
    assert new["created_by"] == "default_user_id"
    assert info(admin, new["key"]).keys() == KEY_FIELDS - {"token"} | {"status"}
    assert new["key"] not in str(gateway.rows("SELECT * FROM teams_virtualkey"))
    assert new["key"] not in str(gateway.rows("SELECT * FROM teams_auditentry"))
    assert new["key"] not in gateway.log()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"max_budget": 1.5, "budget_duration": "1d"}, {"max_budget": 1.5, "budget_duration": "1d"}),
        ({"max_budget": 0}, {"max_budget": 0.0}),
        ({"max_budget": 1e-9}, {"max_budget": 1e-9}),
        ({"soft_budget": 2}, {"litellm_budget_table": {"soft_budget": 2.0}}),
        ({"tpm_limit": 5, "rpm_limit": 0, "max_parallel_requests": 7}, {"tpm_limit": 5, "rpm_limit": 0}),
        ({"tags": ["a"]}, {"metadata": {"tags": ["a"]}}),
        ({"enforced_params": ["user"], "metadata": {"b": 1}}, {"metadata": {"enforced_params": ["user"], "b": 1}}),
        ({"model_rpm_limit": {"gpt-4o": 3}}, {"metadata": {"model_rpm_limit": {"gpt-4o": 3}}}),
        ({"aliases": {"mine": "gpt-4o"}}, {"aliases": {"mine": "gpt-4o"}}),
        ({"blocked": True}, {"blocked": True, "status": "revoked"}),
        ({"key_type": "llm_api"}, {"key_type": "llm_api", "allowed_routes": ["llm_api_routes"]}),
        ({"key_type": "read_only"}, {"allowed_routes": ["info_routes"]}),
        ({"allowed_routes": ["/chat/completions"]}, {"allowed_routes": ["/chat/completions"]}),
        ({"duration": None}, {"expires": None}),
        ({"auto_rotate": True, "rotation_interval": "30d"}, {"auto_rotate": True, "rotation_interval": "30d"}),
        (
            {"model_max_budget": {"gpt-4o": {"max_budget": 1, "budget_duration": "1d"}}},
            {"model_max_budget": {"gpt-4o": {"budget_limit": 1.0, "time_period": "1d"}}},
        ),
        ({"budget_fallbacks": {"gpt-4o": ["gpt-4o-mini"]}}, {"budget_fallbacks": {"gpt-4o": ["gpt-4o-mini"]}}),
        ({"permissions": {"a": 1}, "config": {"b": 2}}, {"permissions": {"a": 1}, "config": {"b": 2}}),
    ],
)
def test_what_is_given_is_kept_and_shown(admin: httpx.Client, given: dict[str, Any], shown: dict[str, Any]) -> None:
    found = info(admin, generate(admin, **given)["key"])

    assert {name: found[name] for name in shown} == shown


def test_windows_come_back_with_their_next_reset(admin: httpx.Client) -> None:
    new = generate(admin, budget_limits=[{"budget_duration": "1h", "max_budget": 1.0}])
    (window,) = info(admin, new["key"])["budget_limits"]

    assert (window["budget_duration"], window["max_budget"]) == ("1h", 1.0)
    resets = datetime.fromisoformat(window["reset_at"])
    assert timedelta(0) < resets - datetime.now(UTC) <= timedelta(hours=1)


def test_a_key_of_ones_own_choice(gateway: Gateway, admin: httpx.Client) -> None:
    mine = f"sk-{unique()}-mine"

    assert generate(admin, key=mine)["key"] == mine
    assert refusal(admin, "/key/generate", key=mine) == (400, "Key already exists. Choose another, or none.")
    wait_until_known(gateway, mine)
    assert completes(gateway, mine) == 200


def refusal(client: httpx.Client, path: str, **body: Any) -> tuple[int, str]:
    answer = client.post(path, json=body)
    return answer.status_code, message(answer)


def message(answer: httpx.Response) -> str:
    told = answer.json()
    if "error" in told:
        assert told["error"]["code"] == str(answer.status_code)
        return str(told["error"]["message"])
    detail = told["detail"]
    return str(detail["error"] if isinstance(detail, dict) else detail)


@pytest.mark.parametrize(
    ("given", "status", "sentence"),
    [
        ({"max_budget": -1.0}, 400, "max_budget must be a non-negative finite number. Received: -1.0"),
        ({"max_budget": "nan"}, 400, "max_budget must be a non-negative finite number. Received: nan"),
        ({"max_budget": "inf"}, 400, "max_budget must be a non-negative finite number. Received: inf"),
        ({"max_budget": 1e300}, 400, "max_budget must be a non-negative finite number. Received: 1e+300"),
        ({"soft_budget": -1}, 400, "soft_budget must be a non-negative finite number. Received: -1.0"),
        ({"budget_duration": "abc"}, 400, "Use a format like '1h', '24h', '7d', or '30d'."),
        ({"budget_duration": "0d"}, 400, "Invalid budget_duration '0d'"),
        ({"budget_duration": "2mo"}, 400, "Invalid budget_duration '2mo'"),
        ({"duration": "soon"}, 400, "Invalid duration 'soon'"),
        ({"budget_limits": [{"budget_duration": "x", "max_budget": 1}]}, 400, "Invalid budget_duration 'x'"),
        ({"model_max_budget": {"m": {"time_period": "1d"}}}, 400, "needs a budget_limit"),
        ({"model_max_budget": {"m": {"budget_limit": -1}}}, 400, "must be a non-negative finite number"),
        ({"key": "pk-0123456789abcdef"}, 400, "It must start with 'sk-'"),
        ({"key": "sk-short"}, 400, "16 to 200"),
        ({"auto_rotate": True}, 400, "rotation_interval is required"),
        ({"budget_id": "no-such-budget"}, 404, "Budget not found for budget_id=no-such-budget"),
        ({"organization_id": "no-such-organization"}, 400, "Organization not found"),
        ({"max_budget": "x"}, 422, "valid number"),
        ({"models": "gpt-4o"}, 422, "valid list"),
        ({"models": [1]}, 422, "valid string"),
        ({"metadata": []}, 422, "valid dictionary"),
        ({"tpm_limit": -1}, 422, "greater than or equal to 0"),
        ({"tpm_limit": 2**63}, 422, "less than or equal"),
        ({"key_alias": "x" * 256}, 422, "at most 255"),
        ({"key_type": "root"}, 422, "'llm_api', 'management', 'read_only' or 'default'"),
        ({"user_id": "u" * 300}, 422, "at most 255"),
        ({"user_id": ""}, 422, "at least 1"),
        ({"key_alias": "a\x00b"}, 400, "NUL"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(
    gateway: Gateway, admin: httpx.Client, given: dict[str, Any], status: int, sentence: str
) -> None:
    before = gateway.rows("SELECT count(*) FROM teams_virtualkey")
    found, told = refusal(admin, "/key/generate", **given)

    assert (found, sentence in told) == (status, True), told
    assert gateway.rows("SELECT count(*) FROM teams_virtualkey") == before


def test_wrong_types_are_told_in_the_shape_that_clients_know(admin: httpx.Client) -> None:
    answer = admin.post("/key/generate", json={"max_budget": "x"})

    assert answer.json() == {
        "detail": [
            {
                "type": "float_parsing",
                "loc": ["body", "max_budget"],
                "msg": "Input should be a valid number, unable to parse string as a number",
            }
        ]
    }


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[]", 422),
        (b"nul", 422),
        (b'{"max_budget": NaN}', 400),
        (b'{"key_alias":"\\ud800"}', 400),
        (b"[" * 100_000, 422),
        (b'{"metadata":' * 5000, 422),
        (b'{"metadata":' * 400 + b"1" + b"}" * 400, 400),
    ],
)
def test_what_is_no_json_is_told_so(admin: httpx.Client, raw: bytes, status: int) -> None:
    answer = admin.post("/key/generate", content=raw, headers={"content-type": "application/json"})

    assert answer.status_code == status, answer.text


def test_a_body_beyond_the_limit_is_refused(admin: httpx.Client) -> None:
    answer = admin.post("/key/generate", json={"metadata": {"x": "y" * 11_000_000}})

    assert (answer.status_code, "larger than" in message(answer)) == (413, True)


def test_unknown_fields_are_ignored_and_named(admin: httpx.Client) -> None:
    answer = admin.post("/key/generate", json={"colour": "red", "<script>": 1, "models": []})

    assert answer.status_code == 200
    assert answer.headers["x-tollkeeper-ignored-fields"] == "colour"


def test_an_alias_belongs_to_one_key(admin: httpx.Client) -> None:
    alias = unique()
    generate(admin, key_alias=alias)

    assert refusal(admin, "/key/generate", key_alias=alias) == (
        400,
        f"Key with alias '{alias}' already exists. Unique key aliases across all keys are required.",
    )


def test_owners_that_an_admin_names_are_made(admin: httpx.Client) -> None:
    user, team = unique("u"), unique("t")
    generate(admin, user_id=user, team_id=team)

    assert admin.get("/user/info", params={"user_id": user}).status_code == 200
    assert admin.get("/team/info", params={"team_id": team}).status_code == 200


def test_an_update_keeps_what_is_left_out_and_null_clears(admin: httpx.Client) -> None:
    key = generate(admin, max_budget=5, rpm_limit=3, models=["gpt-4o"], metadata={"a": 1}, tags=["t"])["key"]
    changed = made(admin, "/key/update", key=key, rpm_limit=9)
    assert (changed["max_budget"], changed["rpm_limit"], changed["models"]) == (5.0, 9, ["gpt-4o"])
    assert changed["key"] == key

    made(admin, "/key/update", key=key, max_budget=None, rpm_limit=None, metadata={"b": 2}, duration="1h")
    found = info(admin, key)
    assert (found["max_budget"], found["rpm_limit"]) == (None, None)
    assert found["metadata"] == {"b": 2, "tags": ["t"]}
    assert found["expires"] is not None

    made(admin, "/key/update", key=key, duration="-1")
    assert info(admin, key)["expires"] is None


def test_a_key_is_named_by_itself_its_hash_or_its_alias(admin: httpx.Client) -> None:
    alias = unique()
    new = generate(admin, key_alias=alias)

    for name in ({"key": new["key"]}, {"key": new["token"]}, {"key_alias": alias}):
        assert made(admin, "/key/update", **name, tpm_limit=1)["token"] == new["token"]
    assert refusal(admin, "/key/update", tpm_limit=1)[0] == 422
    assert refusal(admin, "/key/update", key="sk-nobody-has-this-one") == (404, "Key not found.")


def test_a_temporary_increase_is_shown_in_the_metadata(admin: httpx.Client) -> None:
    key = generate(admin, max_budget=5)["key"]
    made(admin, "/key/update", key=key, temp_budget_increase=2.5, temp_budget_expiry="2030-01-01T00:00:00Z")

    assert info(admin, key)["metadata"] == {
        "temp_budget_increase": 2.5,
        "temp_budget_expiry": "2030-01-01T00:00:00+00:00",
    }


def test_several_keys_are_changed_each_on_its_own(admin: httpx.Client) -> None:
    first, second = (generate(admin)["key"] for _ in range(2))
    told = made(
        admin,
        "/key/bulk_update",
        keys=[
            {"key": first, "tpm_limit": 1},
            {"key": "sk-nobody-has-this-one"},
            {"key": second, "max_budget": -1},
            {"key": second, "tpm_limit": "x"},
        ],
    )

    assert told["total_requested"] == 4
    assert [one["key_info"]["tpm_limit"] for one in told["successful_updates"]] == [1]
    assert [one["failed_reason"] for one in told["failed_updates"]] == [
        "Key not found.",
        "max_budget must be a non-negative finite number. Received: -1.0",
        "Input should be a valid integer, unable to parse string as an integer",
    ]
    assert info(admin, second)["max_budget"] is None


def test_keys_are_deleted_all_or_none_and_live_on_in_the_archive(gateway: Gateway, admin: httpx.Client) -> None:
    alias = unique()
    first, second = generate(admin), generate(admin, key_alias=alias)
    assert refusal(admin, "/key/delete", keys=[first["key"], "sk-nobody-has-this-one"]) == (404, "No keys found")
    assert info(admin, first["key"])["status"] == "active"

    assert made(admin, "/key/delete", keys=[first["token"]]) == {"deleted_keys": [first["token"]]}
    assert made(admin, "/key/delete", key_aliases=[alias]) == {"deleted_keys": [alias]}
    assert admin.get("/key/info", params={"key": second["key"]}).status_code == 404
    listed = admin.get("/key/list", params={"status": "deleted", "return_full_object": True, "key_alias": alias}).json()
    assert [(key["token"], key["key_alias"]) for key in listed["keys"]] == [(second["token"], alias)]
    assert completes(gateway, second["key"]) == 401
    assert refusal(admin, "/key/delete")[0] == 422


def test_info_is_of_the_key_itself_unless_another_is_named(gateway: Gateway, admin: httpx.Client) -> None:
    new = generate(admin)
    wait_until_known(gateway, new["key"])
    with gateway.client(new["key"]) as client:
        own = client.get("/key/info").json()
        other = client.get("/key/info", params={"key": generate(admin)["key"]})

    assert own["key"] == new["token"]
    assert own["info"]["key_name"] == new["key_name"]
    assert (other.status_code, message(other)) == (404, "Key not found in database")


def test_several_are_asked_for_at_once(admin: httpx.Client) -> None:
    keys = [generate(admin)["key"] for _ in range(3)]
    found = made(admin, "/v2/key/info", keys=[*keys, "sk-nobody-has-this-one"])

    assert sorted(found["key"]) == sorted(keys)
    assert len(found["info"]) == 3


def test_spend_is_what_the_ledger_says(gateway: Gateway, admin: httpx.Client) -> None:
    new = generate(admin, model_max_budget={"gpt-4o": 1}, budget_duration="1d", max_budget=1)
    key = new["key"]
    wait_until_known(gateway, key)
    assert completes(gateway, key) == completes(gateway, key) == 200
    ((spent,),) = gateway.rows(f"SELECT sum(amount_nano) FROM budgets_ledgerentry WHERE key_hash = '{new['token']}'")
    found = info(admin, key)

    assert spent > 0
    assert found["spend"] == found["total_spend"] == int(spent) / 1e9
    assert found["model_max_budget_usage"]["gpt-4o"]["current_spend"] == int(spent) / 1e9
    assert found["last_active"] is not None

    told = made(admin, f"/key/{key}/reset_spend", reset_to=0.0)
    assert (told["spend"], told["previous_spend"]) == (0.0, int(spent) / 1e9)
    assert told["budget_reset_at"] is not None
    assert (info(admin, key)["spend"], info(admin, key)["total_spend"]) == (0.0, int(spent) / 1e9)
    assert refusal(admin, f"/key/{key}/reset_spend", reset_to=5)[0] == 400
    made(admin, "/key/update", key=key, spend=0.25)
    assert info(admin, key)["spend"] == 0.25


def test_a_blocked_key_is_refused_on_its_next_request_and_let_in_again(gateway: Gateway, admin: httpx.Client) -> None:
    key = generate(admin)["key"]
    wait_until_known(gateway, key)
    assert made(admin, "/key/block", key=key)["blocked"] is True
    settle(gateway)
    with gateway.client(key) as client:
        answer = client.post("/v1/chat/completions", json=chat())
    assert answer.status_code == 401
    assert message(answer) == "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin."

    assert made(admin, "/key/unblock", key=key)["blocked"] is False
    settle(gateway)
    assert completes(gateway, key) == 200
    assert refusal(admin, "/key/block", key="") == (400, "Invalid key format.")
    assert refusal(admin, "/key/block", key="sk-nobody-has-this-one") == (404, "Key not found.")


def settle(gateway: Gateway) -> None:
    """The snapshot follows a change within a moment; a key made afterwards shows that it has."""
    with gateway.client() as client:
        wait_until_known(gateway, generate(client)["key"])


def test_a_regenerated_key_keeps_all_but_its_text(gateway: Gateway, admin: httpx.Client) -> None:
    alias = unique()
    old = generate(admin, key_alias=alias, max_budget=5)
    wait_until_known(gateway, old["key"])
    assert completes(gateway, old["key"]) == 200
    spent = info(admin, old["key"])["spend"]
    new = made(admin, f"/key/{old['key']}/regenerate")
    settle(gateway)

    assert new["key"] != old["key"]
    assert (new["key_alias"], new["max_budget"], new["rotation_count"]) == (alias, 5.0, 1)
    assert new["spend"] == spent > 0
    assert (completes(gateway, old["key"]), completes(gateway, new["key"])) == (401, 200)
    assert info(admin, new["key"])["spend"] == pytest.approx(2 * spent)


def test_with_a_grace_period_both_work_for_a_while(gateway: Gateway, admin: httpx.Client) -> None:
    old = generate(admin)
    new = made(admin, "/key/regenerate", key=old["key"], grace_period="2s", new_key=f"sk-{unique()}-new")
    settle(gateway)
    assert (completes(gateway, old["key"]), completes(gateway, new["key"])) == (200, 200)
    ((hash_of_call,),) = gateway.rows(
        f"SELECT DISTINCT key_hash FROM budgets_ledgerentry WHERE key_hash IN ('{old['token']}', '{new['token']}')"
    )
    assert hash_of_call == new["token"]

    deadline = time.monotonic() + 10
    while completes(gateway, old["key"]) == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert refusal(admin, "/key/regenerate", key=new["key"], grace_period="soon")[0] == 400
    assert refusal(admin, "/key/generate", key=old["key"])[0] == 400, "a retired key must not be handed out again"


def test_a_key_expires(gateway: Gateway, admin: httpx.Client) -> None:
    key = generate(admin, duration="2s")["key"]
    wait_until_known(gateway, key)
    deadline = time.monotonic() + 10
    while completes(gateway, key) == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with gateway.client(key) as client:
        answer = client.post("/v1/chat/completions", json=chat())

    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "expired_key")
    assert info(admin, key)["status"] == "expired"


@pytest.mark.parametrize(
    ("fields", "asked", "status"),
    [
        ({"models": ["gpt-4o"]}, "gpt-4o", 200),
        ({"models": ["gpt-4o"]}, "gpt-4o-mini", 403),
        ({"models": ["no-default-models"]}, "gpt-4o", 403),
        ({"models": ["all-proxy-models"]}, "gpt-4o", 200),
        ({"aliases": {"mine": "gpt-4o"}, "models": ["mine"]}, "mine", 200),
        ({"aliases": {"mine": "gpt-4o"}, "models": ["gpt-4o-mini"]}, "mine", 403),
        ({"key_type": "llm_api"}, "gpt-4o", 200),
        ({"key_type": "management"}, "gpt-4o", 403),
        ({"allowed_routes": ["/embeddings"]}, "gpt-4o", 403),
        ({"allowed_routes": ["/v1/chat/*"]}, "gpt-4o", 200),
        ({"enforced_params": ["metadata.job"]}, "gpt-4o", 400),
    ],
)
def test_a_key_may_do_what_it_was_made_for(
    gateway: Gateway, admin: httpx.Client, fields: dict[str, Any], asked: str, status: int
) -> None:
    key = generate(admin, **fields)["key"]
    settle(gateway)

    assert completes(gateway, key, asked) == status


def test_lists_are_paged_filtered_and_sorted(admin: httpx.Client) -> None:
    user, prefix = unique("u"), unique("list")
    keys = [generate(admin, user_id=user, key_alias=f"{prefix}-{number}", max_budget=number) for number in range(12)]

    def listed(**query: Any) -> dict[str, Any]:
        answer = admin.get("/key/list", params={"user_id": user, **query})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    first = listed()
    assert first["keys"] == [key["token"] for key in reversed(keys)][:10]
    assert (first["total_count"], first["current_page"], first["total_pages"]) == (12, 1, 2)
    assert listed(page=2)["keys"] == [keys[1]["token"], keys[0]["token"]]
    assert listed(page=99)["keys"] == []
    assert listed(sort_by="max_budget", sort_order="asc", size=2)["keys"] == [keys[0]["token"], keys[1]["token"]]
    assert listed(sort_by="key_alias", sort_order="desc", size=1)["keys"] == [keys[9]["token"]]
    assert len(listed(sort_by="spend", size=100)["keys"]) == 12
    assert listed(key_alias=f"{prefix}-3")["keys"] == [keys[3]["token"]]
    assert len(listed(key_alias=prefix, substring_matching=True, size=100)["keys"]) == 12
    assert listed(key_hash=keys[5]["key"])["keys"] == [keys[5]["token"]]
    assert listed(search=keys[7]["token"][:20])["keys"] == [keys[7]["token"]]
    made(admin, "/key/block", key=keys[0]["key"])
    assert listed(status="revoked")["keys"] == [keys[0]["token"]]
    assert listed(status="active")["total_count"] == 11
    (full,) = listed(return_full_object=True, size=1, expand="user")["keys"]
    assert full["user"]["user_id"] == user
    assert full.keys() == KEY_FIELDS | {"user"}


@pytest.mark.parametrize("column", ["key_alias", "max_budget"])
def test_keys_without_what_they_are_sorted_by_are_less_than_any(admin: httpx.Client, column: str) -> None:
    user, prefix = unique("u"), unique("list")
    bare = generate(admin, user_id=user)["token"]
    one, two = (
        generate(admin, user_id=user, key_alias=f"{prefix}-{number}", max_budget=number)["token"] for number in (0, 1)
    )

    for order, wanted in (("asc", [bare, one, two]), ("desc", [two, one, bare])):
        answer = admin.get("/key/list", params={"user_id": user, "sort_by": column, "sort_order": order})
        assert answer.json()["keys"] == wanted


@pytest.mark.parametrize(
    "query", [{"page": 0}, {"size": 101}, {"page": "x"}, {"sort_by": "password"}, {"status": "odd"}, {"page": 10**30}]
)
def test_a_list_that_cannot_be_is_refused(admin: httpx.Client, query: dict[str, Any]) -> None:
    assert admin.get("/key/list", params=query).status_code == 422


def test_aliases_are_listed(admin: httpx.Client) -> None:
    alias = unique("alias")
    generate(admin, key_alias=alias)
    found = admin.get("/key/aliases", params={"search": alias}).json()

    assert found == {"aliases": [alias], "total_count": 1, "current_page": 1, "total_pages": 1, "size": 50}


def test_a_key_asks_for_its_own_health(gateway: Gateway, admin: httpx.Client) -> None:
    key = generate(admin)["key"]
    wait_until_known(gateway, key)
    with gateway.client(key) as client:
        assert client.post("/key/health").json() == {"key": "healthy", "logging_callbacks": None}


@pytest.mark.parametrize(
    "alias", ["<script>alert(1)</script>", "'; DROP TABLE teams_virtualkey; --", "日本語 🔑", "=1+1", "%_\\"]
)
def test_hostile_names_are_inert(admin: httpx.Client, alias: str) -> None:
    name = f"{alias} {unique()}"
    key = generate(admin, key_alias=name)["key"]

    assert info(admin, key)["key_alias"] == name
    assert made(admin, "/key/update", key_alias=name, tpm_limit=1)["key_alias"] == name


def test_a_key_has_no_more_than_its_team(gateway: Gateway, admin: httpx.Client) -> None:
    team = made(admin, "/team/new", models=["gpt-4o"], max_budget=10, rpm_limit=10)["team_id"]

    assert refusal(admin, "/key/generate", team_id=team, max_budget=11) == (
        400,
        "max_budget (11.0) cannot exceed the team's max_budget (10.0).",
    )
    assert refusal(admin, "/key/generate", team_id=team, models=["gpt-4o-mini"])[0] == 403
    assert generate(admin, team_id=team, models=["gpt-4o"], max_budget=10)["team_id"] == team
    assert generate(admin, team_id=team, models=["all-team-models"])["models"] == ["all-team-models"]
    generate(admin, team_id=team, rpm_limit=8, rpm_limit_type="guaranteed_throughput")
    status, told = refusal(admin, "/key/generate", team_id=team, rpm_limit=3, rpm_limit_type="guaranteed_throughput")
    assert (status, "8 of 10 are promised already" in told) == (400, True)


def test_service_accounts_belong_to_a_team_and_to_nobody(admin: httpx.Client) -> None:
    team = made(admin, "/team/new")["team_id"]
    key = made(admin, "/key/service-account/generate", team_id=team, key_alias=unique("robot"))

    assert (key["team_id"], key["user_id"]) == (team, None)
    status, told = refusal(admin, "/key/service-account/generate", team_id="no-such-team")
    assert (status, told.startswith("team_id does not exist in the database.")) == (400, True)
    assert refusal(admin, "/key/service-account/generate")[0] == 422


def test_the_master_key_is_no_row(admin: httpx.Client) -> None:
    assert admin.get("/key/info", params={"key": MASTER_KEY}).status_code == 404
    assert refusal(admin, "/key/rotated")[0] == 404
