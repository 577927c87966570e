"""What a person who does not see everything finds on the home: own keys, budgets, teams, incidents."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from budgets.entries import insert
from budgets.models import Balance, Scope
from gateway_project.home.panels import Panel, Row
from teams.groups import TEAM_ADMIN
from teams.models import Budget, Membership, Team, User, VirtualKey
from teams.services import issue_key
from tests.alerts.builders import incident
from tests.budgets.builders import entry
from tests.budgets.days import day_row, keep_days
from tests.gateway_project.pages import KEYS, TEAMS, queries, staff, url
from tests.proxy.deployments import stored

pytestmark = pytest.mark.django_db
HOME = "/admin/"
DOLLAR = 10**9


@pytest.fixture
def mia(client: Client) -> User:
    """Logged in; a member of the team red, where members may rotate keys, and admin of the team blue."""
    made = staff(TEAM_ADMIN, user_id="mia", max_budget_nano=20 * DOLLAR)
    Budget.objects.create(id="per-head", max_budget_nano=5 * DOLLAR, budget_duration="30d")
    red = Team.objects.create(
        id="red", alias="team red", member_budget_id="per-head", max_budget_nano=100 * DOLLAR,
        member_permissions=["/key/regenerate"],
    )  # fmt: skip
    blue = Team.objects.create(id="blue", alias="team blue", max_budget_nano=70 * DOLLAR)
    for team, role in ((red, "user"), (blue, "admin")):
        Membership.objects.create(team=team, user=made, role=role)
    client.force_login(made)
    return made


def key(alias: str, **columns: object) -> VirtualKey:
    row = VirtualKey(alias=alias, **columns)
    issue_key(row)
    return row


def panel(client: Client, number: int) -> Panel:
    found: Panel = client.get(HOME).context["own"].panels[number]
    return found


def named(found: Panel) -> dict[str, Row]:
    return {row.title: row for row in found.rows}


def test_a_key_says_what_it_may_spend_ask_and_when_it_was_used(client: Client, mia: User) -> None:
    now = timezone.now()
    row = key("k", user=mia, max_budget_nano=10 * DOLLAR, budget_duration="30d", rpm_limit=60, tpm_limit=1000,
              budget_started_at=now - timedelta(days=1), expires_at=now + timedelta(days=9))  # fmt: skip
    for window in ("", "30d"):
        Balance.objects.create(
            scope=Scope.KEY, entity_id=str(row.pk), window=window, period_start=now - timedelta(days=40),
            spent_nano=3 * DOLLAR, last_at=now - timedelta(hours=2),
        )  # fmt: skip
    shown = named(panel(client, 0))["k"]

    assert (shown.badge, shown.color) == ("Active", "success")
    assert shown.value.endswith("of $10.00")
    assert shown.bar is not None
    for words in ("left, reset 20", "60 requests a minute", "1,000 tokens a minute", "last used 2 h ago", "expires 20"):
        assert words in shown.said
    assert [title for title, _ in shown.actions] == ["Rotate", "Delete"]


def test_buttons_stand_where_the_api_would_let_the_person(client: Client, mia: User) -> None:
    key("own", user=mia)
    key("in red", user=mia, team_id="red")
    key("in blue", user=mia, team_id="blue", blocked=True)
    shown = named(panel(client, 0))

    assert {name: [title for title, _ in row.actions] for name, row in shown.items()} == {
        "own": ["Rotate", "Delete"], "in red": ["Rotate"], "in blue": ["Rotate", "Delete"],
    }  # fmt: skip
    assert shown["in blue"].badge == "Blocked"
    User.objects.filter(pk="mia").update(role="internal_user_viewer")
    reading = panel(client, 0)
    assert not any(row.actions for row in reading.rows)
    assert reading.adds == ""


def test_teams_show_the_own_part_and_to_their_admins_the_whole(client: Client, mia: User) -> None:
    shown = {name: row.value for name, row in named(panel(client, 1)).items()}

    assert shown == {"You, in all": "$0.00 of $20.00", "team red": "$0.00 of $5.00", "team blue": "$0.00 of $70.00"}


def test_what_all_of_a_team_spends_is_for_its_admins(client: Client, mia: User) -> None:
    for team, nano in (("red", 37 * DOLLAR), ("blue", 41 * DOLLAR)):
        insert([entry(team_id=team, user_id="bob", amount_nano=nano, started_at=timezone.now()).encode()])
    listed = client.get(url(TEAMS, "changelist")).content.decode()
    pages = {team: client.get(url(TEAMS, "change", team)).content.decode() for team in ("red", "blue")}

    assert "$37.00" not in listed + pages["red"]
    assert "$0.00 of $5.00" in listed
    assert "$0.00 of $5.00" in pages["red"]
    assert "$41.00" in listed
    assert "$41.00" in pages["blue"]
    tried = {team: client.get(url(TEAMS, "try_limits", team)).status_code for team in ("red", "blue")}
    assert tried == {"red": 403, "blue": 200}


def test_incidents_are_those_of_the_own_keys_and_of_the_person(client: Client, mia: User) -> None:
    """An alias that somebody has in another team, or had, is not the own key's."""
    key("k", user=mia, team_id="red")
    seen = [
        incident(fingerprint="a", title="of the key", team_id="red", labels={"key_alias": "k", "team_id": "red"}),
        incident(fingerprint="b", title="of the person", labels={"user_id": "mia"}),
        incident(fingerprint="c", title="of the team that she administers", team_id="blue"),
    ]
    unseen = [
        incident(fingerprint="d", title="of the team", team_id="red"),
        incident(fingerprint="e", title="of the alias elsewhere", team_id="green", labels={"key_alias": "k"}),
        incident(fingerprint="f", title="of the alias in no team", labels={"key_alias": "k"}),
        incident(fingerprint="g", title="of somebody", labels={"user_id": "mi"}),
    ]
    found = client.get(HOME).context["problems"][0]
    assert {row.title for row in found.rows} == {one.title for one in seen}
    listed = {row.pk for row in client.get(url("alerts_incident", "changelist")).context["cl"].result_list}
    assert listed == {one.pk for one in seen}
    for one in seen:
        assert client.get(url("alerts_incident", "change", one.pk)).status_code == 200
    for one in unseen:
        assert client.get(url("alerts_incident", "change", one.pk)).status_code == 302


def test_who_only_watches_an_incident_does_nothing_to_it(client: Client, mia: User) -> None:
    key("k", user=mia, team_id="red")
    watched = incident(fingerprint="a", team_id="red", labels={"key_alias": "k"})
    looked_after = incident(fingerprint="b", team_id="blue")
    assert "Acknowledge" not in client.get(url("alerts_incident", "change", watched.pk)).content.decode()
    for one in (watched, looked_after):
        client.post(url("alerts_incident", "do", one.pk), {"verb": "resolve"})
        one.refresh_from_db()

    assert (watched.status, looked_after.status) == ("open", "resolved")


def test_a_request_to_try_names_a_model_that_may_be_called(client: Client, mia: User) -> None:
    for name, info in (("a-team-model", {"team_id": "green"}), ("b-claude", {}), ("c-gpt", {}), ("d/*", {})):
        stored("http://127.0.0.1:9", pk=name, name=name, model_info=info)
    User.objects.filter(pk="mia").update(allowed_models=["c-gpt"])
    Team.objects.update(allowed_models=["c-gpt"])
    shown = client.get(HOME).context["own"]

    assert shown.models == ["c-gpt"]
    assert '"model": "c-gpt"' in shown.curl
    assert shown.curl.startswith("curl http://testserver/v1/chat/completions")


def test_a_home_asks_no_more_for_many_rows_than_for_a_few(client: Client, mia: User) -> None:
    def fill(first: int, last: int) -> None:
        for number in range(first, last):
            team = Team.objects.create(id=f"t{number}", alias=f"t{number}", max_budget_nano=DOLLAR)
            Membership.objects.create(team=team, user=mia, role=("admin", "user")[number % 2])
            row = key(f"k{number}", user=mia, team=team, max_budget_nano=DOLLAR)
            keep_days(day_row(timezone.now().date(), key_hash=row.token_hash, user_id="mia", team_id=team.pk))
            incident(fingerprint=f"i{number}", team_id=team.pk, labels={"key_alias": f"k{number}"})

    fill(0, 2)
    few, few_to_make = queries(client, HOME), queries(client, url(KEYS, "add"))
    fill(2, 40)

    assert queries(client, HOME) <= few <= 60
    assert queries(client, url(KEYS, "add")) <= few_to_make <= 30
    assert panel(client, 0).has_more
    assert panel(client, 1).has_more
