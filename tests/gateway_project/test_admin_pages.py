"""Every page of the admin answers and shows no secret. How often lists ask the database: test_admin_queries."""

import html
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from alerts.models import AlertChannel
from proxy.models import Deployment
from teams.groups import VIEWER
from teams.models import Membership, Team, User
from tests.gateway_project import rows
from tests.gateway_project.pages import errors, form_of, queries, staff, superuser, url
from tests.gateway_project.rows import MAKERS, SECRET

pytestmark = pytest.mark.django_db
PLAIN_DEPLOYMENT = {"model_name": "g", "litellm_params": '{"model": "openai/gpt-4o"}', "model_info": "{}"}


@pytest.fixture
def page(client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(superuser())
    client.raise_request_exception = True
    return client


def ours() -> set[str]:
    names = {f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry}
    return {name for name in names if name.partition("_")[0] in {"teams", "budgets", "proxy", "alerts"}}


def test_every_page_of_ours_is_looked_at_here() -> None:
    # The page of spend shows sums alone, and has tests of its own.
    assert ours() == {*MAKERS, "budgets_dailyspend"}


@pytest.mark.parametrize("name", MAKERS)
def test_a_list_and_a_change_page_answer_and_show_no_secret(page: Client, name: str) -> None:
    row = MAKERS[name](1)
    for address in (url(name, "changelist"), url(name, "change", row.pk), url(name, "history", row.pk)):
        response = page.get(address)

        assert response.status_code == 200, address
        assert SECRET not in html.unescape(response.content.decode()), address


@pytest.mark.parametrize("name", MAKERS)
def test_an_add_page_answers_where_rows_may_be_made_by_hand(page: Client, name: str) -> None:
    by_hand = not {
        "ledgerentry",
        "pricesnapshot",
        "spendadjustment",
        "membership",
        "auditentry",
        "requesttrace",
        "incident",
        "delivery",
        "scheduledrun",
    } & {name.partition("_")[2]}
    if name == "alerts_alertsettings":
        rows.alert_settings(1)
        by_hand = False

    assert page.get(url(name, "add")).status_code == (200 if by_hand else 403)


@pytest.mark.parametrize("name", MAKERS)
def test_a_search_answers(page: Client, name: str) -> None:
    MAKERS[name](1)

    assert page.get(url(name, "changelist"), {"q": "x'\"%\x01"}).status_code == 200


def test_an_incident_asks_no_more_for_many_deliveries_than_for_a_few(page: Client) -> None:
    row = rows.incident(1)
    rows.deliver(row, 2)
    few = queries(page, url("alerts_incident", "change", row.pk))
    for number in range(3, 13):
        rows.deliver(row, number)

    assert queries(page, url("alerts_incident", "change", row.pk)) <= few


@pytest.mark.parametrize("name", ["teams_team", "teams_organization", "teams_user"])
def test_a_page_asks_no_more_for_many_members_than_for_a_few(page: Client, name: str) -> None:
    row = MAKERS[name](1)
    address = url(name, "change", row.pk)
    for number in range(5):
        _join(row, number)
    few = queries(page, address)
    for number in range(5, 50):
        _join(row, number)

    assert queries(page, address) <= few


def _join(row: Any, number: int) -> None:
    """Something for the tables on the row's page, with a budget of its own."""
    budget = rows.budget(7000 + number)
    if isinstance(row, User):
        row.memberships.create(team=Team.objects.create(alias=f"joined {number}"), budget=budget)
    else:
        row.memberships.create(user=rows.user(7000 + number), budget=budget)


@pytest.mark.parametrize(
    "name",
    [
        "teams_team",
        "teams_virtualkey",
        "teams_user",
        "teams_organization",
        "teams_customer",
        "teams_tag",
        "teams_budget",
        "budgets_gatewaybudget",
        "proxy_deployment",
        "proxy_configfield",
        "alerts_alertchannel",
    ],
)
def test_saving_a_page_as_it_is_changes_nothing_and_shows_no_secret(page: Client, name: str) -> None:
    row = MAKERS[name](1)
    before = type(row)._default_manager.values(*_columns(row)).get(pk=row.pk)
    address = url(name, "change", row.pk)

    response = page.post(address, form_of(page.get(address)), follow=True)

    assert errors(response) == []
    assert SECRET not in html.unescape(response.content.decode())
    assert type(row)._default_manager.values(*_columns(row)).get(pk=row.pk) == before


def _columns(row: Any) -> list[str]:
    return [field.name for field in row._meta.concrete_fields if field.name not in ("updated_at", "updated_by")]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("teams_team", "metadata"),
        ("teams_team", "allowed_models"),
        ("teams_virtualkey", "metadata"),
        ("teams_virtualkey", "allowed_models"),
        ("teams_user", "metadata"),
        ("proxy_deployment", "model_info"),
        ("proxy_configfield", "value"),
        ("alerts_alertsettings", "alerting_args"),
    ],
)
def test_a_field_that_was_emptied_does_not_break_the_page(page: Client, name: str, field: str) -> None:
    row = MAKERS[name](1)
    address = url(name, "change", row.pk)
    sent = form_of(page.get(address))
    sent[field] = ""

    response = page.post(address, sent)

    assert response.status_code == 302 or field in response.context["adminform"].form.errors


@pytest.mark.parametrize(
    "name", ["proxy_deployment", "teams_budget", "teams_team", "teams_user", "teams_organization", "teams_customer"]
)
def test_no_page_makes_a_second_row_of_one_by_changing_its_id(page: Client, name: str) -> None:
    row = MAKERS[name](1)
    # A row below it would notice.
    Membership.objects.all().delete()
    table = type(row)._default_manager
    count = table.count()
    address = url(name, "change", row.pk)
    sent = form_of(page.get(address))
    page.post(address, {**sent, "id": "another"})

    assert table.count() == count


@pytest.mark.parametrize("params", ["[]", '"gpt-4o"', "5", "null", "{}", '{"model": 5}', '{"model": ""}'])
def test_a_deployment_whose_parameters_make_no_sense_is_refused(page: Client, params: str) -> None:
    page.post(
        url("proxy_deployment", "add"),
        {**PLAIN_DEPLOYMENT, "id": "d1", "credentials": "sk-x", "litellm_params": params},
    )

    assert not Deployment.objects.exists()


def test_a_deployment_may_be_made_without_credentials(page: Client) -> None:
    response = page.post(url("proxy_deployment", "add"), {**PLAIN_DEPLOYMENT, "id": "d1", "credentials": ""})

    assert response.status_code == 302
    assert Deployment.objects.get().credentials == ""


def test_a_deployments_credentials_are_kept_when_the_field_is_left_empty(page: Client) -> None:
    row = rows.deployment(1)
    address = url("proxy_deployment", "change", row.pk)
    page.post(address, {**form_of(page.get(address)), "model_name": "renamed"})
    row.refresh_from_db()

    assert row.model_name == "renamed"
    assert SECRET in row.credentials


def test_what_a_superuser_types_as_a_channel_may_be_a_private_address(page: Client) -> None:
    sent = {"name": "ops", "kind": "slack", "url": "http://127.0.0.1:9/x", "most_per_minute": "20", "enabled": "on"}
    page.post(url("alerts_alertchannel", "add"), sent)

    assert AlertChannel.objects.get().private_address_allowed


def test_a_strangers_browser_sees_nothing(client: Client) -> None:
    for name in MAKERS:
        assert client.get(url(name, "changelist")).status_code == 302


def test_a_team_with_markup_in_its_name_is_shown_as_text(page: Client) -> None:
    Team.objects.create(alias="<script>alert(1)</script>")

    assert "<script>alert(1)" not in page.get(url("teams_team", "changelist")).content.decode()


@pytest.mark.parametrize("name", MAKERS)
def test_who_only_looks_sees_no_secret_either(client: Client, name: str) -> None:
    row = MAKERS[name](1)
    client.force_login(staff(VIEWER))
    response = client.get(url(name, "change", row.pk))
    text = html.unescape(response.content.decode())

    assert response.status_code == 200
    assert "langfuse_secret_key" in text or name not in _WITH_METADATA
    assert SECRET not in text


_WITH_METADATA = {"teams_virtualkey", "teams_team", "teams_user", "teams_organization"}
