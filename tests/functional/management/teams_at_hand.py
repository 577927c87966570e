"""What the tests of teams and organizations make and ask again and again."""

from typing import Any
from uuid import uuid4

import httpx

from tests.functional.management.callers import made, wait_until_known
from tests.gateway import Gateway


def unique(kind: str = "team") -> str:
    return f"{kind}-{uuid4().hex[:12]}"


def new_team(admin: httpx.Client, **fields: Any) -> dict[str, Any]:
    return made(admin, "/team/new", **{"team_id": unique(), **fields})


def info(client: httpx.Client, team_id: str) -> dict[str, Any]:
    answer = client.get("/team/info", params={"team_id": team_id})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def error(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, envelope and sentence."""
    body = answer.json()
    if "error" in body:
        assert body["error"]["code"] == str(answer.status_code)
        return answer.status_code, "E1", body["error"]["message"]
    if isinstance(body.get("detail"), dict):
        return answer.status_code, "E2", body["detail"]["error"]
    return answer.status_code, "E4", str(body["detail"])


def user_with_key(gateway: Gateway, admin: httpx.Client, **fields: Any) -> tuple[str, str]:
    """The id of a new user, and a key that counts."""
    new = made(admin, "/user/new", user_id=unique("user"), **fields)
    wait_until_known(gateway, new["key"])
    return new["user_id"], new["key"]


def budget_exists(admin: httpx.Client, budget_id: str) -> bool:
    rows: list[dict[str, Any]] = admin.post("/budget/info", json={"budgets": [budget_id]}).json()
    return rows != []
