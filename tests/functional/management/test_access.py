"""Who may do what to whose: every kind of caller against every route, on what is theirs and what is not.

A row of a table is a route; a column is a caller; the cell lists the status for each target in order. `-` says that the
caller has no such target.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.functional.management.callers import Callers, made
from tests.gateway import Gateway

CALLERS = ("admin", "vic", "ada", "bob", "dora", "eve", "ivy", "nobody")


# A number that no call has sent before: what is as it was already, anybody may send.
ANOTHER = object()
_numbers = count(10**6)


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    body: dict[str, Any]

    def call(self, client: httpx.Client, target: str) -> int:
        def put(value: Any) -> Any:
            if isinstance(value, str):
                return value.replace("{}", target)
            if value is ANOTHER:
                return next(_numbers)
            if isinstance(value, list):
                return [put(one) for one in value]
            return {name: put(one) for name, one in value.items()} if isinstance(value, dict) else value

        path = put(self.path)
        if self.method == "GET":
            return client.get(path, params=put(self.body)).status_code
        return client.request(self.method, path, json=put(self.body)).status_code


def _named(value: object) -> str:
    return f"{value.path} {' '.join(value.body)}" if isinstance(value, Route) else ""


def route(method: str, path: str, **body: Any) -> Route:
    return Route(method, path, body)


def cells(*texts: str) -> dict[str, list[str]]:
    return {caller: text.split() for caller, text in zip(CALLERS, texts, strict=True)}


# A member sees the keys of the team by LiteLLM's default permissions, and changes none.
# own key, key of team red, of team blue (same organization), of team green (another), missing
KEY_TARGETS = ("own", "red", "blue", "green", "missing")
KEY_ROUTES: list[tuple[Route, dict[str, list[str]]]] = [
    # admin, viewer, team admin, member, organization admin, other organization, viewer inside, key of nobody
    (
        route("GET", "/key/info", key="{}"),
        cells(
            "- 200 200 200 404",
            "200 200 200 200 404",
            "200 200 404 404 404",
            "200 200 404 404 404",
            "200 200 200 404 404",
            "200 404 404 200 404",
            "200 200 404 404 404",
            "200 404 404 404 404",
        ),
    ),
    (
        route("POST", "/key/update", key="{}", metadata={"touched": True}),
        cells(
            "- 200 200 200 404",
            "403 403 403 403 403",
            "200 200 404 404 404",
            "200 403 404 404 404",
            "200 200 200 404 404",
            "200 404 404 403 404",
            "401 401 401 401 401",
            "401 401 401 401 401",
        ),
    ),
    (
        route("POST", "/key/block", key="{}"),
        cells(
            "- 200 200 200 404",
            "403 403 403 403 403",
            "403 200 404 404 404",
            "403 403 404 404 404",
            "403 200 200 404 404",
            "403 404 404 403 404",
            "401 401 401 401 401",
            "401 401 401 401 401",
        ),
    ),
    (
        route("POST", "/key/{}/regenerate", grace_period="1h"),
        cells(
            "- 200 200 200 404",
            "403 403 403 403 403",
            "200 200 404 404 404",
            "200 403 404 404 404",
            "200 200 200 404 404",
            "200 404 404 403 404",
            "401 401 401 401 401",
            "401 401 401 401 401",
        ),
    ),
    (
        route("POST", "/key/{}/reset_spend", reset_to=0),
        cells(
            "- 200 200 200 404",
            "403 403 403 403 403",
            "403 200 404 404 404",
            "403 403 404 404 404",
            "403 200 200 404 404",
            "403 404 404 403 404",
            "401 401 401 401 401",
            "401 401 401 401 401",
        ),
    ),
    (
        route("POST", "/key/delete", keys=["{}"]),
        cells(
            "- 200 200 200 404",
            "403 403 403 403 403",
            "200 200 404 404 404",
            "200 403 404 404 404",
            "200 200 200 404 404",
            "200 404 404 403 404",
            "401 401 401 401 401",
            "401 401 401 401 401",
        ),
    ),
]


@pytest.fixture(scope="module")
def clients(gateway: Gateway, callers: Callers) -> Iterator[dict[str, httpx.Client]]:
    opened = {name: gateway.client(callers.keys[name]) for name in CALLERS}
    yield opened
    for client in opened.values():
        client.close()


def _key_of(admin: httpx.Client, target: str, caller: str) -> str:
    """A fresh one for each call, since some calls destroy it."""
    if target == "missing":
        return f"sk-{uuid4().hex}"
    owner = {"user_id": caller} if target == "own" and caller != "nobody" else {}
    team = {} if target == "own" else {"team_id": target}
    return str(made(admin, "/key/generate", **owner, **team)["key"])


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("tried", "table"), KEY_ROUTES, ids=lambda value: getattr(value, "path", ""))
def test_keys(
    tried: Route, table: dict[str, list[str]], caller: str, clients: dict[str, httpx.Client], callers: Callers
) -> None:
    found = []
    for target, expected in zip(KEY_TARGETS, table[caller], strict=True):
        if expected == "-":
            found.append("-")
            continue
        if caller == "nobody" and target == "own":
            # A key without a user owns nothing but itself.
            key = callers.keys["nobody"] if tried.method == "GET" else f"sk-{uuid4().hex}"
        else:
            key = _key_of(clients["admin"], target, caller)
        found.append(str(tried.call(clients[caller], key)))

    assert dict(zip(KEY_TARGETS, found, strict=True)) == dict(zip(KEY_TARGETS, table[caller], strict=True))


TEAM_TARGETS = ("red", "blue", "green", "missing")
TEAM_ROUTES: list[tuple[Route, dict[str, list[str]]]] = [
    (
        route("GET", "/team/info", team_id="{}"),
        cells(
            "200 200 200 404",
            "200 200 200 404",
            "200 404 404 404",
            "200 404 404 404",
            "200 200 404 404",
            "404 404 200 404",
            "200 404 404 404",
            "404 404 404 404",
        ),
    ),
    (
        route("POST", "/team/update", team_id="{}", metadata={"touched": True}),
        cells(
            "200 200 200 404",
            "403 403 403 403",
            "200 404 404 404",
            "403 404 404 404",
            "200 200 404 404",
            "404 404 403 404",
            "403 404 404 404",
            "401 401 401 401",
        ),
    ),
    (
        route("POST", "/team/update", team_id="{}", max_budget=ANOTHER),
        cells(
            "200 200 200 404",
            "403 403 403 403",
            "403 404 404 404",
            "403 404 404 404",
            "200 200 404 404",
            "404 404 403 404",
            "403 404 404 404",
            "401 401 401 401",
        ),
    ),
    (
        route("POST", "/team/block", team_id="{}"),
        cells(
            "200 200 200 404",
            "403 403 403 403",
            "401 401 401 401",
            "401 401 401 401",
            "200 200 404 404",
            "401 401 401 401",
            "401 401 401 401",
            "401 401 401 401",
        ),
    ),
    (
        route("POST", "/team/member_add", team_id="{}", member={"user_id": "loner", "role": "user"}),
        cells(
            "200 200 200 404",
            "403 403 403 403",
            "200 404 404 404",
            "403 404 404 404",
            "200 200 404 404",
            "404 404 403 404",
            "403 404 404 404",
            "401 401 401 401",
        ),
    ),
    (
        route("GET", "/team/permissions_list", team_id="{}"),
        cells(
            "200 200 200 404",
            "200 200 200 404",
            "200 404 404 404",
            "403 404 404 404",
            "200 200 404 404",
            "404 404 403 404",
            "403 404 404 404",
            "401 401 401 401",
        ),
    ),
    (
        route("POST", "/team/permissions_update", team_id="{}", team_member_permissions=["/key/health"]),
        cells(
            "200 200 200 404",
            "403 403 403 403",
            "200 404 404 404",
            "403 404 404 404",
            "200 200 404 404",
            "404 404 403 404",
            "403 404 404 404",
            "401 401 401 401",
        ),
    ),
    (
        route("POST", "/key/service-account/generate", team_id="{}"),
        cells(
            "200 200 200 400",
            "403 403 403 403",
            "200 400 400 400",
            "403 400 400 400",
            "200 200 400 400",
            "400 400 403 400",
            "401 401 401 401",
            "401 401 401 401",
        ),
    ),
]


@pytest.fixture
def fresh_teams(admin: httpx.Client) -> Iterator[None]:
    """Whatever a call did to the teams is undone."""
    yield
    for team in ("red", "blue", "green"):
        made(admin, "/team/update", team_id=team, metadata={}, max_budget=None)
        made(admin, "/team/unblock", team_id=team)
        admin.post("/team/member_delete", json={"team_id": team, "user_id": "loner"})


@pytest.mark.usefixtures("fresh_teams")
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("tried", "table"),
    TEAM_ROUTES,
    ids=_named,
)
def test_teams(tried: Route, table: dict[str, list[str]], caller: str, clients: dict[str, httpx.Client]) -> None:
    found = [str(tried.call(clients[caller], target)) for target in TEAM_TARGETS]

    assert dict(zip(TEAM_TARGETS, found, strict=True)) == dict(zip(TEAM_TARGETS, table[caller], strict=True))


# self, a member of red, of blue, of green, missing
USER_TARGETS = ("self", "bob", "cyd", "eve", "missing")
USER_ROUTES: list[tuple[Route, dict[str, list[str]]]] = [
    (
        route("GET", "/user/info", user_id="{}"),
        cells(
            "- 200 200 200 404",
            "200 200 200 200 404",
            "200 200 404 404 404",
            "200 200 404 404 404",
            "200 200 200 404 404",
            "200 404 404 200 404",
            "200 404 404 404 404",
            "- 404 404 404 404",
        ),
    ),
    (
        route("POST", "/user/update", user_id="{}", user_alias="touched"),
        cells(
            "- 200 200 200 404",
            "403 403 403 403 403",
            "200 403 404 404 404",
            "200 200 404 404 404",
            "200 403 403 404 404",
            "200 404 404 200 404",
            "401 401 401 401 401",
            "- 401 401 401 401",
        ),
    ),
    (
        route("POST", "/user/update", user_id="{}", user_role="proxy_admin"),
        cells(
            "- - - - 404",
            "403 403 403 403 403",
            "403 403 404 404 404",
            "403 403 404 404 404",
            "403 403 403 404 404",
            "403 404 404 403 404",
            "401 401 401 401 401",
            "- 401 401 401 401",
        ),
    ),
    (
        route("POST", "/user/update", user_id="{}", max_budget=ANOTHER),
        cells(
            "- 200 200 200 404",
            "403 403 403 403 403",
            "403 403 404 404 404",
            "403 403 404 404 404",
            "403 403 403 404 404",
            "403 404 404 403 404",
            "401 401 401 401 401",
            "- 401 401 401 401",
        ),
    ),
    (
        route("POST", "/user/delete", user_ids=["{}"]),
        cells(
            "- - - - 404",
            "403 403 403 403 403",
            "401 401 401 401 401",
            "401 401 401 401 401",
            "401 401 401 401 401",
            "401 401 401 401 401",
            "401 401 401 401 401",
            "- 401 401 401 401",
        ),
    ),
]


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("tried", "table"),
    USER_ROUTES,
    ids=_named,
)
def test_users(tried: Route, table: dict[str, list[str]], caller: str, clients: dict[str, httpx.Client]) -> None:
    found = []
    for target, expected in zip(USER_TARGETS, table[caller], strict=True):
        named = caller if target == "self" else target
        found.append("-" if expected == "-" else str(tried.call(clients[caller], named)))

    assert dict(zip(USER_TARGETS, found, strict=True)) == dict(zip(USER_TARGETS, table[caller], strict=True))


# What only proxy admins write and, where it reads, viewers read: no target is anybody's own.
# `{}` is made by the admin for each call.
GLOBAL_WRITES: list[tuple[str, Route]] = [
    ("budget", route("POST", "/budget/new", budget_id="{}")),
    ("made budget", route("POST", "/budget/update", budget_id="{}", max_budget=1)),
    ("made budget", route("POST", "/budget/delete", id="{}")),
    ("customer", route("POST", "/customer/new", user_id="{}")),
    ("made customer", route("POST", "/customer/update", user_id="{}", alias="x")),
    ("made customer", route("POST", "/end_user/update", user_id="{}", alias="x")),
    ("made customer", route("POST", "/customer/block", user_ids=["{}"])),
    ("made customer", route("POST", "/customer/unblock", user_ids=["{}"])),
    ("made customer", route("POST", "/customer/delete", user_ids=["{}"])),
    ("tag", route("POST", "/tag/new", name="{}")),
    ("made tag", route("POST", "/tag/update", name="{}", description="x")),
    ("made tag", route("POST", "/tag/delete", name="{}")),
    ("user", route("POST", "/user/new", user_id="{}", user_role="proxy_admin", auto_create_key=False)),
    ("organization", route("POST", "/organization/new", organization_id="{}", organization_alias="{}")),
    ("made organization", route("DELETE", "/organization/delete", organization_ids=["{}"])),
]
GLOBAL_READS: list[tuple[str, Route]] = [
    ("", route("GET", "/budget/list")),
    ("made budget", route("POST", "/budget/info", budgets=["{}"])),
    ("made budget", route("GET", "/budget/settings", budget_id="{}")),
    ("", route("GET", "/customer/list")),
    ("made customer", route("GET", "/customer/info", end_user_id="{}")),
    ("made customer", route("GET", "/end_user/info", end_user_id="{}")),
    ("", route("GET", "/tag/list")),
    ("made tag", route("POST", "/tag/info", names=["{}"])),
    ("", route("GET", "/audit")),
]
MAKERS = {
    "made budget": ("/budget/new", "budget_id"),
    "made customer": ("/customer/new", "user_id"),
    "made tag": ("/tag/new", "name"),
    "made organization": ("/organization/new", "organization_id"),
}


def _target(admin: httpx.Client, kind: str) -> str:
    name = f"x-{uuid4().hex[:12]}"
    if kind in MAKERS:
        path, field = MAKERS[kind]
        made(admin, path, **{field: name}, **({"organization_alias": name} if field == "organization_id" else {}))
    return name


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("kind", "tried"), GLOBAL_WRITES, ids=lambda value: getattr(value, "path", ""))
def test_only_proxy_admins_write_what_is_everybodys(
    kind: str, tried: Route, caller: str, clients: dict[str, httpx.Client]
) -> None:
    status = tried.call(clients[caller], _target(clients["admin"], kind))
    # An admin of an organization may make users, and is refused for the role; and change organizations, but not this.
    organization_admins = {"/user/new": 403, "/organization/delete": 401}
    expected = {"admin": 200, "vic": 403, "dora": organization_admins.get(tried.path, 401)}.get(caller, 401)

    assert status == expected


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("kind", "tried"), GLOBAL_READS, ids=lambda value: getattr(value, "path", ""))
def test_viewers_read_what_is_everybodys(
    kind: str, tried: Route, caller: str, clients: dict[str, httpx.Client]
) -> None:
    status = tried.call(clients[caller], _target(clients["admin"], kind))

    assert status == (200 if caller in ("admin", "vic") else 401)


@pytest.mark.parametrize("caller", CALLERS)
def test_everybody_lists_what_is_theirs_and_calls_models(caller: str, clients: dict[str, httpx.Client]) -> None:
    client = clients[caller]

    assert client.get("/models").status_code == 200
    assert client.get("/model/info").status_code == 200
    assert client.get("/model_group/info").status_code == 200
    assert client.post("/key/health").status_code == 200
    listed = client.get("/key/list", params={"size": 100, "return_full_object": True})
    if caller == "nobody":
        assert listed.status_code == 401
        return
    assert listed.status_code == 200
    if caller not in ("admin", "vic"):
        teams = {key["team_id"] for key in listed.json()["keys"]}
        assert teams <= {"ada": {None, "red"}, "dora": {None, "red", "blue"}}.get(caller, {None})


# What a body may not smuggle: somebody else's object, or more than the caller has.
SMUGGLED: list[tuple[str, str, dict[str, Any]]] = [
    ("bob", "/key/generate", {"user_id": "cyd"}),
    ("bob", "/key/generate", {"team_id": "blue"}),
    ("bob", "/key/generate", {"team_id": "red"}),
    ("bob", "/key/generate", {"team_id": "no-such-team"}),
    ("bob", "/key/generate", {"organization_id": "south"}),
    ("bob", "/key/generate", {"permissions": {"admin": True}}),
    ("bob", "/key/generate", {"budget_id": "any"}),
    ("ada", "/key/generate", {"team_id": "green"}),
    ("ada", "/key/generate", {"team_id": "red", "user_id": "eve"}),
    ("ada", "/team/member_add", {"team_id": "green", "member": {"user_id": "ada", "role": "admin"}}),
    ("ada", "/team/update", {"team_id": "red", "organization_id": "south"}),
    ("dora", "/team/new", {"team_id": "stolen", "organization_id": "south"}),
    ("dora", "/team/new", {"team_id": "stolen"}),
    ("dora", "/user/new", {"user_id": "stolen", "user_role": "proxy_admin", "organizations": ["north"]}),
    ("dora", "/user/new", {"user_id": "stolen", "organizations": ["south"]}),
    (
        "dora",
        "/organization/member_add",
        {"organization_id": "south", "member": {"user_id": "dora", "role": "org_admin"}},
    ),
    ("bob", "/user/update", {"user_id": "bob", "models": ["gpt-4o"]}),
    ("bob", "/user/update", {"user_id": "bob", "max_budget": 5.5}),
]


@pytest.mark.parametrize(("caller", "path", "body"), SMUGGLED)
def test_nothing_is_smuggled(
    gateway: Gateway, clients: dict[str, httpx.Client], caller: str, path: str, body: dict[str, Any]
) -> None:
    tables = ("virtualkey", "team", "user", "membership", "organizationmembership", "auditentry")
    before = [gateway.rows(f"SELECT count(*) FROM teams_{table}") for table in tables]
    answer = clients[caller].post(path, json=body)

    assert answer.status_code in (400, 403, 404), (answer.status_code, answer.text)
    assert [gateway.rows(f"SELECT count(*) FROM teams_{table}") for table in tables] == before


def test_a_restricted_key_cannot_make_a_freer_one(gateway: Gateway, admin: httpx.Client) -> None:
    narrow = made(
        admin,
        "/key/generate",
        user_id="loner",
        models=["gpt-4o-mini"],
        max_budget=1,
        rpm_limit=5,
        allowed_routes=["/key/generate", "/key/update", "/chat/completions"],
        duration="1h",
    )
    with gateway.client(narrow["key"]) as client:
        deadline = time.monotonic() + 5
        while client.post("/key/generate", json={"max_budget": 2}).status_code == 401:
            assert time.monotonic() < deadline
        for more in (
            {"max_budget": 2},
            {"rpm_limit": 6},
            {"models": ["gpt-4o"]},
            {"models": ["*"]},
            {"allowed_routes": ["llm_api_routes"]},
            {"key_type": "management"},
            {"duration": "2h"},
        ):
            assert client.post("/key/generate", json=more).status_code in (400, 403), more
        for field, value in (
            ("max_budget", None),
            ("rpm_limit", 50),
            ("models", []),
            ("allowed_routes", []),
            ("duration", "-1"),
        ):
            assert client.post("/key/update", json={"key": narrow["key"], field: value}).status_code in (400, 403), (
                field
            )
        child = made(client, "/key/generate")
    assert (child["models"], child["max_budget"], child["rpm_limit"]) == (["gpt-4o-mini"], 1.0, 5)
    assert child["allowed_routes"] == narrow["allowed_routes"]
    assert child["expires"] == narrow["expires"]


def acts_as(gateway: Gateway, key: str) -> set[int]:
    """What a key gets that would act for its owner."""
    wait_until_known_or_refused(gateway, key)
    with gateway.client(key) as client:
        return {
            client.post("/team/new", json={}).status_code,
            client.post("/key/generate", json={}).status_code,
            client.post("/user/update", json={"user_id": "bob", "user_alias": "x"}).status_code,
        }


def wait_until_known_or_refused(gateway: Gateway, key: str) -> None:
    deadline = time.monotonic() + 5
    with gateway.client(key) as client:
        while client.get("/models").status_code == 401:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_an_admin_of_a_team_acts_for_no_member_of_it(
    gateway: Gateway, admin: httpx.Client, clients: dict[str, httpx.Client]
) -> None:
    """Not for the proxy admin who made the team, either."""
    ada = clients["ada"]
    assert ada.post("/key/generate", json={"team_id": "red", "user_id": "default_user_id"}).status_code == 403
    made_for_bob = made(ada, "/key/generate", team_id="red", user_id="bob")
    assert made_for_bob["allowed_routes"] == ["llm_api_routes"]
    assert acts_as(gateway, made_for_bob["key"]) == {403}

    for owner in ("default_user_id", "bob"):
        theirs = made(admin, "/key/generate", team_id="red", user_id=owner)
        stolen = made(ada, f"/key/{theirs['token']}/regenerate")
        assert acts_as(gateway, stolen["key"]) == {403}
        wider_ones: list[dict[str, Any]] = [
            {"allowed_routes": []},
            {"allowed_routes": ["management_routes"]},
            {"key_type": "default"},
        ]
        for wider in wider_ones:
            ada.post("/key/update", json={"key": stolen["token"], **wider})
            assert acts_as(gateway, stolen["key"]) == {403}, wider

    own = made(ada, "/key/generate", team_id="red")
    answer = ada.post("/key/update", json={"key": own["token"], "user_id": "bob"})
    assert answer.status_code == 200
    assert acts_as(gateway, own["key"]) == {403}


def test_an_admin_of_an_organization_changes_nobody_who_belongs_elsewhere(
    admin: httpx.Client, clients: dict[str, httpx.Client]
) -> None:
    dora = clients["dora"]
    user = f"x-{uuid4().hex[:8]}"
    made(admin, "/user/new", user_id=user, auto_create_key=False)
    made(admin, "/organization/member_add", organization_id="south", member={"user_id": user})
    dora.post("/organization/member_add", json={"organization_id": "north", "member": {"user_id": user}})

    assert dora.post("/user/update", json={"user_id": user, "max_budget": 1}).status_code in (403, 404)
