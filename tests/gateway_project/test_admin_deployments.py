"""The page of deployments: how each stands, drained and brought back, and checked there and then."""

import html
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from budgets.models import LedgerEntry
from proxy.core.cooldown import Cooldown, CooldownReason
from proxy.health_checks import in_thread
from proxy.models import ConfigField, Deployment, HealthCheck
from proxy.registry import load_routing_table
from proxy.runtime import Runtime
from teams.groups import ADMIN, FINANCE, OPERATOR, TEAM_ADMIN, VIEWER
from teams.models import AuditEntry
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.gateway_project.pages import queries, staff, url
from tests.proxy.deployments import SECRET, stored

pytestmark = pytest.mark.django_db
NAME = "proxy_deployment"
NOWHERE = "http://127.0.0.1:9"
VERBS = ("drain", "restore", "check_now")


def load(made: Runtime) -> None:
    made.table = load_routing_table(now=timezone.now())


def checked(deployment_id: str, *, healthy: bool = True, minutes_ago: int = 5, error: str = "") -> None:
    HealthCheck.objects.create(
        deployment_id=deployment_id, model_name="gpt-4o", healthy=healthy, status=200 if healthy else 500,
        response_ms=12, error=error, checked_by="background",
        checked_at=timezone.now() - timedelta(minutes=minutes_ago),
    )  # fmt: skip


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def cells(page: Client) -> dict[str, dict[str, str]]:
    """Of the list, by the deployment's id and the column's name; without markup."""
    text = page.get(url(NAME, "changelist")).content.decode()
    found = {}
    for line in re.findall(r"<tr.*?</tr>", text, re.DOTALL):
        columns = re.findall(r'<t[dh][^>]*class="[^"]*field-(\w+)[^"]*"[^>]*>(.*?)</t[dh]>', line, re.DOTALL)
        shown = {name: " ".join(html.unescape(re.sub(r"<[^>]+>", " ", value)).split()) for name, value in columns}
        if "id" in shown:
            found[shown["id"]] = shown
    return found


def test_outside_of_a_web_process_there_is_nothing_to_say_about_now(page: Client) -> None:
    stored(NOWHERE, pk="d1")
    shown = cells(page)["d1"]

    assert {shown[name] for name in ("state", "in_flight", "last_minute", "choice", "price", "provider")} == {"-"}
    assert shown["upstream_model"] == "openai/gpt-4o"


def test_the_list_says_how_each_stands(page: Client, web_process: Runtime) -> None:
    for name in ("well", "cooling", "failing", "drained"):
        row = stored(NOWHERE, pk=name, weight=2, order=3)
        row.blocked = name == "drained"
        row.save()
    load(web_process)
    stored(NOWHERE, pk="broken", model="nobody/x")
    state = web_process.state
    state.begin("well")
    state.begin("well")
    state.failed("well", kind="InternalServerError", counts=True)
    state.cool("cooling", Cooldown(12.0, CooldownReason.RATE_LIMITED), status=429)
    state.unhealthy = frozenset({"failing"})
    checked("well", minutes_ago=180)
    checked("well", minutes_ago=7)
    checked("failing", healthy=False, minutes_ago=0)
    shown = cells(page)

    assert {name: row["state"] for name, row in shown.items()} == {
        "well": "In service",
        "cooling": "Cooling down 12 s: rate limited",
        "failing": "Unhealthy",
        "drained": "Drained",
        "broken": "Left out of the routing table",
    }
    well = shown["well"]
    assert (well["in_flight"], well["last_minute"]) == ("2", "2, 1 failed")
    assert (well["provider"], well["choice"]) == ("openai", "weight 2, order 3")
    assert well["price"] == "$2.50 in, $10.00 out"
    assert well["last_check"] == "Healthy 7 min ago"
    assert shown["failing"]["last_check"].startswith("Unhealthy ")
    assert shown["cooling"]["last_check"] == "-"


@pytest.mark.parametrize(
    ("params", "price"),
    [
        ({}, "$2.50 in, $10.00 out"),
        ({"input_cost_per_token": 0, "output_cost_per_token": 0}, "free"),
        ({"model": "openai/nobody-knows-it"}, "no price"),
        ({"model": "openai/mine", "output_cost_per_image": 0.04}, "$0.04 an image"),
        ({"model": "openai/mine", "input_cost_per_second": 0.0001}, "$0.0001 a second"),
    ],
)
def test_prices_are_shown(page: Client, web_process: Runtime, params: dict[str, Any], price: str) -> None:
    stored(NOWHERE, pk="d1", **params)
    load(web_process)

    assert cells(page)["d1"]["price"] == price


def test_looking_at_a_list_leaves_the_routers_state_alone(page: Client, web_process: Runtime) -> None:
    for name in ("busy", "idle"):
        stored(NOWHERE, pk=name)
    load(web_process)
    web_process.state.begin("busy")
    shown = cells(page)

    assert [shown[name]["in_flight"] for name in ("busy", "idle")] == ["1", "0"]
    assert [web_process.state.knows(name) for name in ("busy", "idle")] == [True, False]


def test_the_page_says_more_and_shows_no_secret(page: Client, web_process: Runtime) -> None:
    stored(NOWHERE, pk="d1", rpm=100)
    load(web_process)
    for number in range(12):
        checked("d1", healthy=number % 2 == 0, minutes_ago=number, error="" if number % 2 == 0 else f"oops {number}")
    text = text_of(page.get(url(NAME, "change", "d1")))

    assert "In service" in text
    assert "100 rpm" in text
    assert "$2.50 in, $10.00 out" in text
    assert "oops 9" in text
    assert "oops 11" not in text, "the last ten"
    assert "deployment_id__exact=d1" in text
    assert SECRET not in text


def test_the_page_says_why_a_deployment_is_left_out(page: Client, web_process: Runtime) -> None:
    load(web_process)
    stored(NOWHERE, pk="broken", model="nobody/x")
    text = text_of(page.get(url(NAME, "change", "broken")))

    assert "Left out of the routing table" in text
    assert "provider 'nobody' is not supported" in text


def test_what_an_upstream_said_is_shown_as_text(page: Client, web_process: Runtime) -> None:
    stored(NOWHERE, pk="d1")
    load(web_process)
    checked("d1", healthy=False, error="<script>alert(1)</script>")

    assert "<script>alert(1)" not in page.get(url(NAME, "change", "d1")).content.decode()


def test_the_link_leads_to_the_deployments_entries(page: Client, upstream: FakeUpstream) -> None:
    for name in ("d1", "d2"):
        stored(upstream.url, pk=name)
        page.post(url(NAME, "check_now", name))
    text = page.get(url(NAME, "change", "d1")).content.decode()
    address = html.unescape(text[text.index('href="/admin/budgets/ledgerentry/?') :].split('"')[1])
    listed = page.get(f"{address}&kind=all")

    assert listed.status_code == 200
    assert {entry.deployment_id for entry in listed.context["cl"].result_list} == {"d1"}


def test_the_ledger_leaves_health_checks_out_until_it_is_asked_for_them(page: Client, upstream: FakeUpstream) -> None:
    stored(upstream.url, pk="d1")
    page.post(url(NAME, "check_now", "d1"))

    def number(**query: str) -> int:
        return len(page.get(url("budgets_ledgerentry", "changelist", **query)).context["cl"].result_list)

    assert [number(), number(kind="health"), number(kind="all")] == [0, 1, 1]


@pytest.mark.parametrize("many", [5, 50])
def test_a_list_asks_no_more_for_many_deployments_with_checks(page: Client, web_process: Runtime, many: int) -> None:
    for number in range(many):
        stored(NOWHERE, pk=f"d{number}")
        checked(f"d{number}")
    load(web_process)

    assert queries(page, url(NAME, "changelist")) <= 9


def test_a_thousand_deployments_are_a_list_like_any_other(page: Client, web_process: Runtime) -> None:
    Deployment.objects.bulk_create(
        Deployment(pk=f"d{number}", model_name=f"g{number // 4}", litellm_params={"model": "openai/gpt-4o"})
        for number in range(1000)
    )
    load(web_process)
    address = url(NAME, "changelist")
    page.get(address)
    began = time.perf_counter()
    response = page.get(address)

    assert len(response.context["cl"].result_list) == 50
    assert time.perf_counter() - began < 5
    assert queries(page, address) <= 9


def test_draining_asks_first_and_takes_out_of_service(page: Client) -> None:
    row = stored(NOWHERE, pk="d1")
    stored(NOWHERE, pk="d2")
    asked = page.get(url(NAME, "drain", "d1"))
    row.refresh_from_db()
    assert "takes no new requests" in text_of(asked)
    assert not row.blocked

    said = text_of(page.post(url(NAME, "drain", "d1"), follow=True))
    assert Deployment.objects.get(pk="d1").blocked
    assert "those that are running finish" in said
    assert "Nothing is left in service" not in said
    assert AuditEntry.objects.filter(object_type="deployment", object_id="d1", actor_id="root").exists()

    assert "Nothing is left in service for gpt-4o" in text_of(page.post(url(NAME, "drain", "d2"), follow=True))
    page.post(url(NAME, "restore", "d1"))
    assert not Deployment.objects.get(pk="d1").blocked


def test_several_are_drained_together(page: Client) -> None:
    for name in ("d1", "d2", "d3"):
        stored(NOWHERE, pk=name)
    sent = {"action": "drain_selected", "_selected_action": ["d1", "d2"], "post": "yes"}
    page.post(url(NAME, "changelist"), sent)

    assert set(Deployment.objects.filter(blocked=True).values_list("pk", flat=True)) == {"d1", "d2"}


def test_a_drained_one_is_found_by_its_state(page: Client) -> None:
    for name in ("d1", "d2"):
        stored(NOWHERE, pk=name)
    page.post(url(NAME, "drain", "d2"))

    for state, names in (("drained", {"d2"}), ("in_service", {"d1"})):
        listed = page.get(url(NAME, "changelist", state=state))
        assert {row.pk for row in listed.context["cl"].result_list} == names


def test_buttons_fit_the_state(page: Client) -> None:
    row = stored(NOWHERE, pk="d1")
    text = text_of(page.get(url(NAME, "change", "d1")))
    assert url(NAME, "drain", "d1") in text
    assert url(NAME, "restore", "d1") not in text
    row.blocked = True
    row.save()
    text = text_of(page.get(url(NAME, "change", "d1")))
    assert url(NAME, "restore", "d1") in text
    assert url(NAME, "drain", "d1") not in text


def test_a_check_there_and_then_says_what_it_found_and_is_charged(page: Client, upstream: FakeUpstream) -> None:
    stored(upstream.url, pk="d1")
    assert not upstream.received
    assert "its provider bills" in text_of(page.get(url(NAME, "check_now", "d1")))
    assert not upstream.received, "asking whether to is no check"

    assert "it answered in" in text_of(page.post(url(NAME, "check_now", "d1"), follow=True))
    row = HealthCheck.objects.get()
    assert (row.deployment_id, row.healthy, row.checked_by) == ("d1", True, "root")
    entry = LedgerEntry.objects.get()
    assert (entry.key_hash, entry.deployment_id) == ("litellm-internal-health-check", "d1")
    assert entry.amount_nano > 0


def test_a_check_that_fails_is_told_and_kept(page: Client, upstream: FakeUpstream) -> None:
    stored(upstream.url, pk="d1")
    upstream.script(openai_error(401, f"Incorrect API key {SECRET}", "invalid_request_error"))
    said = text_of(page.post(url(NAME, "check_now", "d1"), follow=True))

    assert "does not answer as it should" in said
    assert "Incorrect API key" in said
    assert SECRET not in said
    assert not HealthCheck.objects.get().healthy


def test_what_cannot_be_asked_is_told(page: Client, upstream: FakeUpstream) -> None:
    stored(upstream.url, pk="image", model="openai/dall-e-3")
    stored(upstream.url, pk="broken", model="nobody/x")

    assert "not probed" in text_of(page.post(url(NAME, "check_now", "image"), follow=True))
    assert "cannot be asked" in text_of(page.post(url(NAME, "check_now", "broken"), follow=True))
    assert not upstream.received


@pytest.mark.django_db(transaction=True)
def test_while_an_upstream_takes_its_time_nobody_waits_for_the_database(page: Client, upstream: FakeUpstream) -> None:
    stored(upstream.url, pk="d1")
    upstream.latency_seconds = 1.0

    def write() -> float:
        upstream.wait_for(1)
        began = time.monotonic()
        ConfigField.objects.create(section="general_settings", name="x", value=1)
        return time.monotonic() - began

    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(in_thread, write)
        page.post(url(NAME, "check_now", "d1"))

    assert written.result() < 0.5


@pytest.mark.parametrize("group", [VIEWER, OPERATOR, FINANCE, ADMIN, TEAM_ADMIN])
def test_only_who_operates_has_buttons_and_may_press_them(client: Client, upstream: FakeUpstream, group: str) -> None:
    row = stored(upstream.url, pk="d1")
    client.force_login(staff(group))
    operates, looks = group in {OPERATOR, ADMIN}, group in {OPERATOR, ADMIN, VIEWER}
    response = client.get(url(NAME, "change", "d1"))

    assert response.status_code == (200 if looks else 403)
    if looks:
        assert (url(NAME, "drain", "d1") in response.content.decode()) is operates
        assert (url(NAME, "check_now", "d1") in response.content.decode()) is operates
        assert SECRET not in html.unescape(response.content.decode())
    for verb in VERBS:
        client.post(url(NAME, verb, "d1"))
    client.post(url(NAME, "drain", "d1"))
    client.post(url(NAME, "changelist"), {"action": "drain_selected", "_selected_action": "d1", "post": "yes"})
    row.refresh_from_db()
    assert row.blocked is operates
    assert bool(upstream.received) is operates


def test_who_may_not_see_the_ledger_gets_no_link_to_it(client: Client) -> None:
    stored(NOWHERE, pk="d1")
    client.force_login(staff(OPERATOR))

    assert "ledgerentry" not in client.get(url(NAME, "change", "d1")).content.decode()
