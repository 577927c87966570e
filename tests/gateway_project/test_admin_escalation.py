"""Nobody gets more at the admin's pages than they were given: what is posted past the form is not stored."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from proxy.models import ConfigField
from teams.groups import ADMIN, TEAM_ADMIN
from teams.models import Budget, Membership, Organization, OrganizationMembership, Role, Team, User, VirtualKey
from teams.services import issue_key
from tests.gateway_project.pages import KEYS, TEAMS, USERS, change, shown_keys, staff, superuser, url, wrong

pytestmark = pytest.mark.django_db
NEW = {"alias": "new", "key_type": "default"}


@pytest.fixture
def tess(client: Client) -> User:
    """Logged in; she administers the team `own`, where bob and the proxy admin pat are; cyd is in `other`."""
    made = staff(TEAM_ADMIN, max_budget_nano=5 * 10**9, rpm_limit=10, allowed_models=["gpt-4o"])
    for team, users in (("own", ("bob", "pat")), ("other", ("cyd",))):
        Team.objects.create(
            id=team, alias=team, max_budget_nano=10**10, rpm_limit=100, allowed_models=["gpt-4o", "gpt-4o-mini"]
        )
        for user in users:
            role = Role.PROXY_ADMIN if user == "pat" else Role.INTERNAL_USER
            Membership.objects.create(
                team_id=team, user=User.objects.create(id=user, username=user, role=role, email=f"{user}@example.com")
            )
    Membership.objects.create(team_id="own", user=made, role="admin")
    Budget.objects.create(id="huge", max_budget_nano=10**15)
    client.force_login(made)
    return made


def key(alias: str = "k", **columns: Any) -> VirtualKey:
    row = VirtualKey(alias=alias, **columns)
    issue_key(row)
    return row


def permit(user: User, *codenames: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"team": "other"}, "team"),
        ({"team": "own", "user": "cyd"}, "user"),
        ({"team": "own", "user": "pat"}, "user"),
        ({"user": "bob"}, "user"),
        ({"team": "own", "max_budget_nano": "10.01"}, "max_budget_nano"),
        ({"team": "own", "rpm_limit": "101"}, "rpm_limit"),
        ({"team": "own", "allowed_models": "claude"}, "allowed_models"),
        ({"user": "tess", "max_budget_nano": "5.01"}, "max_budget_nano"),
        ({"user": "tess", "rpm_limit": "11"}, "rpm_limit"),
        ({"user": "tess", "allowed_models": "gpt-4o-mini"}, "allowed_models"),
    ],
)
def test_a_team_admin_makes_no_key_beyond_team_and_limits(
    client: Client, tess: User, fields: dict[str, str], field: str
) -> None:
    response = client.post(url(KEYS, "add"), {**NEW, **fields})

    assert list(wrong(response)) == [field]
    assert not VirtualKey.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"team": "own", "user": "bob", "max_budget_nano": "10", "rpm_limit": "100", "allowed_models": "gpt-4o-mini"},
        {"team": "own"},
        {"user": "tess", "max_budget_nano": "5"},
    ],
)
def test_a_team_admin_makes_keys_for_members_for_the_team_and_for_oneself(
    client: Client, tess: User, fields: dict[str, str]
) -> None:
    assert shown_keys(client.post(url(KEYS, "add"), {**NEW, **fields}))


def test_columns_that_are_on_no_form_are_not_stored(client: Client, tess: User) -> None:
    sent = {
        **NEW,
        "team": "own",
        "budget": "huge",
        "organization": "x",
        "temp_budget_increase_nano": "1000",
        "permissions": '{"all": true}',
        "config": '{"a": 1}',
        "token_hash": "0" * 64,
        "created_by": "somebody else",
        "blocked": "on",
    }
    client.post(url(KEYS, "add"), sent)
    row = VirtualKey.objects.get()

    assert (row.budget, row.organization, row.temp_budget_increase_nano) == (None, None, None)
    assert (row.permissions, row.config, row.blocked, row.created_by) == ({}, {}, False, "tess")
    assert row.token_hash != "0" * 64


def test_a_key_is_moved_to_no_other_team_or_user(client: Client, tess: User) -> None:
    row = key(team_id="own", user_id="bob")
    for fields in ({"team": "other"}, {"user": "cyd"}, {"user": "pat"}, {"team": "", "user": ""}):
        client.post(url(KEYS, "change", row.pk), {"alias": "k", "key_type": "default", **fields})
    row.refresh_from_db()

    assert (row.team_id, row.user_id) == ("own", "bob")


def test_limits_are_not_raised_beyond_the_teams(client: Client, tess: User) -> None:
    row = key(team_id="own", max_budget_nano=1)
    for fields in ({"max_budget_nano": "10.01"}, {"rpm_limit": "101"}, {"allowed_models": "claude"}):
        assert set(wrong(change(client, KEYS, row.pk, **fields))) == set(fields)
    row.refresh_from_db()

    assert (row.max_budget_nano, row.rpm_limit, row.allowed_models) == (1, None, [])


def test_a_proxy_admins_key_in_the_team_is_nobody_elses_to_rotate(client: Client, tess: User) -> None:
    """The new key would make its holder a proxy admin."""
    row = key(team_id="own", user_id="pat", uncollected_key="sk-waiting-0123456789abcdef")
    for verb in ("rotate", "collect", "reset_spend"):
        assert client.post(url(KEYS, verb, row.pk)).status_code == 403
    assert client.post(url(KEYS, "change", row.pk), NEW).status_code == 403
    client.post(url(KEYS, "delete", row.pk), {"post": "yes"})

    assert VirtualKey.objects.get().rotation_count == 0


def test_an_owner_decides_not_what_was_decided_about_the_key(client: Client, tess: User) -> None:
    row = key(user_id="tess", blocked=True)
    assert client.post(url(KEYS, "unblock", row.pk)).status_code == 403
    assert list(wrong(change(client, KEYS, row.pk, metadata='{"guardrails": []}'))) == ["metadata"]
    assert change(client, KEYS, row.pk, metadata='{"owner": "me"}').status_code == 302
    client.post(url(KEYS, "add"), {**NEW, "user": "tess", "metadata": '{"guardrails": []}'})
    assert VirtualKey.objects.get(alias="new").metadata == {}
    row.refresh_from_db()

    assert row.blocked
    assert row.metadata == {"owner": "me"}


@pytest.mark.parametrize(
    ("fields", "column"),
    [
        ({"max_budget_nano": "99"}, "max_budget_nano"),
        ({"organization": "rich"}, "organization_id"),
        ({"member_budget": "huge"}, "member_budget_id"),
        ({"metadata": '{"guardrails": []}'}, "metadata"),
        ({"router_settings": '{"a": 1}'}, "router_settings"),
        ({"budget_duration": "1s"}, "budget_duration"),
        ({"rpm_limit": "101"}, "rpm_limit"),
        ({"rpm_limit": ""}, "rpm_limit"),
        ({"allowed_models": "claude"}, "allowed_models"),
        ({"allowed_models": ""}, "allowed_models"),
        ({"id": "another"}, "id"),
    ],
)
def test_a_team_admin_gives_the_team_no_more_than_it_has(
    client: Client, tess: User, fields: dict[str, str], column: str
) -> None:
    OrganizationMembership.objects.create(organization=Organization.objects.create(id="rich", alias="rich"), user=tess)
    before = Team.objects.values(column).get(pk="own")
    change(client, TEAMS, "own", **fields)

    assert Team.objects.values(column).get(pk="own") == before
    assert client.post(url(TEAMS, "block", "own")).status_code == 403
    assert client.post(url(TEAMS, "delete", "own"), {"post": "yes"}).status_code == 403


def test_a_team_admin_may_make_the_team_smaller(client: Client, tess: User) -> None:
    change(client, TEAMS, "own", rpm_limit="50", allowed_models="gpt-4o", alias="smaller")

    assert Team.objects.values_list("rpm_limit", "allowed_models", "alias").get(pk="own") == (50, ["gpt-4o"], "smaller")


def test_members_are_those_one_sees_and_get_no_other_budget(client: Client, tess: User) -> None:
    page = client.get(url(TEAMS, "change", "own"))
    assert "memberships-0-role" in page.content.decode()
    counts = {"memberships-TOTAL_FORMS": "4", "memberships-MAX_NUM_FORMS": "1000"}
    refused = change(client, TEAMS, "own", **counts, **{"memberships-3-user": "cyd", "memberships-3-role": "user"})
    assert refused.status_code == 200
    bobs = Membership.objects.get(user="bob")
    number = next(
        index
        for index in range(3)
        if change(client, TEAMS, "own").wsgi_request.POST[f"memberships-{index}-id"] == str(bobs.pk)
    )
    sent = {
        f"memberships-{number}-budget": "huge",
        f"memberships-{number}-role": "admin",
        f"memberships-{number}-user": "cyd",
    }
    assert change(client, TEAMS, "own", **sent).status_code == 302
    bobs.refresh_from_db()

    assert (bobs.user_id, bobs.role, bobs.budget_id) == ("bob", "admin", None)
    assert set(Membership.objects.filter(team="own").values_list("user", flat=True)) == {"bob", "pat", "tess"}


GRABS: list[dict[str, Any]] = [
    {"role": "proxy_admin"},
    {"is_superuser": "on"},
    {"is_staff": "on"},
    {"groups": "all"},
    {"user_permissions": "all"},
    {"password": "pbkdf2_sha256$1$x$y"},
]


@pytest.mark.parametrize("fields", GRABS)
@pytest.mark.parametrize("whom", ["tess", "bob"])
@pytest.mark.parametrize("group", [TEAM_ADMIN, ADMIN])
def test_who_may_do_what_is_for_superusers_to_say(
    client: Client, tess: User, fields: dict[str, Any], whom: str, group: str
) -> None:
    """Even where somebody was given the permission to change users."""
    permit(tess, "change_user")
    tess.groups.add(Group.objects.get(name=group))
    if whom == "bob":
        User.objects.filter(pk="bob").update(is_staff=False)
    sent = {
        name: [row.pk for row in (Group if name == "groups" else Permission).objects.all()] if value == "all" else value
        for name, value in fields.items()
    }
    before = _rights(whom)
    change(client, USERS, whom, **sent)

    assert _rights(whom) == before


def _rights(user_id: str) -> Any:
    user = User.objects.get(pk=user_id)
    permissions = set(user.user_permissions.values_list("codename", flat=True))
    return user.role, user.is_superuser, user.is_staff, user.password, set(user.groups.all()), permissions


@pytest.mark.parametrize("group", [TEAM_ADMIN, ADMIN])
def test_nobody_but_a_superuser_sets_anothers_password(client: Client, tess: User, group: str) -> None:
    permit(tess, "change_user", "view_user")
    tess.groups.add(Group.objects.get(name=group))
    address = f"/admin/teams/user/{'bob'}/password/"
    sent = {"usable_password": "true", "password1": "a-long-enough-phrase", "password2": "a-long-enough-phrase"}

    assert client.get(address).status_code == 403
    assert client.post(address, sent).status_code == 403
    assert User.objects.get(pk="bob").password == ""


def test_an_admin_changes_users_and_no_superuser(client: Client, tess: User) -> None:
    tess.groups.set(Group.objects.filter(name=ADMIN))
    superuser()
    change(client, USERS, "bob", alias="Bob", max_budget_nano="3")
    assert User.objects.values_list("alias", "max_budget_nano").get(pk="bob") == ("Bob", 3 * 10**9)

    assert client.post(url(USERS, "change", "root"), {"email": "mine@example.com"}).status_code == 403
    client.post(url(USERS, "delete", "root"), {"post": "yes"})
    client.post(
        url(USERS, "changelist"), {"action": "delete_selected", "_selected_action": ["root", "tess"], "post": "yes"}
    )
    assert set(User.objects.filter(pk__in=["root", "tess"]).values_list("email", flat=True)) == {"root@example.com", ""}


def test_a_user_made_by_no_superuser_is_a_plain_one(client: Client, tess: User) -> None:
    tess.groups.set(Group.objects.filter(name=ADMIN))
    sent = {
        "username": "new",
        "usable_password": "false",
        "is_staff": "on",
        "is_superuser": "on",
        "role": "proxy_admin",
    }
    assert client.post(url(USERS, "add"), sent).status_code == 302
    new = User.objects.get(username="new")

    assert (new.role, new.is_staff, new.is_superuser, new.has_usable_password()) == (
        "internal_user",
        False,
        False,
        False,
    )


def test_groups_and_what_they_may_do_are_for_superusers(client: Client, tess: User) -> None:
    permit(tess, "change_group", "add_group", "delete_group", "view_group")
    group = Group.objects.get(name=TEAM_ADMIN)
    before = group.permissions.count()
    everything = [row.pk for row in Permission.objects.all()]

    assert client.get(url("auth_group", "changelist")).status_code == 200
    sent = {"name": TEAM_ADMIN, "permissions": everything}
    assert client.post(url("auth_group", "change", group.pk), sent).status_code == 403
    assert client.post(url("auth_group", "add"), {"name": "mine", "permissions": everything}).status_code == 403
    assert group.permissions.count() == before
    assert not Group.objects.filter(name="mine").exists()


def test_an_organizations_admin_stays_within_the_organization(client: Client, tess: User) -> None:
    permit(tess, "add_team", "change_organization", "delete_organization", "add_organization")
    budget = Budget.objects.create(id="small", max_budget_nano=10**9)
    mine = Organization.objects.create(id="mine", alias="mine", budget=budget, allowed_models=["gpt-4o"])
    Organization.objects.create(id="theirs", alias="theirs")
    OrganizationMembership.objects.create(organization=mine, user=tess, role="org_admin")

    def add(**fields: str) -> Any:
        counts = {f"memberships-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")}
        return client.post(url(TEAMS, "add"), {**counts, "id": "new", "alias": "new", **fields})

    for fields in (
        {},
        {"organization": "theirs"},
        {"organization": "mine", "max_budget_nano": "1.01"},
        {"organization": "mine", "allowed_models": "claude"},
    ):
        assert add(**fields).status_code == 200, fields
    assert not Team.objects.filter(pk="new").exists()
    assert add(organization="mine", max_budget_nano="1", allowed_models="gpt-4o").status_code == 302

    change(client, "teams_organization", "mine", alias="renamed", budget="huge", allowed_models="")
    mine.refresh_from_db()
    assert (mine.alias, mine.budget_id, mine.allowed_models) == ("renamed", "small", ["gpt-4o"])
    client.post(url("teams_organization", "delete", "mine"), {"post": "yes"})
    assert Organization.objects.filter(pk="mine").exists()


def test_a_key_may_not_be_made_where_members_may_not(client: Client, tess: User) -> None:
    Membership.objects.create(team_id="other", user=tess)
    assert list(wrong(client.post(url(KEYS, "add"), {**NEW, "team": "other", "user": "tess"}))) == ["team"]
    Team.objects.filter(pk="other").update(member_permissions=["/key/generate"])

    assert list(wrong(client.post(url(KEYS, "add"), {**NEW, "team": "other", "user": "bob"}))) == ["user"]
    assert shown_keys(client.post(url(KEYS, "add"), {**NEW, "team": "other", "user": "tess"}))


def test_a_key_that_is_made_for_nobody_says_so(client: Client, tess: User) -> None:
    assert list(wrong(client.post(url(KEYS, "add"), NEW))) == ["user"]


@pytest.mark.parametrize("verb", ["rotate", "collect"])
def test_who_sees_the_key_of_a_member_does_not_act_in_the_members_name(client: Client, tess: User, verb: str) -> None:
    row = key(team_id="own", user_id="bob", uncollected_key="sk-waiting-0123456789abcdef")
    assert shown_keys(client.post(url(KEYS, verb, row.pk)))
    row.refresh_from_db()
    assert row.allowed_routes == ["llm_api_routes"]

    for fields in ({"allowed_routes": ""}, {"key_type": "management"}):
        assert list(wrong(change(client, KEYS, row.pk, **fields))) == ["allowed_routes"]


def test_a_key_that_is_made_for_a_member_calls_models_alone(client: Client, tess: User) -> None:
    client.post(url(KEYS, "add"), {**NEW, "team": "own", "user": "bob"})

    assert VirtualKey.objects.get().allowed_routes == ["llm_api_routes"]


@pytest.mark.parametrize("route", ["/key/update", "/key/regenerate", "/key/delete"])
def test_a_member_does_to_the_teams_keys_what_the_team_lets_and_no_more(client: Client, tess: User, route: str) -> None:
    Membership.objects.filter(user=tess).update(role="user")
    Team.objects.filter(pk="own").update(member_permissions=["/key/info", route])
    row = key(team_id="own", user_id="bob")
    change_to = {"alias": "renamed", "key_type": "default"}
    status = {
        "/key/update": client.post(url(KEYS, "change", row.pk), change_to).status_code,
        "/key/regenerate": client.post(url(KEYS, "rotate", row.pk)).status_code,
        "/key/delete": client.post(url(KEYS, "delete", row.pk), {"post": "yes"}).status_code,
    }

    assert {name for name, code in status.items() if code != 403} == {route}


def test_what_the_operator_set_for_new_keys_holds_here_too(client: Client, tess: User) -> None:
    """As in the API: bounds, defaults, and who may make keys at all."""
    set_to = ConfigField.objects.create
    set_to(section="litellm_settings", name="upperbound_key_generate_params", value={"max_budget": 2, "duration": "7d"})
    set_to(section="litellm_settings", name="default_key_generate_params", value={"rpm_limit": 3})
    assert list(wrong(client.post(url(KEYS, "add"), {**NEW, "user": "tess", "max_budget_nano": "3"}))) == [
        "max_budget_nano"
    ]
    assert list(wrong(client.post(url(KEYS, "add"), {**NEW, "user": "tess", "duration": "30d"}))) == ["duration"]
    assert shown_keys(client.post(url(KEYS, "add"), {**NEW, "user": "tess"}))
    made = VirtualKey.objects.get()
    assert (made.max_budget_nano, made.rpm_limit) == (2 * 10**9, 3)
    assert made.expires_at is not None
    assert (made.expires_at - made.created_at).days == 7

    set_to(section="general_settings", name="default_team_disabled", value=True)
    assert list(wrong(client.post(url(KEYS, "add"), {"alias": "more", "user": "tess"}))) == ["team"]
    assert VirtualKey.objects.count() == 1
