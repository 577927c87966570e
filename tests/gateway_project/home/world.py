"""An installation with something on every part of the home: as many of each as wanted."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from budgets.call_times import day_of, hour_of
from budgets.core.percentiles import bucket_of
from budgets.models import CallDay, CallHour, GatewayBudget, Scope
from budgets.traffic import HOUR, midnight
from gateway_project.models import JobRun
from teams.models import Budget, Organization, Team, VirtualKey
from teams.services import issue_key
from tests.alerts.builders import channel, incident
from tests.budgets.days import day_row, keep_days
from tests.gateway_project import rows
from tests.proxy.deployments import stored

DOLLAR = 10**9


def _sums(hours: int, *, seconds: float = 2.0, first_token: float = 0.5) -> dict[str, object]:
    return {
        "amount_nano": hours * DOLLAR, "calls": hours * 10, "failures": hours * 2,
        "seconds": {str(bucket_of(seconds)): hours * 8}, "first_token": {str(bucket_of(first_token)): hours * 4},
    }  # fmt: skip


def called(at: datetime, **columns: object) -> None:
    """The only calls of a day: ten in one hour for a dollar, of which two failed."""
    sums = {**_sums(1), **columns}
    CallHour.objects.create(begins_at=hour_of(at), **sums)
    CallDay.objects.create(day=day_of(at), **sums)


def spent_for(days: int, *, now: datetime) -> None:
    """A dollar an hour of each of the last days, and of today until now and an hour more: the clock goes on."""
    CallHour.objects.all().delete()
    CallDay.objects.all().delete()
    today = day_of(now)
    until = hour_of(now) + 2 * HOUR
    start = midnight(today - timedelta(days=days))
    hours = [start + number * HOUR for number in range((until - start) // HOUR)]
    CallHour.objects.bulk_create(CallHour(begins_at=at, **_sums(1)) for at in hours)
    numbers = Counter(day_of(at) for at in hours)
    CallDay.objects.bulk_create(CallDay(day=day, **_sums(number)) for day, number in numbers.items())


def fill(first: int, last: int, *, now: datetime) -> None:
    """Rows of every kind that the page looks at, numbered."""
    today = now.astimezone(UTC).date()
    for number in range(first, last):
        budget = Budget.objects.create(id=f"b{number}", max_budget_nano=(number + 1) * DOLLAR, budget_duration="30d")
        Organization.objects.create(id=f"o{number}", alias=f"organization {number}", budget=budget)
        Team.objects.create(
            id=f"t{number}", alias=f"team {number}", max_budget_nano=(number + 1) * DOLLAR, budget_duration="7d"
        )
        for scope, name in ((Scope.PROVIDER, f"p{number}"), (Scope.MODEL, f"m{number}")):
            GatewayBudget.objects.create(
                scope=scope, entity_id=name, window="30d", max_budget_nano=DOLLAR, started_at=now - timedelta(days=40)
            )
        key = VirtualKey(alias=f"key {number}", team_id=f"t{number}")
        issue_key(key)
        keep_days(
            *(
                day_row(
                    today - timedelta(days=age), key_hash=key.token_hash, team_id=f"t{number}",
                    organization_id=f"o{number}", model_group=f"m{number}", provider=f"p{number}",
                )
                for age in (0, 3, 5)
            )
        )  # fmt: skip
        incident(fingerprint=f"{number}" * 3, title=f"It broke {number}", opened_at=now, last_seen_at=now)
        stored("http://127.0.0.1:9", pk=f"d{number}", name=f"m{number}")
        channel(f"channel {number}", delivered_at=now)
        rows.scheduled_run(number)
        JobRun.objects.create(name=f"job {number}", succeeded_at=now)
