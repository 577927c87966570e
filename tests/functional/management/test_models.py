"""The model routes over HTTP (api.md 2.7): deployments that come, change and go while the gateway runs."""

import time
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.fakes.upstream import FakeUpstream
from tests.functional.management.callers import Callers, made
from tests.functional.management.test_keys import message, refusal
from tests.gateway import Gateway, chat

SOON_SECONDS = 2.0
MARKER = "sk-provider-secret-0123456789"


def unique() -> str:
    return f"m-{uuid4().hex[:12]}"


def params(upstream: FakeUpstream, **more: Any) -> dict[str, Any]:
    return {"model": "openai/gpt-4o", "api_base": f"{upstream.url}/v1", "api_key": MARKER, **more}


def until_status(client: httpx.Client, name: str, status: int) -> float:
    started = time.monotonic()
    while (answer := client.post("/v1/chat/completions", json=chat(name))).status_code != status:
        assert time.monotonic() - started < SOON_SECONDS, (answer.status_code, answer.text)
        time.sleep(0.02)
    return time.monotonic() - started


def test_a_new_model_takes_requests_soon_and_no_more_when_it_is_deleted(
    gateway: Gateway, admin: httpx.Client, shared_upstream: FakeUpstream
) -> None:
    name = unique()
    new = made(admin, "/model/new", model_name=name, litellm_params=params(shared_upstream), model_info={"mine": 1})
    assert (new["model_name"], new["blocked"], new["model_info"]["mine"]) == (name, False, 1)
    assert new["model_info"]["id"] == new["model_id"]
    until_status(admin, name, 200)
    assert name in [model["id"] for model in admin.get("/models").json()["data"]]

    made(admin, "/model/block", model_id=new["model_id"])
    until_status(admin, name, 400)
    made(admin, "/model/unblock", model_id=new["model_id"])
    until_status(admin, name, 200)
    assert made(admin, "/model/delete", id=new["model_id"]) == {
        "message": f"Model: {new['model_id']} deleted successfully"
    }
    until_status(admin, name, 400)
    assert MARKER not in str(gateway.rows("SELECT * FROM proxy_deployment"))
    assert MARKER not in str(gateway.rows("SELECT * FROM teams_auditentry"))
    assert MARKER not in gateway.log()


def test_an_update_merges_and_null_takes_away(
    gateway: Gateway, admin: httpx.Client, shared_upstream: FakeUpstream
) -> None:
    name = unique()
    new = made(admin, "/model/new", model_name=name, litellm_params=params(shared_upstream, rpm=5, timeout=3))
    changed = made(
        admin, "/model/update", model_info={"id": new["model_id"]}, litellm_params={"rpm": 9, "timeout": None}
    )
    assert (changed["litellm_params"]["rpm"], "timeout" in changed["litellm_params"]) == (9, False)
    until_status(admin, name, 200)

    renamed = unique()
    answer = admin.patch(f"/model/{new['model_id']}/update", json={"model_name": renamed})
    assert answer.json()["model_name"] == renamed
    until_status(admin, renamed, 200)
    sent = shared_upstream.received[-1]
    assert sent.headers["authorization"] == f"Bearer {MARKER}", "the credential is kept by updates that do not name it"


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/model/new", {"model_name": "m"}, 422, "Field required"),
        ("/model/new", {"model_name": "m", "litellm_params": {}}, 422, "Field required"),
        ("/model/new", {"litellm_params": {"model": "openai/x"}}, 422, "Field required"),
        ("/model/new", {"model_name": "m", "litellm_params": {"model": "nope/x"}}, 400, "'nope' is not supported"),
        (
            "/model/new",
            {"model_name": "m", "litellm_params": {"model": "openai/x", "api_base": "ftp://x"}},
            400,
            "api_base must begin with http",
        ),
        (
            "/model/new",
            {"model_name": "m", "litellm_params": {"model": "openai/x", "input_cost_per_token": "free"}},
            400,
            "is not a number",
        ),
        *(
            ("/model/new", {"model_name": "m", "litellm_params": {"model": "openai/x", "api_base": address}}, 400, why)
            for address, why in (
                ("http://10.0.0.1/v1", "TOLLKEEPER_UPSTREAM_NETWORKS"),
                ("http://[::1]:8000/v1", "TOLLKEEPER_UPSTREAM_NETWORKS"),
                ("http://169.254.169.254/v1", "metadata service"),
            )
        ),
        ("/model/update", {"model_info": {"id": "nope"}}, 400, "Authentication Error, model not found"),
        ("/model/update", {}, 400, "model_info.id is required"),
        ("/model/delete", {"id": "nope"}, 400, "Model with id=nope not found in db"),
        ("/model/delete", {}, 422, "Field required"),
        ("/model/block", {"model_id": "nope"}, 404, "Model nope not found on proxy."),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(
    gateway: Gateway, admin: httpx.Client, path: str, body: dict[str, Any], status: int, sentence: str
) -> None:
    before = gateway.rows("SELECT count(*) FROM proxy_deployment")
    found, told = refusal(admin, path, **body)

    assert (found, sentence in told) == (status, True), told
    assert gateway.rows("SELECT count(*) FROM proxy_deployment") == before


def test_an_id_is_given_once(admin: httpx.Client, shared_upstream: FakeUpstream) -> None:
    chosen = unique()
    body = {"model_name": chosen, "litellm_params": params(shared_upstream), "model_info": {"id": chosen}}
    assert made(admin, "/model/new", **body)["model_id"] == chosen

    assert refusal(admin, "/model/new", **body) == (400, f"Model with id={chosen} already exists.")


def test_what_stands_in_the_file_is_changed_there(gateway: Gateway, admin: httpx.Client) -> None:
    (row, *_) = admin.get("/model/info").json()["data"]
    configured = next(
        one["model_info"]["id"]
        for one in admin.get("/v2/model/info", params={"size": 1000}).json()["data"]
        if not one["model_info"]["db_model"]
    )

    assert "config.yaml" in refusal(admin, "/model/delete", id=configured)[1]
    assert "config.yaml" in refusal(admin, "/model/update", model_info={"id": configured})[1]
    assert row["model_info"]["litellm_provider"] == "openai"


def test_info_tells_prices_and_sizes_and_no_credential(admin: httpx.Client, shared_upstream: FakeUpstream) -> None:
    name = unique()
    own = params(shared_upstream, input_cost_per_token=0.000001, output_cost_per_token=0.000002)
    new = made(admin, "/model/new", model_name=name, litellm_params=own)
    until_status(admin, name, 200)
    for path in ("/model/info", "/v1/model/info"):
        answer = admin.get(path, params={"litellm_model_id": new["model_id"]})
        (found,) = answer.json()["data"]
        assert (found["model_info"]["input_cost_per_token"], found["model_info"]["output_cost_per_token"]) == (
            1e-6,
            2e-6,
        )
        assert found["litellm_params"]["api_base"] == f"{shared_upstream.url}/v1"
        assert MARKER not in answer.text
    (group,) = admin.get("/model_group/info", params={"model_group": name}).json()["data"]
    assert (group["providers"], group["input_cost_per_token"]) == (["openai"], 1e-6)
    (paged,) = admin.get("/v2/model/info", params={"search": name}).json()["data"]
    assert paged["model_info"]["id"] == new["model_id"]
    unknown = admin.get("/model/info", params={"litellm_model_id": "nope"})
    assert (unknown.status_code, unknown.json()) == (
        400,
        {"detail": {"error": "Model id = nope not found on litellm proxy"}},
    )


def test_a_key_sees_the_models_it_may_call(gateway: Gateway, admin: httpx.Client) -> None:
    key = made(admin, "/key/generate", models=["gpt-4o-mini"])["key"]
    with gateway.client(key) as client:
        deadline = time.monotonic() + 5
        while client.get("/model/info").status_code != 200:
            assert time.monotonic() < deadline
        for path in ("/model/info", "/v2/model/info"):
            assert {one["model_name"] for one in client.get(path).json()["data"]} == {"gpt-4o-mini"}
        assert [one["model_group"] for one in client.get("/model_group/info").json()["data"]] == ["gpt-4o-mini"]
        assert client.get("/v1/models/gpt-4o-mini").json()["id"] == "gpt-4o-mini"
        refused = client.get("/v1/models/gpt-4o")
    assert (refused.status_code, message(refused)) == (
        404,
        "The model `gpt-4o` does not exist or is not accessible",
    )


def test_access_groups_grant_several_models_by_one_name(
    gateway: Gateway, admin: httpx.Client, shared_upstream: FakeUpstream
) -> None:
    name, group = unique(), unique()
    info = {"access_groups": [group]}
    made(admin, "/model/new", model_name=name, litellm_params=params(shared_upstream), model_info=info)
    until_status(admin, name, 200)
    key = made(admin, "/key/generate", models=[group])["key"]
    with gateway.client(key) as client:
        until_status(client, name, 200)
        assert client.post("/v1/chat/completions", json=chat("gpt-4o")).status_code == 403
        assert [one["id"] for one in client.get("/models").json()["data"]] == [name]
        grouped = client.get("/models", params={"only_model_access_groups": True}).json()["data"]
    assert [one["id"] for one in grouped] == [group]


def test_a_teams_own_model_exists_for_the_team_alone(
    gateway: Gateway, callers: Callers, shared_upstream: FakeUpstream
) -> None:
    name = unique()
    body: dict[str, Any] = {
        "model_name": name,
        "litellm_params": {"model": "openai/gpt-4o", "api_key": "sk-of-the-team-0123456789"},
        "model_info": {"team_id": "red"},
    }
    with gateway.client(callers.keys["ada"]) as ada, gateway.client(callers.keys["eve"]) as eve:
        for reserved in ({"api_base": "http://127.0.0.1:1/v1"}, {"api_key": "os.environ/DATABASE_URL"}):
            theirs = {"model": "openai/gpt-4o", **reserved}
            status, told = refusal(ada, "/model/new", **{**body, "litellm_params": theirs})
            assert (status, told.startswith("Only proxy admins can")) == (403, True)
        new = made(ada, "/model/new", **body)
        assert refusal(eve, "/model/new", **body)[0] == 403
        assert refusal(eve, "/model/delete", id=new["model_id"]) == (
            400,
            f"Model with id={new['model_id']} not found in db",
        )
        assert name not in [one["model_name"] for one in eve.get("/model/info").json()["data"]]
        assert name in [one["model_name"] for one in ada.get("/model/info").json()["data"]]
        assert refusal(ada, "/model/update", model_info={"id": new["model_id"], "team_id": "green"})[0] == 403
        with gateway.client(callers.keys["red service"]) as red:
            deadline = time.monotonic() + SOON_SECONDS
            while name not in [one["id"] for one in red.get("/models").json()["data"]]:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        assert name not in [one["id"] for one in eve.get("/models").json()["data"]]
        made(ada, "/model/delete", id=new["model_id"])
