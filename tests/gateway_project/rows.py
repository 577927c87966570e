"""A row of every kind that an admin can look at; as many as wanted, each with secrets that no page may show."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from django.db.models import Model

from alerts.models import AlertChannel, AlertRoute, AlertSettings, Delivery, Incident
from budgets import entries
from budgets.models import Budget, BudgetAssignment, LedgerEntry, PriceSnapshot
from proxy.models import ConfigField, Deployment
from teams.models import Membership, Team, User, VirtualKey
from teams.services import issue_key
from tests.budgets.builders import entry

SECRET = "hidden0123456789"
AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def user(number: int) -> User:
    return User.objects.create(username=f"user-{number}", email=f"u{number}@example.com")


def team(number: int) -> Team:
    made = Team.objects.create(alias=f"team {number}")
    Membership.objects.create(team=made, user=User.objects.create(username=f"member-{number}"))
    return made


def virtual_key(number: int) -> VirtualKey:
    made = VirtualKey(alias=f"key {number}", user=user(1000 + number), team=team(1000 + number))
    issue_key(made)
    return made


def budget(number: int) -> Budget:
    made = Budget.objects.create(max_nano=10**9, soft_nano=5)
    BudgetAssignment.objects.create(budget=made, scope="team", entity_id=f"t{number}")
    return made


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
    return ConfigField.objects.create(section="router_settings", name=f"field {number}", value={"a": [1]})


def channel(number: int) -> AlertChannel:
    return AlertChannel.objects.create(name=f"channel {number}", kind="slack", url=f"https://hooks.example/{SECRET}")


def route(number: int) -> AlertRoute:
    made = AlertRoute.objects.create(alert_type=f"type {number}")
    made.channels.add(channel(2000 + number))
    return made


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


MAKERS: dict[str, Callable[[int], Model]] = {
    "teams_user": user,
    "teams_team": team,
    "teams_virtualkey": virtual_key,
    "budgets_budget": budget,
    "budgets_pricesnapshot": price_snapshot,
    "budgets_ledgerentry": ledger_entry,
    "proxy_deployment": deployment,
    "proxy_configfield": config_field,
    "alerts_alertchannel": channel,
    "alerts_alertroute": route,
    "alerts_alertsettings": alert_settings,
    "alerts_incident": incident,
    "alerts_delivery": delivery,
}
