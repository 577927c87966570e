"""The cast of the access tests: who belongs to what, and a key for each."""

import time
from dataclasses import dataclass
from typing import Any, Self

import httpx

from tests.gateway import MASTER_KEY, Gateway

SOON_SECONDS = 5.0


def made(client: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    """The answer of a POST that must succeed."""
    answer = client.post(path, json=body)
    assert answer.status_code == 200, (path, body, answer.text)
    found: dict[str, Any] = answer.json()
    return found


def wait_until_known(gateway: Gateway, key: str) -> None:
    """A key counts on every process once its snapshot has followed."""
    deadline = time.monotonic() + SOON_SECONDS
    with gateway.client(key) as client:
        while client.post("/key/health").status_code == 401:
            assert time.monotonic() < deadline, "the key is not known within five seconds"
            time.sleep(0.02)


@dataclass
class Callers:
    """`keys` by role. Organization `north` has the teams `red` and `blue`, `south` has `green`.

    ada administers red, bob is a member of red, cyd of blue, dora administers the organization north, eve is a
    member of green, ivy is an internal_user_viewer in red; nobody's key belongs to no user.
    """

    keys: dict[str, str]

    @classmethod
    def make(cls, gateway: Gateway) -> Self:
        with gateway.client() as admin:
            for organization in ("north", "south"):
                made(admin, "/organization/new", organization_id=organization, organization_alias=organization)
            for team, organization in (("red", "north"), ("blue", "north"), ("green", "south")):
                made(admin, "/team/new", team_id=team, team_alias=team, organization_id=organization)
            keys = {"admin": MASTER_KEY}
            for user, role in (
                ("vic", "proxy_admin_viewer"),
                ("ada", "internal_user"),
                ("bob", "internal_user"),
                ("cyd", "internal_user"),
                ("dora", "internal_user"),
                ("eve", "internal_user"),
                ("ivy", "internal_user_viewer"),
                ("loner", "internal_user"),
            ):
                keys[user] = made(admin, "/user/new", user_id=user, user_role=role)["key"]
            for user, team, role in (
                ("ada", "red", "admin"),
                ("bob", "red", "user"),
                ("cyd", "blue", "user"),
                ("eve", "green", "user"),
                ("ivy", "red", "user"),
            ):
                made(admin, "/team/member_add", team_id=team, member={"user_id": user, "role": role})
            made(
                admin,
                "/organization/member_add",
                organization_id="north",
                member={"user_id": "dora", "role": "org_admin"},
            )
            keys["nobody"] = made(admin, "/key/generate", key_alias="nobody's")["key"]
            keys["red service"] = made(admin, "/key/service-account/generate", team_id="red", key_alias="red's")["key"]
        for key in keys.values():
            wait_until_known(gateway, key)
        return cls(keys)
