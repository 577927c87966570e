"""Who may ask what of spend: every kind of caller against every route."""

from collections.abc import Iterator

import httpx
import pytest

from tests.functional.management.answers import asked, told
from tests.functional.management.callers import Callers
from tests.functional.spend.books import DAYS, lines
from tests.gateway import Gateway

DATED = "start_date=2025-03-01&end_date=2025-03-03"
CALLERS = ("admin", "vic", "ada", "bob", "dora", "ivy", "nobody", "red service")
EVERYBODYS = [
    "/spend/users", "/spend/tags", "/global/spend", "/global/spend/logs", "/global/spend/keys", "/global/spend/teams",
    "/global/spend/models", f"/global/spend/provider?{DATED}", "/global/spend/tags", "/global/spend/all_tag_names",
    f"/global/spend/report?{DATED}", f"/global/activity/exceptions?{DATED}", f"/global/activity/cache_hits?{DATED}",
    f"/gateway/daily/activity?{DATED}", f"/tag/daily/activity?{DATED}", f"/tag/daily/activity/aggregated?{DATED}",
    f"/customer/daily/activity?{DATED}", f"/customer/daily/activity/aggregated?{DATED}",
    f"/end_user/daily/activity?{DATED}",
]  # fmt: skip
OWN = [
    "/spend/logs", f"/spend/logs?{DATED}", f"/spend/logs/v2?{DATED}", f"/spend/logs/ui?{DATED}", "/spend/keys",
    f"/global/activity?{DATED}", f"/global/activity/model?{DATED}", f"/user/daily/activity?{DATED}",
    f"/user/daily/activity/aggregated?{DATED}",
]  # fmt: skip


@pytest.fixture(scope="module")
def clients(gateway: Gateway, callers: Callers) -> Iterator[dict[str, httpx.Client]]:
    made = {caller: gateway.client(callers.keys[caller]) for caller in CALLERS}
    yield made
    for client in made.values():
        client.close()


@pytest.mark.parametrize("path", EVERYBODYS)
def test_what_is_everybodys_is_for_admins_and_viewers(clients: dict[str, httpx.Client], path: str) -> None:
    assert {caller: client.get(path).status_code for caller, client in clients.items()} == {
        "admin": 200, "vic": 200, "ada": 401, "bob": 401, "dora": 401, "ivy": 401, "nobody": 401, "red service": 401,
    }  # fmt: skip


@pytest.mark.parametrize("path", OWN)
def test_what_is_ones_own_is_for_every_user(clients: dict[str, httpx.Client], path: str) -> None:
    assert {caller: client.get(path).status_code for caller, client in clients.items()} == {
        "admin": 200, "vic": 200, "ada": 200, "bob": 200, "dora": 200, "ivy": 200, "nobody": 401, "red service": 401,
    }  # fmt: skip


def test_posts_that_only_read_are_for_viewers_too(clients: dict[str, httpx.Client]) -> None:
    path = "/global/spend/end_users"
    assert {caller: client.post(path, json={}).status_code for caller, client in clients.items()} == {
        "admin": 200, "vic": 200, "ada": 401, "bob": 401, "dora": 401, "ivy": 401, "nobody": 401, "red service": 401,
    }  # fmt: skip


def test_a_key_that_is_unknown_learns_nothing(gateway: Gateway) -> None:
    with gateway.client("sk-unknown-key-0123456789") as stranger:
        for path in (*EVERYBODYS, *OWN):
            assert stranger.get(path).status_code == 401
            assert stranger.get(path, headers={"Accept": "text/csv"}).status_code == 401


def test_budgets_of_providers_are_for_admins(clients: dict[str, httpx.Client]) -> None:
    assert clients["admin"].get("/provider/budgets").status_code == 200
    # LiteLLM lets admins alone; reading is what a viewer is for.
    assert clients["vic"].get("/provider/budgets").status_code == 200
    assert clients["bob"].get("/provider/budgets").status_code == 401


def seen(client: httpx.Client, path: str, **query: str) -> set[str]:
    answer = asked(client, path, **DAYS, **query)
    keys = [key for day in answer["results"] for key in day["breakdown"]["api_keys"].values()]
    return {str(key["metadata"]["user_id"]) for key in keys}


@pytest.mark.parametrize("form", ["", "/aggregated"])
def test_a_team_is_seen_whole_by_its_admins_and_in_part_by_members(clients: dict[str, httpx.Client], form: str) -> None:
    path = f"/team/daily/activity{form}"

    assert seen(clients["admin"], path) == seen(clients["vic"], path) == {"ada", "bob", "eve", "None"}
    assert seen(clients["ada"], path) == seen(clients["ada"], path, team_ids="red") == {"ada", "bob"}
    assert seen(clients["bob"], path) == seen(clients["bob"], path, team_ids="red") == {"bob"}
    assert seen(clients["dora"], path) == {"ada", "bob"}
    assert seen(clients["ivy"], path) == seen(clients["red service"], path) == set()
    for caller in ("ada", "bob", "dora", "ivy", "red service"):
        answer = clients[caller].get(path, params={**DAYS, "team_ids": "green"})
        assert told(answer)[0] == 403
    assert clients["nobody"].get(path, params=DAYS).status_code == 401


@pytest.mark.parametrize("form", ["", "/aggregated"])
def test_an_organization_is_seen_by_its_admins(clients: dict[str, httpx.Client], form: str) -> None:
    path = f"/organization/daily/activity{form}"

    assert seen(clients["admin"], path) == {"ada", "bob", "eve", "None"}
    assert seen(clients["dora"], path) == seen(clients["dora"], path, organization_ids="north") == {"ada", "bob"}
    assert told(clients["dora"].get(path, params={**DAYS, "organization_ids": "south"}))[0] == 403
    assert told(clients["ada"].get(path, params=DAYS))[0] == 403


@pytest.mark.parametrize("form", ["", "/aggregated"])
def test_a_user_is_seen_by_themselves(clients: dict[str, httpx.Client], form: str) -> None:
    path = f"/user/daily/activity{form}"

    assert seen(clients["bob"], path) == seen(clients["bob"], path, user_id="bob") == {"bob"}
    assert told(clients["bob"].get(path, params={**DAYS, "user_id": "ada"}))[0] == 403
    assert seen(clients["vic"], path, user_id="ada") == {"ada"}


def test_a_file_holds_no_more_than_the_answer(clients: dict[str, httpx.Client]) -> None:
    for path in ("/user/daily/activity", "/team/daily/activity"):
        assert [row[1] for row in lines(clients["bob"], path, **DAYS)[1:]] == [{"u": "bob", "t": "red"}[path[1]]]
    assert [row[1] for row in lines(clients["bob"], "/global/activity", **DAYS)[1:]] == ["10"]


def test_only_the_master_key_resets(clients: dict[str, httpx.Client]) -> None:
    for caller in CALLERS[1:]:
        status, sentence = told(clients[caller].post("/global/spend/reset"))
        assert status == 401
        assert "Tried to access route=/global/spend/reset, which is only for MASTER KEY" in sentence
