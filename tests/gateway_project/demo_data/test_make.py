"""What the demo puts into an installation: money that adds up, and nothing that anybody is told or could use."""

import html
from datetime import UTC, datetime, time, timedelta

import pytest
from django.db.models import Sum
from django.test import Client
from django.utils import timezone

import alerts.services
from alerts import audit, dispatch, incidents, lifecycle, schedule_runs
from alerts.models import AlertChannel, AlertRoute, ChannelKind, Delivery, Incident, IncidentStatus, ScheduledRun
from budgets.budget_events import dollars
from budgets.entries import insert
from budgets.models import Balance, CallTotal, DailySpend, Facet, GatewayBudget, LedgerEntry, Scope, UnrolledBatch
from budgets.projected import tell_projected
from budgets.verify import verify
from gateway_project.demo_data import cast, command, marks
from gateway_project.launch import LaunchError
from proxy.models import Deployment, RequestTrace
from proxy.registry import load_routing_table
from teams.models import AuditEntry, Organization, Team, User, VirtualKey
from tests.budgets.builders import entry
from tests.gateway_project.pages import superuser, url

pytestmark = pytest.mark.django_db
REQUESTS = 600


def made(requests: int = REQUESTS, seed: int = 7, now: datetime | None = None) -> list[str]:
    return command.run(command.Wanted(seed=seed, requests=requests), now=now or timezone.now())


def test_days_balances_and_totals_are_what_the_ledger_says() -> None:
    made()
    rows = LedgerEntry.objects.order_by()
    spent = rows.aggregate(sum=Sum("amount_nano"))["sum"]

    assert verify(now=timezone.now()).drift_nano == 0
    assert not UnrolledBatch.objects.exists()
    assert Balance.objects.get(scope=Scope.PROXY, window="").spent_nano == spent > 0
    totals = CallTotal.objects.aggregate(calls=Sum("calls"), amount=Sum("amount_nano"))
    assert totals == {"calls": rows.count(), "amount": spent}
    assert rows.values("request_id").distinct().count() == REQUESTS


def test_a_day_of_a_team_is_the_sum_of_its_calls() -> None:
    made()
    day = (timezone.now() - timedelta(days=4)).date()
    begins = datetime.combine(day, time(), UTC)
    amount = 0
    for one in LedgerEntry.objects.filter(team_id="demo.research"):
        if begins <= one.started_at < begins + timedelta(days=1):
            amount += one.amount_nano

    rows = DailySpend.objects.filter(day=day, facet=Facet.CALLS, team_id="demo.research")
    assert rows.aggregate(sum=Sum("amount_nano"))["sum"] == amount > 0


def test_budgets_fit_what_was_spent_and_what_they_have_reached_is_taken_for_told() -> None:
    made()
    shares, told = {}, {}
    for team in Team.objects.filter(budget_duration=""):
        balance = Balance.objects.get(scope=Scope.TEAM, entity_id=team.pk, window="")
        assert team.max_budget_nano
        shares[team.pk], told[team.pk] = balance.spent_nano / team.max_budget_nano, balance.told

    assert shares["demo.research"] > 1
    assert told["demo.research"] == ["50", "80", "95", "100", "soft"]
    assert 0.8 < shares["demo.support"] < 0.95
    assert told["demo.support"] == ["50", "80", "soft"]


def test_the_same_seed_at_the_same_time_makes_the_same_ledger() -> None:
    now = timezone.now()

    def ledger() -> list[tuple[object, ...]]:
        return list(LedgerEntry.objects.order_by("pk").values_list("pk", "started_at", "key_hash", "amount_nano"))

    made(50, now=now)
    first = ledger()
    command.run(command.Wanted(remove=True), now=now)
    made(50, now=now)

    assert ledger() == first


def test_each_page_has_something_to_show() -> None:
    made()
    statuses = set(Incident.objects.values_list("status", flat=True))

    assert statuses == {*IncidentStatus}
    assert Incident.objects.filter(silenced_until__isnull=False).exists()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered", "dead"}
    assert RequestTrace.objects.filter(at__gte=timezone.now() - timedelta(days=3)).exists()
    assert {"spend_report", "deployment_report"} <= set(ScheduledRun.objects.values_list("job", flat=True))
    assert AuditEntry.objects.filter(actor_id="demo.ada").exists()
    assert len(set(Deployment.objects.values_list("litellm_params__model", flat=True))) > 4


def test_nobody_can_log_in_and_no_key_can_be_had(client: Client) -> None:
    made(10)

    for user in User.objects.all():
        assert not user.has_usable_password()
        assert not user.is_staff
        assert not client.login(username=user.username, password="")
    assert all(one.startswith("demo.") for one in VirtualKey.objects.values_list("token_hash", flat=True))
    assert set(Deployment.objects.values_list("blocked", flat=True)) == {True}
    assert all(".invalid/" in one for one in Deployment.objects.values_list("litellm_params__api_base", flat=True))


def test_nobody_is_told_of_the_demo_then_or_later() -> None:
    real = AlertChannel.objects.create(name="ops", kind=ChannelKind.SLACK, url="https://hooks.example.com/x")
    AlertRoute.objects.create(name="everything").channels.add(real)
    made()
    now = timezone.now()

    for later in (now, now + timedelta(hours=2), now + timedelta(days=8)):
        assert verify(now=later).drift_nano == 0
        tell_projected(now=later)
        schedule_runs.tick_all(now=later)
        incidents.resolve_quiet(now=later)
        lifecycle.escalate_due(now=later)
        audit.audit(now=later)
        dispatch.flush(now=later)
    alerts.services.tell([alerts.events.SpendNotTracked(model_group=cast.GPT, provider="openai", model="x")])

    assert Incident.objects.filter(reason="silenced").count() > 2, "what was found of the demo meanwhile"
    about = [one for one in Delivery.objects.filter(channel=real) if one.incident.alert_type != "alert_chain_failing"]
    assert about == []
    assert not Delivery.objects.exclude(channel=real).exclude(state__in=("delivered", "dead")).exists()


def test_what_the_pages_say_of_a_budget_is_what_the_incident_says() -> None:
    made()
    limit = Team.objects.get(pk="demo.research").max_budget_nano or 0

    over = Incident.objects.get(labels__threshold="100")
    assert f"of ${dollars(limit)}" in over.title


def test_a_second_run_says_that_it_is_there() -> None:
    made(10)
    (line,) = made(10)

    assert "already" in line
    assert marks.REMOVE_COMMAND in line


def test_what_was_left_half_made_is_made_anew() -> None:
    made(40)
    Organization.objects.filter(pk=marks.ROOT).update(metadata={})

    lines = made(20)

    assert "Half a demo" in lines[0]
    assert LedgerEntry.objects.values("request_id").distinct().count() == 20
    assert verify(now=timezone.now()).drift_nano == 0


def real_traffic() -> None:
    insert([entry().encode()])


def a_budget_of_everybody() -> None:
    GatewayBudget.objects.create(scope=Scope.PROXY, max_budget_nano=1, started_at=timezone.now())


def a_team_of_that_name() -> None:
    Team.objects.create(id="demo.research")


def a_channel_of_that_name() -> None:
    AlertChannel.objects.create(name=marks.CHANNEL, kind=ChannelKind.SLACK)


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (real_traffic, "calls of real clients"),
        (a_budget_of_everybody, "gateway budget of everybody"),
        (a_team_of_that_name, "team demo.research"),
        (a_channel_of_that_name, "names are taken"),
    ],
)
def test_it_is_refused_where_it_would_be_mixed_with_what_is_real(prepare: object, said: str) -> None:
    assert callable(prepare)
    prepare()

    with pytest.raises(LaunchError, match=said):
        made(10)

    assert marks.standing() is marks.Standing.ABSENT
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "wanted",
    [command.Wanted(days=0), command.Wanted(days=5000), command.Wanted(requests=0), command.Wanted(requests=10**9)],
)
def test_what_makes_no_demo_is_refused_with_a_sentence(wanted: command.Wanted) -> None:
    with pytest.raises(LaunchError, match="is a number from"):
        command.run(wanted, now=timezone.now())

    assert marks.standing() is marks.Standing.ABSENT


def test_each_page_says_that_there_is_demo_data_and_how_to_remove_it(client: Client) -> None:
    client.force_login(superuser())
    pages = [url("teams_team", "changelist"), url("budgets_dailyspend", "changelist"), "/admin/"]
    for page in pages:
        assert marks.REMOVE_COMMAND not in client.get(page).content.decode()
    made(10)

    for page in pages:
        assert marks.REMOVE_COMMAND in html.unescape(client.get(page).content.decode()), page
    client.logout()
    assert marks.REMOVE_COMMAND not in client.get("/admin/login/").content.decode()


def test_every_deployment_is_whole() -> None:
    made(10)

    known = {one.id for one in load_routing_table(now=timezone.now()).all_deployments()}
    assert {upstream.id for group in cast.GROUPS for upstream in group.upstreams} <= known
