"""Admins of a team at the pages of alerts: what is their team's, and nothing of anybody else's."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from alerts.models import AlertChannel, AlertRoute, AlertSettings, Incident, ScheduledRun, Silence
from teams.models import Membership, Organization, OrganizationMembership, Team
from tests.alerts.admin.pages import form_of, said, text_of, url
from tests.alerts.builders import NOW, channel, delivery, incident, route

pytestmark = pytest.mark.django_db
HIDDEN = "https://hooks.example.com/services/hidden-token"


def person(name: str, *, group: str = "Team admin", **columns: Any) -> Client:
    users: Any = get_user_model()
    made = users.objects.create(id=name, username=name, is_staff=True, **columns)
    made.groups.add(Group.objects.get(name=group))
    browser = Client()
    browser.force_login(made)
    return browser


@pytest.fixture
def ada() -> Client:
    """Administers the team red, and is a member of blue."""
    browser = person("ada")
    north = Organization.objects.create(id="north", alias="north")
    for team_id, role in (("red", "admin"), ("blue", "user")):
        team = Team.objects.create(id=team_id, alias=team_id, organization=north)
        Membership.objects.create(team=team, user_id="ada", role=role)
    return browser


@pytest.fixture
def rows() -> dict[str, dict[str, Any]]:
    """By owner, one of each."""
    found: dict[str, dict[str, Any]] = {}
    for owner in ("", "red", "blue"):
        name = owner or "gateways"
        own = channel(f"channel of {name}", types=(), url=HIDDEN, team_id=owner)
        one = incident(
            fingerprint=name * 8, title=f"Incident of {name}", team_id=owner, labels={"team_id": owner} if owner else {}
        )
        found[owner] = {
            "alertchannel": own,
            "alertroute": route(f"route of {name}", own, team_id=owner),
            "silence": Silence.objects.create(
                comment=f"silence of {name}", team_id=owner, ends_at=timezone.now() + timedelta(hours=1),
                alert_types=["new_model_added"],
            ),
            "incident": one,
            "delivery": delivery(own, one),
        }  # fmt: skip
    return found


PAGES = ("alertchannel", "alertroute", "silence", "incident", "delivery")


@pytest.mark.parametrize("model", PAGES)
def test_lists_and_pages_show_the_teams_own_alone(ada: Client, rows: dict[str, dict[str, Any]], model: str) -> None:
    listed = text_of(ada, url(model, "changelist"))
    assert "of red" in listed or model == "delivery"
    assert "of blue" not in listed
    assert "gateways" not in listed
    assert ada.get(url(model, "change", rows["red"][model].pk)).status_code == 200
    for owner in ("", "blue"):
        assert ada.get(url(model, "change", rows[owner][model].pk)).status_code == 302
        assert ada.get(url(model, "history", rows[owner][model].pk)).status_code in (302, 403)


@pytest.mark.parametrize("model", ["alertchannel", "alertroute", "silence"])
def test_what_is_anothers_is_neither_changed_nor_deleted(
    ada: Client, rows: dict[str, dict[str, Any]], model: str
) -> None:
    for owner in ("", "blue"):
        row = rows[owner][model]
        ada.post(url(model, "change", row.pk), {"name": "mine", "comment": "mine", "team_id": "red"})
        ada.post(url(model, "delete", row.pk), {"post": "yes"})
        chosen = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
        ada.post(url(model, "changelist"), chosen)
        before = str(row)
        row.refresh_from_db()
        assert (str(row), row.team_id) == (before, owner)


@pytest.mark.parametrize("button", ["test", "sample"])
def test_buttons_of_others_channels_do_nothing(ada: Client, rows: dict[str, dict[str, Any]], button: str) -> None:
    for owner in ("", "blue"):
        answer = ada.post(url("alertchannel", button, rows[owner]["alertchannel"].pk), {"type": "llm_exceptions"})
        assert answer.status_code == 302
    assert Incident.objects.count() == 3


def test_a_sample_would_be_told_by_everybodys_routes_so_it_is_not_fired(
    ada: Client, rows: dict[str, dict[str, Any]]
) -> None:
    mine = rows["red"]["alertchannel"]
    assert ada.post(url("alertchannel", "sample", mine.pk), {"type": "llm_exceptions"}).status_code == 403
    assert "Fire a sample" not in text_of(ada, url("alertchannel", "change", mine.pk))
    assert ada.get(url("alertroute", "preview")).status_code == 403


def test_an_incident_is_worked_on_by_the_team_it_is_of(ada: Client, rows: dict[str, dict[str, Any]]) -> None:
    for owner in ("", "blue", "red"):
        ada.post(url("incident", "do", rows[owner]["incident"].pk), {"verb": "acknowledge"})
    status = dict(Incident.objects.values_list("team_id", "status"))

    assert status == {"": "open", "blue": "open", "red": "acknowledged"}
    action = {"action": "resolve_selected", "_selected_action": [str(one.pk) for one in Incident.objects.all()]}
    ada.post(url("incident", "changelist"), action)
    assert dict(Incident.objects.values_list("team_id", "status"))["red"] == "resolved"
    assert Incident.objects.filter(status="resolved").count() == 1


def test_an_incident_tells_its_team_nothing_of_others_channels(ada: Client, rows: dict[str, dict[str, Any]]) -> None:
    one = rows["red"]["incident"]
    theirs = delivery(rows[""]["alertchannel"], one, state="dead", last_error="The channel answered 500.")
    one.entries.create(at=NOW, what="told", text="Firing: channel of gateways, channel of red")
    shown = text_of(ada, url("incident", "change", one.pk))
    assert "channel of red" in shown
    assert "gateways" not in shown

    ada.post(url("incident", "retry", one.pk), {"delivery": str(theirs.pk)})
    theirs.refresh_from_db()
    assert theirs.state == "dead"


def test_a_new_channel_is_the_teams_of_a_public_address_and_never_shows_it(ada: Client) -> None:
    sent = form_of(ada.get(url("alertchannel", "add"))) | {
        "name": "ours", "kind": "webhook", "url": HIDDEN, "team_id": "red",
    }  # fmt: skip
    assert ada.post(url("alertchannel", "add"), sent).status_code == 302
    made = AlertChannel.objects.get()
    assert (made.team_id, made.private_address_allowed) == ("red", False)
    assert "hidden-token" not in ada.get(url("alertchannel", "change", made.pk)).content.decode()
    for field, value in (
        ("team_id", "blue"),
        ("team_id", ""),
        ("url", "http://10.0.0.1/x"),
        ("url", "http://169.254.169.254/"),
        ("kind", "apprise"),
    ):
        answer = ada.post(url("alertchannel", "add"), sent | {"name": "another", field: value})
        assert field in answer.context["adminform"].form.errors, (field, value)
    assert AlertChannel.objects.count() == 1


def test_a_secret_does_not_follow_a_channel_to_another_address(ada: Client) -> None:
    made = channel("ours", HIDDEN, types=(), team_id="red", secret="hidden-secret")
    AlertChannel.objects.update(kind="alertmanager")
    address = url("alertchannel", "change", made.pk)
    sent = form_of(ada.get(address))
    refused = ada.post(address, sent | {"url": "https://evil.example.com/"})
    assert "another address" in str(refused.context["adminform"].form.errors["secret"])

    assert ada.post(address, sent | {"url": "https://evil.example.com/", "secret": "a new one"}).status_code == 302
    made.refresh_from_db()
    assert (made.secret, made.private_address_allowed) == ("a new one", False)


def test_a_route_leads_to_the_teams_own_channels(ada: Client, rows: dict[str, dict[str, Any]]) -> None:
    form = ada.get(url("alertroute", "add"))
    offered = [str(one) for one in form.context["adminform"].form.fields["channels"].queryset]
    assert offered == ["channel of red"]
    sent = form_of(form) | {"name": "ours", "team_id": "red"}
    for owner in ("", "blue"):
        refused = ada.post(url("alertroute", "add"), sent | {"channels": [rows[owner]["alertchannel"].pk]})
        assert "channels" in refused.context["adminform"].form.errors
    assert ada.post(url("alertroute", "add"), sent | {"channels": [rows["red"]["alertchannel"].pk]}).status_code == 302

    assert AlertRoute.objects.get(name="ours").team_id == "red"


def test_the_gateways_own_pages_stay_closed(ada: Client) -> None:
    AlertSettings.objects.create()
    run = ScheduledRun.objects.create(job="spend_report", period_key="x", starts_at=NOW, ends_at=NOW)
    pages = (url("alertsettings", "changelist"), url("scheduledrun", "changelist"))

    assert [ada.get(page).status_code for page in pages] == [403, 403]
    assert ada.get(url("scheduledrun", "change", run.pk)).status_code in (302, 403)


def test_who_only_reads_changes_nothing_and_who_administers_no_team_sees_nothing(
    ada: Client, rows: dict[str, dict[str, Any]]
) -> None:
    reader = person("ivy", role="internal_user_viewer")
    Membership.objects.create(team_id="red", user_id="ivy", role="admin")
    assert "channel of red" in text_of(reader, url("alertchannel", "changelist"))
    assert reader.get(url("alertchannel", "add")).status_code == 403
    assert reader.post(url("incident", "do", rows["red"]["incident"].pk), {"verb": "resolve"}).status_code == 403

    member = person("bob")
    for model in ("alertchannel", "alertroute", "silence", "delivery"):
        assert member.get(url(model, "changelist")).status_code == 403
    assert member.get(url("alertchannel", "add")).status_code == 403


def test_an_organizations_admin_sees_its_teams(ada: Client, rows: dict[str, dict[str, Any]]) -> None:
    dora = person("dora")
    OrganizationMembership.objects.create(organization_id="north", user_id="dora", role="org_admin")
    shown = text_of(dora, url("alertchannel", "changelist"))

    assert "of red" in shown
    assert "of blue" in shown
    assert "gateways" not in shown


def test_operators_and_viewers_see_everything_as_before(rows: dict[str, dict[str, Any]]) -> None:
    for group in ("Operator", "Viewer"):
        shown = text_of(person(group, group=group), url("alertchannel", "changelist"))
        assert "of red" in shown
        assert "of blue" in shown
        assert "gateways" in shown


def test_a_silence_of_the_team_is_made_and_ended(ada: Client) -> None:
    sent = form_of(ada.get(url("silence", "add"))) | {
        "comment": "works", "team_id": "red", "matchers": "model = gpt-4o",
        "ends_at_0": "2100-01-01", "ends_at_1": "00:00:00",
    }  # fmt: skip
    assert ada.post(url("silence", "add"), sent).status_code == 302
    made = Silence.objects.get()
    assert (made.team_id, made.created_by) == ("red", "ada")

    assert "holds no longer" in said(ada.post(url("silence", "end", made.pk), follow=True))
