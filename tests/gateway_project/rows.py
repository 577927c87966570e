"""A row of every kind that an admin can look at; as many as wanted, each with secrets that no page may show."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.db.models import Model

from alerts.models import AlertChannel, AlertRoute, AlertSettings, Delivery, Incident, ScheduledRun, Silence
from budgets import entries
from budgets.models import GatewayBudget, LedgerEntry, ModelPrice, PriceSnapshot, Scope, SpendAdjustment
from proxy.models import ConfigField, Deployment, RequestTrace
from teams.models import (
    AuditEntry,
    Budget,
    Customer,
    Membership,
    Organization,
    OrganizationMembership,
    Tag,
    Team,
    User,
    VirtualKey,
)
from teams.services import issue_key
from tests.budgets.builders import entry
from tests.proxy.traces import failed, keep

SECRET = "hidden0123456789"
AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


# How a callback's credential stands among harmless facts.
METADATA = {"owner": "ops", "logging": [{"callback_vars": {"langfuse_secret_key": SECRET}}]}


def user(number: int) -> User:
    return User.objects.create(username=f"user-{number}", email=f"u{number}@example.com", metadata=METADATA)


def budget(number: int) -> Budget:
    return Budget.objects.create(id=f"budget-{number}", max_budget_nano=2_500_000_000, budget_duration="30d")


def organization(number: int) -> Organization:
    made = Organization.objects.create(alias=f"organization {number}", budget=budget(number), metadata=METADATA)
    OrganizationMembership.objects.create(organization=made, user=user(5000 + number))
    return made


def team(number: int) -> Team:
    made = Team.objects.create(alias=f"team {number}", organization=organization(6000 + number), metadata=METADATA)
    Membership.objects.create(team=made, user=User.objects.create(username=f"member-{number}"))
    return made


def virtual_key(number: int) -> VirtualKey:
    made = VirtualKey(
        alias=f"key {number}",
        user=user(1000 + number),
        team=team(1000 + number),
        uncollected_key=f"sk-{SECRET}",
        metadata=METADATA,
    )
    issue_key(made)
    return made


def customer(number: int) -> Customer:
    return Customer.objects.create(id=f"customer-{number}", budget=budget(2000 + number))


def tag(number: int) -> Tag:
    return Tag.objects.create(name=f"tag-{number}", budget=budget(3000 + number))


def audit_entry(number: int) -> AuditEntry:
    """Of a key that carries a secret, as its change was recorded."""
    key = virtual_key(9000 + number)
    return AuditEntry.objects.get(object_type="key", object_id=str(key.pk))


def adjustment(number: int) -> SpendAdjustment:
    return SpendAdjustment.objects.create(scope=Scope.KEY, entity_id=str(number), amount_nano=-5, at=AT)


def membership(number: int) -> Membership:
    made = team(7000 + number).memberships.get()
    made.budget = budget(7000 + number)
    made.save()
    return made


def gateway_budget(number: int) -> GatewayBudget:
    return GatewayBudget.objects.create(
        scope=Scope.TAG, entity_id=f"tag-{number}", window="30d", max_budget_nano=10**9, started_at=AT
    )


def model_price(number: int) -> ModelPrice:
    return ModelPrice.objects.create(provider="openai", model=f"m-{number}", prices={"input_cost_per_token": 1e-6})


def price_snapshot(number: int) -> PriceSnapshot:
    return PriceSnapshot.objects.create(digest=str(number), provider="openai", model="m", source="deployment", rates={})


def ledger_entry(number: int) -> LedgerEntry:
    made = entry(amount_nano=number, price_id=price_snapshot(1000 + number).pk, tags=["a"], started_at=AT, ended_at=AT)
    entries.insert([made.encode()])
    return LedgerEntry.objects.get(pk=made.id)


def deployment(number: int) -> Deployment:
    credentials = f'{{"api_key":"sk-{SECRET}","extra_headers":{{"X-Token":"{SECRET}"}}}}'
    return Deployment.objects.create(
        model_name=f"group {number}", litellm_params={"model": "openai/gpt-4o"}, credentials=credentials
    )


def config_field(number: int) -> ConfigField:
    # A form takes names of settings alone; for a list, any will do.
    name = "model_group_alias" if number == 1 else f"field {number}"
    return ConfigField.objects.create(section="router_settings", name=name, value={"a": "b"})


def request_trace(number: int) -> RequestTrace:
    return keep(failed(call_id=f"call-{number}", key_alias=f"key {number}", deployment=deployment(8000 + number).pk))[0]


def channel(number: int) -> AlertChannel:
    return AlertChannel.objects.create(
        name=f"channel {number}", kind="slack", url=f"https://hooks.example/{SECRET}", secret=f"key-{SECRET}"
    )


def route(number: int) -> AlertRoute:
    made = AlertRoute.objects.create(name=f"route {number}", position=number)
    made.channels.add(channel(2000 + number))
    made.escalate_to.add(channel(2500 + number))
    return made


def silence(number: int) -> Silence:
    ends_at = AT + timedelta(days=3650)
    return Silence.objects.create(matchers={"model": f"m-{number}"}, starts_at=AT, ends_at=ends_at, comment="At work")


def alert_settings(number: int) -> AlertSettings:
    return AlertSettings.objects.get_or_create(pk=1)[0]


def incident(number: int) -> Incident:
    made = Incident.objects.create(
        fingerprint=uuid4().hex,
        alert_type="llm_exceptions",
        level="High",
        title="<!channel> it broke",
        reason="deliver",
        opened_at=AT,
        last_seen_at=AT,
        next_notify_at=AT,
        quiet_seconds=5,
    )
    deliver(made, number)
    return made


def deliver(of: Incident, number: int) -> Delivery:
    return Delivery.objects.create(
        incident=of,
        channel=channel(3000 + number),
        kind="firing",
        message={"title": "x"},
        created_at=AT,
        next_attempt_at=AT,
    )


def delivery(number: int) -> Delivery:
    return incident(4000 + number).deliveries.get()


def scheduled_run(number: int) -> ScheduledRun:
    return ScheduledRun.objects.create(
        job="spend_report",
        period_key=f"2026-11-16/{number}d",
        starts_at=AT,
        ends_at=AT,
        state="done",
        outcome="deliver",
        csv="kind,id\r\nteam,red\r\n",
        told=[
            {
                "event": "SpendReport",
                "job": "spend_report",
                "period": f"2026-11-16/{number}d",
                "headline": "Spend <b>report</b>",
                "facts": [["Spend", "$1.00"]],
                "parts": [["Teams", ["red: $1.00"]]],
                "attachments": [],
            }
        ],
    )


MAKERS: dict[str, Callable[[int], Model]] = {
    "teams_user": user,
    "teams_team": team,
    "teams_virtualkey": virtual_key,
    "teams_membership": membership,
    "teams_organization": organization,
    "teams_customer": customer,
    "teams_tag": tag,
    "teams_budget": budget,
    "teams_auditentry": audit_entry,
    "budgets_spendadjustment": adjustment,
    "budgets_gatewaybudget": gateway_budget,
    "budgets_modelprice": model_price,
    "budgets_pricesnapshot": price_snapshot,
    "budgets_ledgerentry": ledger_entry,
    "proxy_deployment": deployment,
    "proxy_configfield": config_field,
    "proxy_requesttrace": request_trace,
    "alerts_alertchannel": channel,
    "alerts_alertroute": route,
    "alerts_silence": silence,
    "alerts_alertsettings": alert_settings,
    "alerts_incident": incident,
    "alerts_delivery": delivery,
    "alerts_scheduledrun": scheduled_run,
}
