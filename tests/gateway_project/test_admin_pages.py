"""Every page of the admin answers, shows no secret, and asks the database no more for many rows than for a few."""

import html
import re
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alerts.models import AlertChannel
from budgets.models import BudgetAssignment
from proxy.models import Deployment
from teams.keys import hash_key
from teams.models import Membership, Team, User, VirtualKey
from tests.gateway_project import rows
from tests.gateway_project.rows import MAKERS, SECRET

pytestmark = pytest.mark.django_db
PLAIN_DEPLOYMENT = {"model_name": "g", "litellm_params": '{"model": "openai/gpt-4o"}', "model_info": "{}"}


@pytest.fixture
def page(client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(User.objects.create_superuser("root", "root@example.com", "pw"))
    client.raise_request_exception = True
    return client


def url(name: str, view: str, *arguments: object) -> str:
    return reverse(f"admin:{name}_{view}", args=arguments)


def ours() -> set[str]:
    names = {f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry}
    return {name for name in names if name.partition("_")[0] in {"teams", "budgets", "proxy", "alerts"}}


def form_of(response: Any) -> dict[str, Any]:
    """What a browser would send back of a page's form, if nothing were changed."""
    form = response.context["adminform"].form
    formsets = [inline.formset for inline in response.context["inline_admin_formsets"]]
    forms = [form, *(one for formset in formsets for one in (formset.management_form, *formset.forms))]
    sent: dict[str, Any] = {}
    for one in forms:
        for bound in one:
            value = bound.value()
            if value is None or value is False:
                continue
            sent[bound.html_name] = "on" if value is True else value if isinstance(value, list) else str(value)
    return sent


def errors(response: Any) -> list[str]:
    return re.findall(r'class="errorlist[^>]*>(.*?)</ul>', response.content.decode(), re.DOTALL)


def test_every_page_of_ours_is_looked_at_here() -> None:
    assert ours() == set(MAKERS)


@pytest.mark.parametrize("name", MAKERS)
def test_a_list_and_a_change_page_answer_and_show_no_secret(page: Client, name: str) -> None:
    row = MAKERS[name](1)
    for address in (url(name, "changelist"), url(name, "change", row.pk), url(name, "history", row.pk)):
        response = page.get(address)

        assert response.status_code == 200, address
        assert SECRET not in html.unescape(response.content.decode()), address


@pytest.mark.parametrize("name", MAKERS)
def test_an_add_page_answers_where_rows_may_be_made_by_hand(page: Client, name: str) -> None:
    by_hand = not {"ledgerentry", "pricesnapshot", "incident", "delivery"} & {name.partition("_")[2]}
    if name == "alerts_alertsettings":
        rows.alert_settings(1)
        by_hand = False

    assert page.get(url(name, "add")).status_code == (200 if by_hand else 403)


@pytest.mark.parametrize("name", MAKERS)
def test_a_search_answers(page: Client, name: str) -> None:
    MAKERS[name](1)

    assert page.get(url(name, "changelist"), {"q": "x'\"%\x01"}).status_code == 200


def queries(page: Client, address: str) -> int:
    page.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert page.get(address).status_code == 200
    return len(captured)


@pytest.mark.parametrize("name", sorted(MAKERS.keys() - {"alerts_alertsettings"}))
def test_a_list_asks_no_more_for_many_rows_than_for_a_few(page: Client, name: str) -> None:
    for number in range(2):
        MAKERS[name](number)
    few = queries(page, url(name, "changelist"))
    for number in range(2, 12):
        MAKERS[name](number)

    assert queries(page, url(name, "changelist")) <= few


def test_an_incident_asks_no_more_for_many_deliveries_than_for_a_few(page: Client) -> None:
    row = rows.incident(1)
    rows.deliver(row, 2)
    few = queries(page, url("alerts_incident", "change", row.pk))
    for number in range(3, 13):
        rows.deliver(row, number)

    assert queries(page, url("alerts_incident", "change", row.pk)) <= few


def test_a_team_asks_no_more_for_many_members_than_for_a_few(page: Client) -> None:
    """A page of members has its price; more of them than fit on a page cost nothing."""
    row = rows.team(1)
    for number in range(25):
        row.memberships.create(user=rows.user(100 + number))
    few = queries(page, url("teams_team", "change", row.pk))
    for number in range(25, 60):
        row.memberships.create(user=rows.user(100 + number))

    assert queries(page, url("teams_team", "change", row.pk)) <= few


@pytest.mark.parametrize(
    "name",
    [
        "teams_team",
        "teams_virtualkey",
        "budgets_budget",
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
    return [field.name for field in row._meta.concrete_fields if field.name != "updated_at"]


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


@pytest.mark.parametrize("name", ["proxy_deployment", "budgets_budget", "teams_team", "teams_user"])
def test_no_page_makes_a_second_row_of_one_by_changing_its_id(page: Client, name: str) -> None:
    row = MAKERS[name](1)
    # Rows below it would notice.
    BudgetAssignment.objects.all().delete()
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
    sent = {"name": "ops", "kind": "slack", "url": "http://127.0.0.1:9/x", "enabled": "on"}
    page.post(url("alerts_alertchannel", "add"), sent)

    assert AlertChannel.objects.get().private_address_allowed


def test_a_new_key_is_shown_once_and_stored_as_its_hash(page: Client) -> None:
    sent = {"alias": "ci", "allowed_models": "[]", "metadata": "{}"}
    shown = page.post(url("teams_virtualkey", "add"), sent, follow=True)

    keys = set(re.findall(r"sk-[\w-]{20,}", shown.content.decode()))
    row = VirtualKey.objects.get()
    assert [hash_key(key) for key in keys] == [row.token_hash]
    (key,) = keys
    for address in (url("teams_virtualkey", "changelist"), url("teams_virtualkey", "change", row.pk)):
        assert key not in page.get(address).content.decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM teams_virtualkey")
        assert key not in repr(cursor.fetchall())
        cursor.execute("SELECT * FROM django_admin_log")
        assert key not in repr(cursor.fetchall())


def test_two_keys_of_one_alias_are_refused_with_a_sentence(page: Client) -> None:
    rows.virtual_key(1)
    response = page.post(url("teams_virtualkey", "add"), {"alias": "key 1", "allowed_models": "[]", "metadata": "{}"})

    assert response.status_code == 200
    assert VirtualKey.objects.count() == 1


def test_a_strangers_browser_sees_nothing(client: Client) -> None:
    for name in MAKERS:
        assert client.get(url(name, "changelist")).status_code == 302


def test_a_team_with_markup_in_its_name_is_shown_as_text(page: Client) -> None:
    Team.objects.create(alias="<script>alert(1)</script>")

    assert "<script>alert(1)" not in page.get(url("teams_team", "changelist")).content.decode()
