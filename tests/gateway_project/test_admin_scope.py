"""Who sees and changes what at the admin's pages: five groups, the own team's rows and another's, page by page."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from teams.groups import ADMIN, FINANCE, OPERATOR, TEAM_ADMIN, VIEWER
from teams.models import Budget, Membership, Organization, Role, Team, User, VirtualKey
from teams.services import issue_key
from tests.gateway_project.pages import KEYS, TEAMS, USERS, change, staff, url

pytestmark = pytest.mark.django_db
GROUPS = (VIEWER, TEAM_ADMIN, OPERATOR, FINANCE, ADMIN)
# Who sees what is not of the own team, changes the own and others', and blocks the own and others' keys.
SEES_OTHERS = {VIEWER, OPERATOR, FINANCE, ADMIN}
CHANGES = {"own": {TEAM_ADMIN, ADMIN}, "other": {ADMIN}}
BLOCKS = {"own": {TEAM_ADMIN, OPERATOR, ADMIN}, "other": {OPERATOR, ADMIN}}
SIDES = ("own", "other")


@dataclass
class World:
    """tess administers the team `own` and bob is in it; cyd is in `other`. Each team has a key, by the same name."""

    page: Client
    tess: User

    def key(self, side: str) -> VirtualKey:
        return VirtualKey.objects.get(alias=side)


def world(client: Client, *groups: str, **columns: Any) -> World:
    tess = staff(*groups, **columns)
    for side, user in (("own", "bob"), ("other", "cyd")):
        organization = Organization.objects.create(id=f"{side}-organization", alias=f"{side} organization")
        team = Team.objects.create(
            id=side, alias=f"team {side}", organization=organization, max_budget_nano=10**10, rpm_limit=100
        )
        member = User.objects.create(id=user, username=user, email=f"{user}@example.com")
        Membership.objects.create(team=team, user=member)
        issue_key(VirtualKey(alias=side, team=team, user=member))
    Membership.objects.create(team_id="own", user=tess, role="admin")
    client.force_login(tess)
    return World(client, tess)


def names(response: Any) -> set[str]:
    return {str(row.pk) for row in response.context["cl"].result_list}


@pytest.mark.parametrize("group", GROUPS)
def test_lists_hold_what_is_in_reach(client: Client, group: str) -> None:
    here = world(client, group)
    keys = {str(here.key(side).pk) for side in SIDES}
    own_key = {str(here.key("own").pk)}

    assert names(here.page.get(url(KEYS, "changelist"))) == (keys if group in SEES_OTHERS else own_key)
    assert names(here.page.get(url(TEAMS, "changelist"))) == ({"own", "other"} if group in SEES_OTHERS else {"own"})
    everybody = {"tess", "bob", "cyd"}
    assert names(here.page.get(url(USERS, "changelist"))) == (
        everybody if group in SEES_OTHERS else everybody - {"cyd"}
    )
    seen = names(here.page.get(url("teams_organization", "changelist")))
    assert seen == ({"own-organization", "other-organization"} if group in SEES_OTHERS else set())


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("group", GROUPS)
def test_a_page_of_what_is_out_of_reach_does_not_exist(client: Client, group: str, side: str) -> None:
    here = world(client, group)
    expected = 200 if side == "own" or group in SEES_OTHERS else 302
    user = {"own": "bob", "other": "cyd"}[side]

    for name, pk in ((KEYS, here.key(side).pk), (TEAMS, side), (USERS, user)):
        for view in ("change", "history"):
            assert here.page.get(url(name, view, pk)).status_code == expected, (name, view)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("group", GROUPS)
def test_a_key_is_changed_by_whom_it_is_for(client: Client, group: str, side: str) -> None:
    here = world(client, group)
    key = here.key(side)
    response = here.page.post(url(KEYS, "change", key.pk), {"alias": "renamed", "key_type": "default"})
    key.refresh_from_db()

    assert (key.alias == "renamed") is (group in CHANGES[side])
    assert response.status_code == (302 if group in CHANGES[side] or side not in _seen(group) else 403)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("group", GROUPS)
def test_a_team_is_changed_by_whom_it_is_for(client: Client, group: str, side: str) -> None:
    here = world(client, group)
    sent = {f"memberships-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")}
    here.page.post(url(TEAMS, "change", side), {**sent, "alias": "renamed", "rpm_limit": "100"})

    assert (Team.objects.get(pk=side).alias == "renamed") is (group in CHANGES[side])


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("group", GROUPS)
def test_a_key_is_blocked_by_whom_it_is_for(client: Client, group: str, side: str) -> None:
    here = world(client, group)
    key = here.key(side)
    here.page.post(url(KEYS, "block", key.pk))
    key.refresh_from_db()

    assert key.blocked is (group in BLOCKS[side])


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("group", GROUPS)
def test_many_keys_are_blocked_by_whom_they_are_for(client: Client, group: str, side: str) -> None:
    here = world(client, group)
    key = here.key(side)
    sent = {"action": "block_selected", "_selected_action": key.pk, "post": "yes"}
    here.page.post(url(KEYS, "changelist"), sent)
    key.refresh_from_db()

    assert key.blocked is (group in BLOCKS[side])


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("verb", ["rotate", "collect", "reset_spend"])
def test_what_yields_a_key_or_money_is_for_those_who_may_change_the_key(
    client: Client, verb: str, group: str, side: str
) -> None:
    here = world(client, group)
    key = here.key(side)
    key.uncollected_key = "sk-waiting-0123456789abcdef"
    key.save()
    response = here.page.post(url(KEYS, verb, key.pk))
    key.refresh_from_db()

    allowed = group in CHANGES[side]
    assert response.status_code == (403 if not allowed and side in _seen(group) else response.status_code)
    assert ("sk-waiting" in response.content.decode()) is (allowed and verb == "collect")
    assert (key.rotation_count == 1) is (allowed and verb == "rotate")


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("group", GROUPS)
def test_a_key_is_deleted_by_whom_it_is_for(client: Client, group: str, side: str) -> None:
    here = world(client, group)
    key = here.key(side)
    here.page.post(url(KEYS, "delete", key.pk), {"post": "yes"})
    sent = {"action": "delete_selected", "_selected_action": key.pk, "post": "yes"}
    here.page.post(url(KEYS, "changelist"), sent)

    assert VirtualKey.objects.filter(pk=key.pk).exists() is (group not in CHANGES[side])


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(
    ("field", "model", "own", "other"),
    [
        ("team", "virtualkey", "own", "other"),
        ("user", "virtualkey", "bob", "cyd"),
        ("user", "membership", "bob", "cyd"),
    ],
)
def test_choices_name_only_what_is_in_reach(
    client: Client, group: str, field: str, model: str, own: str, other: str
) -> None:
    here = world(client, group)
    query = {"app_label": "teams", "model_name": model, "field_name": field}
    found = here.page.get("/admin/autocomplete/", query).json()["results"]

    assert own in {one["id"] for one in found}
    assert (other in {one["id"] for one in found}) is (group in SEES_OTHERS)


@pytest.mark.parametrize("group", GROUPS)
def test_an_export_holds_what_is_in_reach(client: Client, group: str) -> None:
    here = world(client, group)
    sent = {"action": "export_csv", "select_across": "1", "_selected_action": here.key("other").pk}
    text = here.page.post(url(KEYS, "changelist"), sent).getvalue().decode()

    assert "team own" in text
    assert ("team other" in text) is (group in SEES_OTHERS)


def test_a_filter_does_not_tell_the_name_of_what_is_out_of_reach(client: Client) -> None:
    here = world(client, TEAM_ADMIN)
    text = here.page.get(url(KEYS, "changelist", team__id__exact="other")).content.decode()

    assert "team other" not in text


def _seen(group: str) -> tuple[str, ...]:
    return SIDES if group in SEES_OTHERS else ("own",)


def test_who_is_in_no_group_sees_nothing(client: Client) -> None:
    here = world(client)

    for name in (KEYS, TEAMS, USERS, "teams_organization", "teams_budget", "teams_auditentry"):
        assert here.page.get(url(name, "changelist")).status_code == 403
        assert here.page.get(url(name, "add")).status_code == 403


@pytest.mark.parametrize("name", ["teams_customer", "teams_tag", "teams_budget", "teams_auditentry"])
def test_what_belongs_to_nobody_in_particular_is_not_for_team_admins(client: Client, name: str) -> None:
    from django.contrib.auth.models import Permission

    here = world(client, TEAM_ADMIN)
    here.tess.user_permissions.set(
        Permission.objects.filter(content_type__app_label="teams", codename=f"view_{name[6:]}")
    )

    assert here.page.get(url(name, "changelist")).status_code == 403


@pytest.mark.parametrize("group", GROUPS)
def test_the_sidebar_leads_only_to_pages_that_answer(client: Client, group: str) -> None:
    here = world(client, group)
    navigation = here.page.get("/admin/").context["sidebar_navigation"]
    links = [item["link"] for section in navigation for item in section["items"]]

    assert links
    for link in links:
        assert here.page.get(link).status_code == 200, link


def test_the_sidebar_of_each_group_is_what_the_group_is_for(client: Client) -> None:
    def sidebar(person: User) -> list[str]:
        client.force_login(person)
        navigation = client.get("/admin/").context["sidebar_navigation"]
        return [item["title"] for section in navigation for item in section["items"]]

    persons = {group: staff(group, user_id=group.replace(" ", "-")) for group in GROUPS}
    titles = {group: sidebar(person) for group, person in persons.items()}
    team = Team.objects.create(id="own")
    Membership.objects.create(team=team, user=persons[TEAM_ADMIN], role="admin")

    people = ["Keys", "Teams", "Users", "Organizations"]
    alerts = ["Incidents", "Deliveries", "Channels", "Routes", "Silences"]
    assert titles[TEAM_ADMIN] == [*people, "Requests", "Route preview", "Spend", "Incidents"]
    assert sidebar(persons[TEAM_ADMIN]) == [*people, "Requests", "Route preview", "Spend", *alerts]
    assert "Ledger" in titles[FINANCE]
    assert "Deployments" not in titles[FINANCE]
    assert {"Deployments", "Config fields", "Channels", "Routes", "Settings"} <= set(titles[OPERATOR])
    assert {"Ledger", "Audit trail"}.isdisjoint(titles[OPERATOR])
    assert titles[VIEWER] == titles[ADMIN]
    assert "Audit trail" in titles[VIEWER]


def test_a_viewer_who_also_administers_a_team_changes_only_the_team(client: Client) -> None:
    here = world(client, VIEWER, TEAM_ADMIN)
    for side in SIDES:
        here.page.post(url(KEYS, "change", here.key(side).pk), {"alias": f"{side} renamed", "key_type": "default"})

    assert set(VirtualKey.objects.values_list("alias", flat=True)) == {"own renamed", "other"}


@pytest.mark.parametrize("role", [Role.INTERNAL_USER_VIEWER, Role.PROXY_ADMIN_VIEWER])
def test_whose_role_is_to_read_changes_nothing(client: Client, role: str) -> None:
    here = world(client, TEAM_ADMIN, role=role)
    key = here.key("own")
    here.page.post(url(KEYS, "change", key.pk), {"alias": "renamed", "key_type": "default"})
    here.page.post(url(KEYS, "block", key.pk))
    here.page.post(url(KEYS, "rotate", key.pk))
    here.page.post(url(KEYS, "add"), {"alias": "new", "key_type": "default", "team": "own"})
    key.refresh_from_db()

    assert (key.alias, key.blocked, key.rotation_count) == ("own", False, 0)
    assert VirtualKey.objects.count() == 2


def test_a_members_own_team_is_looked_at_without_its_other_members(client: Client) -> None:
    here = world(client, TEAM_ADMIN)
    Membership.objects.filter(user=here.tess).update(role="user")
    page = here.page.get(url(TEAMS, "change", "own"))

    assert "bob" not in page.content.decode()
    assert change(here.page, TEAMS, "own", alias="renamed").status_code == 403


def test_finance_changes_budgets_and_not_whom_they_bind(client: Client) -> None:
    here = world(client, FINANCE)
    Budget.objects.create(id="b", max_budget_nano=10**9)
    change(here.page, "teams_budget", "b", max_budget_nano="7")

    assert Budget.objects.get(pk="b").max_budget_nano == 7 * 10**9
    assert here.page.get(url("teams_budget", "add")).status_code == 403


@pytest.mark.parametrize("group", [VIEWER, TEAM_ADMIN])
def test_amounts_that_are_only_looked_at_are_dollars(client: Client, group: str) -> None:
    here = world(client, group)
    text = here.page.get(url(TEAMS, "change", "own")).content.decode()

    assert "$10.00" in text
    assert "10000000000" not in text
