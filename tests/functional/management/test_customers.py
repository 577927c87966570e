"""The customer routes over HTTP (api.md 2.5): what they take, give and refuse, and who is served afterwards."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.functional.management.answers import HOSTILE_NAMES, IMPOSSIBLE_NAMES, asked, refusal, told, unique
from tests.functional.management.callers import Callers, made
from tests.functional.test_virtual_keys import until
from tests.gateway import MASTER_KEY, Gateway, chat

CUSTOMER_FIELDS = {
    "user_id", "blocked", "alias", "spend", "allowed_model_region", "default_model", "models", "budget_id",
    "litellm_budget_table", "object_permission_id", "object_permission",
}  # fmt: skip
TABLES = ("teams_customer", "teams_budget", "teams_auditentry", "budgets_spendadjustment")


def new_customer(admin: httpx.Client, **fields: Any) -> str:
    return str(made(admin, "/customer/new", **{"user_id": unique("c"), **fields})["user_id"])


def shown(admin: httpx.Client, user_id: str) -> dict[str, Any]:
    found: dict[str, Any] = asked(admin, "/customer/info", end_user_id=user_id)
    return found


def counts(gateway: Gateway) -> list[Any]:
    return [gateway.rows(f"SELECT count(*) FROM {table}") for table in TABLES]


@pytest.fixture
def nothing_is_stored(gateway: Gateway) -> Iterator[None]:
    before = counts(gateway)
    yield
    assert counts(gateway) == before


@pytest.mark.parametrize("family", ["customer", "end_user"])
def test_a_customer_from_beginning_to_end(admin: httpx.Client, family: str) -> None:
    user_id = unique("c")
    new = made(admin, f"/{family}/new", user_id=user_id, alias="Ada", max_budget=2, models=["gpt-4o"])
    assert new.keys() == CUSTOMER_FIELDS
    assert (new["user_id"], new["alias"], new["blocked"], new["spend"]) == (user_id, "Ada", False, 0.0)
    assert (new["models"], new["litellm_budget_table"]["max_budget"]) == (["gpt-4o"], 2.0)
    assert new["litellm_budget_table"]["budget_id"] == new["budget_id"]

    assert asked(admin, f"/{family}/info", end_user_id=user_id) == new
    assert new in asked(admin, f"/{family}/list")
    changed = made(
        admin, f"/{family}/update", user_id=user_id, alias=None, allowed_model_region="eu", default_model="x"
    )
    assert (changed["alias"], changed["allowed_model_region"], changed["default_model"]) == (None, "eu", "x")
    assert changed["litellm_budget_table"]["max_budget"] == 2.0
    assert made(admin, f"/{family}/delete", user_ids=[user_id, user_id]) == {
        "deleted_customers": 1,
        "message": f"Successfully deleted customers with ids: ['{user_id}']",
    }
    assert told(admin.get(f"/{family}/info", params={"end_user_id": user_id}))[0] == 404


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(
    ("given", "status", "sentence"),
    [
        ({"max_budget": -1.0}, 400, "max_budget must be a non-negative finite number. Received: -1.0"),
        ({"max_budget": 1, "budget_id": "b"}, 400, "Set either 'max_budget' or 'budget_id', not both."),
        ({"tpm_limit": 1, "budget_id": "b"}, 400, "Set either 'tpm_limit' or 'budget_id', not both."),
        ({"budget_id": "no-such-budget"}, 404, "Budget not found, passed budget_id=no-such-budget"),
        ({"budget_duration": "abc"}, 400, "Invalid budget_duration 'abc'. Use a format like"),
        ({"spend": -1}, 400, "spend must be a non-negative finite number"),
        ({"max_budget": 1, "spend": -1}, 400, "spend must be a non-negative finite number"),
        ({"allowed_model_region": "mars"}, 422, "'eu' or 'us'"),
        ({"blocked": "perhaps"}, 422, "boolean"),
        ({"models": "gpt-4o"}, 422, "valid list"),
        ({"user_id": None}, 422, "valid string"),
        *(({"user_id": name}, status, "") for name, status in IMPOSSIBLE_NAMES.values()),
    ],
)
def test_a_customer_that_cannot_be_is_refused_and_nothing_is_stored(
    admin: httpx.Client, given: dict[str, Any], status: int, sentence: str
) -> None:
    found, words = refusal(admin, "/customer/new", **{"user_id": "never", **given})

    assert (found, sentence in words) == (status, True), words


def test_who_is_there_already_cannot_be_made_again(admin: httpx.Client) -> None:
    user_id = new_customer(admin)
    answer = admin.post("/customer/new", json={"user_id": user_id})

    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": {
                "message": f"Customer already exists, passed user_id={user_id}. Please pass a new user_id.",
                "type": "bad_request",
                "param": "user_id",
                "code": "400",
            }
        },
    )


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(
    ("method", "path", "given"),
    [
        ("POST", "/customer/update", {"json": {"user_id": "nope", "alias": "x"}}),
        ("GET", "/customer/info", {"params": {"end_user_id": "nope"}}),
        ("POST", "/customer/delete", {"json": {"user_ids": ["nope"]}}),
        ("POST", "/customer/unblock", {"json": {"user_ids": ["nope"]}}),
    ],
)
def test_nobody_of_that_name(admin: httpx.Client, method: str, path: str, given: dict[str, Any]) -> None:
    answer = admin.request(method, path, **given)

    assert (answer.status_code, answer.json()) == (
        404,
        {
            "error": {
                "message": "End User Id=nope does not exist in db",
                "type": "not_found",
                "param": "user_id",
                "code": "404",
            }
        },
    )


@pytest.mark.parametrize("path", ["/customer/delete", "/customer/block", "/customer/unblock"])
@pytest.mark.parametrize("ids", [[], ["x" * 256], [""], [None], {"a": 1}])
def test_a_list_of_nobody_is_refused(admin: httpx.Client, path: str, ids: Any) -> None:
    assert refusal(admin, path, user_ids=ids)[0] == 422


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES.keys())
def test_hostile_names_are_inert(admin: httpx.Client, name: str) -> None:
    new_customer(admin, user_id=name, alias=name, max_budget=1)

    found = shown(admin, name)
    assert (found["user_id"], found["alias"], found["litellm_budget_table"]["max_budget"]) == (name, name, 1.0)
    assert made(admin, "/customer/delete", user_ids=[name])["deleted_customers"] == 1


def test_limits_change_the_customers_own_budget_and_nobody_elses(admin: httpx.Client) -> None:
    shared = made(admin, "/budget/new", budget_id=unique("b"), max_budget=10, rpm_limit=3)["budget_id"]
    one, two = new_customer(admin, budget_id=shared), new_customer(admin, budget_id=shared)
    assert shown(admin, one)["litellm_budget_table"]["max_budget"] == 10.0

    changed = made(admin, "/customer/update", user_id=one, max_budget=1)
    own = changed["budget_id"]
    assert own != shared
    assert (changed["litellm_budget_table"]["max_budget"], changed["litellm_budget_table"]["rpm_limit"]) == (1.0, 3)
    assert made(admin, "/customer/update", user_id=one, max_budget=2)["budget_id"] == own
    assert shown(admin, two)["litellm_budget_table"]["max_budget"] == 10.0

    assert made(admin, "/customer/update", user_id=one, budget_id=shared)["budget_id"] == shared
    assert admin.post("/budget/info", json={"budgets": [own]}).json() == []
    assert made(admin, "/customer/update", user_id=one, budget_id=None)["litellm_budget_table"] is None
    assert admin.post("/budget/info", json={"budgets": [shared]}).json()[0]["max_budget"] == 10.0


def test_a_budget_that_grants_nothing_more_goes(admin: httpx.Client) -> None:
    user_id = new_customer(admin, max_budget=1, tpm_limit=7)
    own = shown(admin, user_id)["budget_id"]
    assert made(admin, "/customer/update", user_id=user_id, max_budget=None)["litellm_budget_table"]["tpm_limit"] == 7
    assert made(admin, "/customer/update", user_id=user_id, tpm_limit=None)["budget_id"] is None
    assert admin.post("/budget/info", json={"budgets": [own]}).json() == []
    assert made(admin, "/customer/update", user_id=user_id, max_budget=None)["budget_id"] is None

    gone = new_customer(admin, max_budget=1)
    own = shown(admin, gone)["budget_id"]
    made(admin, "/customer/delete", user_ids=[gone])
    assert admin.post("/budget/info", json={"budgets": [own]}).json() == []


def test_spend_is_what_the_ledger_and_its_corrections_say(gateway: Gateway, admin: httpx.Client) -> None:
    user_id = unique("c")
    with gateway.client() as client:
        cost = float(client.post("/v1/chat/completions", json=chat(user=user_id)).headers["x-litellm-response-cost"])
    new_customer(admin, user_id=user_id, max_budget=1)

    assert shown(admin, user_id)["spend"] == pytest.approx(cost)
    assert made(admin, "/customer/update", user_id=user_id, spend=3)["spend"] == 3.0
    # A period that begins now holds nothing of before.
    assert made(admin, "/customer/update", user_id=user_id, budget_duration="1d")["spend"] == 0.0
    both = {row["user_id"]: row["spend"] for row in asked(admin, "/customer/list")}
    assert both[user_id] == 0.0


def test_the_list_has_pages_for_who_asks(admin: httpx.Client) -> None:
    group = unique("page")
    ids = [new_customer(admin, user_id=f"{group}-{number}", max_budget=1, budget_duration="1d") for number in range(3)]
    everybody = [row["user_id"] for row in asked(admin, "/customer/list")]

    assert set(ids) <= set(everybody)
    paged = [
        row["user_id"]
        for page in range(1, len(everybody) + 1)
        for row in asked(admin, "/customer/list", page=page, page_size=1)
    ]
    assert paged == everybody
    assert told(admin.get("/customer/list", params={"page_size": 0}))[0] == 422


def completion(gateway: Gateway, user: str) -> httpx.Response:
    with gateway.client(MASTER_KEY) as client:
        return client.post("/v1/chat/completions", json=chat(user=user))


@pytest.mark.parametrize("known", [True, False], ids=["known", "never seen"])
def test_a_blocked_customer_is_refused_on_the_next_completion(
    gateway: Gateway, admin: httpx.Client, known: bool
) -> None:
    user_id = new_customer(admin) if known else unique("c")
    assert completion(gateway, user_id).status_code == 200

    (row,) = made(admin, "/customer/block", user_ids=[user_id])["blocked_users"]
    assert (row["user_id"], row["blocked"], row.keys()) == (user_id, True, CUSTOMER_FIELDS)
    until(lambda: completion(gateway, user_id).status_code == 400)
    refused = completion(gateway, user_id).json()["error"]
    assert refused["message"] == f"User blocked from making LLM API Calls. User={user_id}"
    assert shown(admin, user_id)["blocked"] is True

    assert user_id not in made(admin, "/customer/unblock", user_ids=[user_id])["blocked_users"]
    until(lambda: completion(gateway, user_id).status_code == 200)


def test_unblocking_one_names_those_who_are_blocked_still(admin: httpx.Client) -> None:
    one, two = unique("c"), unique("c")
    made(admin, "/customer/block", user_ids=[one, two, one])

    still = made(admin, "/customer/unblock", user_ids=[one])["blocked_users"]
    assert two in still
    assert one not in still
    assert made(admin, "/customer/update", user_id=two, blocked=False)["blocked"] is False


def test_a_customers_list_of_models_is_felt(gateway: Gateway, admin: httpx.Client) -> None:
    user_id = new_customer(admin, models=["gpt-4o-mini"])
    until(lambda: completion(gateway, user_id).status_code == 403)

    assert completion(gateway, user_id).json()["error"]["type"] == "customer_model_access_denied"


@pytest.mark.parametrize(
    ("caller", "writes", "reads"), [("vic", 403, 200), ("bob", 401, 401), ("dora", 401, 401), ("nobody", 401, 401)]
)
def test_customers_are_for_proxy_admins(
    gateway: Gateway, callers: Callers, admin: httpx.Client, caller: str, writes: int, reads: int
) -> None:
    user_id = new_customer(admin)
    before = counts(gateway)
    with gateway.client(callers.keys[caller]) as client:
        for path, body in (
            ("/customer/new", {"user_id": unique("c")}),
            ("/customer/update", {"user_id": user_id, "max_budget": 1}),
            ("/customer/delete", {"user_ids": [user_id]}),
            ("/customer/block", {"user_ids": [user_id]}),
            ("/end_user/unblock", {"user_ids": [user_id]}),
        ):
            assert client.post(path, json=body).status_code == writes
        assert client.get("/customer/info", params={"end_user_id": user_id}).status_code == reads
        assert client.get("/end_user/list").status_code == reads
    assert counts(gateway) == before
