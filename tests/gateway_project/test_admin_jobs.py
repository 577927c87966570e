"""The page of jobs: how each stands, by the rule of the home; and switching one off, which is recorded."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from gateway_project.models import Job, JobRun
from teams.groups import TEAM_ADMIN, VIEWER
from teams.models import AuditEntry, Role
from tests.gateway_project.pages import change, staff, superuser, url

pytestmark = pytest.mark.django_db
JOB = "gateway_project_job"


def job(name: str, *, seconds: int = 10, ended_ago: float | None = None, enabled: bool = True) -> PeriodicTask:
    every, _ = IntervalSchedule.objects.get_or_create(every=seconds, period="seconds")
    if ended_ago is not None:
        JobRun.objects.create(name=name, succeeded_at=datetime.now(UTC) - timedelta(seconds=ended_ago))
    return PeriodicTask.objects.create(name=name, task=f"tasks.{name}", interval=every, enabled=enabled)


@pytest.fixture
def page(client: Client) -> Client:
    client.force_login(superuser())
    return client


def shown(page: Client) -> dict[str, list[str]]:
    """By name: state, how often, when it last ended well."""
    rows = page.get(url(JOB, "changelist")).context["cl"]
    columns = [getattr(rows.model_admin, name) for name in ("state", "when", "ended")]
    return {row.name: [_text(column(row)) for column in columns] for row in rows.result_list}


def _text(cell: Any) -> str:
    return " ".join(str(cell).split(">")[1].split("<")[0].split()) if "<" in str(cell) else str(cell)


def test_each_job_says_how_it_stands(page: Client) -> None:
    job("never", seconds=90)
    job("well", ended_ago=89)
    job("late", ended_ago=91)
    job("off", seconds=3600, ended_ago=99_999, enabled=False)
    job("daily", seconds=24 * 3600, ended_ago=7200)
    nightly, _ = CrontabSchedule.objects.get_or_create(minute="0", hour="4")
    PeriodicTask.objects.create(name="nightly", task="t", crontab=nightly)
    often, _ = IntervalSchedule.objects.get_or_create(every=1500, period="microseconds")
    PeriodicTask.objects.create(name="often", task="t", interval=often)
    found = shown(page)

    assert found["never"] == ["Not seen", "every 90 seconds", "never"]
    assert found["well"] == ["Well", "every 10 seconds", "1 min ago"]
    assert found["late"] == ["Late", "every 10 seconds", "1 min ago"]
    assert found["off"][:2] == ["Off", "every hour"]
    assert found["daily"] == ["Well", "every 24 hours", "2 h ago"]
    assert found["nightly"][1].startswith("0 4 * * *")
    assert "1500" in found["often"][1]


def test_a_job_is_switched_off_and_beat_and_the_trail_know(page: Client) -> None:
    row = job("roll up")
    PeriodicTasks.objects.update(last_update=datetime(2020, 1, 1, tzinfo=UTC))
    assert change(page, JOB, row.pk, enabled="").status_code == 302

    row.refresh_from_db()
    assert not row.enabled
    changed_at = PeriodicTasks.last_change()
    assert changed_at is not None
    assert changed_at.year > 2020
    entry = AuditEntry.objects.get(object_type="job")
    assert (entry.object_label, entry.actor_id, entry.before, entry.after) == (
        "roll up", "root", {"enabled": True}, {"enabled": False},
    )  # fmt: skip
    assert url(JOB, "change", row.pk) in page.get(url("teams_auditentry", "changelist")).content.decode()

    change(page, JOB, row.pk)
    assert AuditEntry.objects.filter(object_type="job").count() == 1


def test_nothing_else_of_a_job_is_typed_and_none_is_made_or_deleted(page: Client) -> None:
    row = job("roll up")
    change(page, JOB, row.pk, name="other", task="other", interval="1")

    row.refresh_from_db()
    assert (row.name, row.task) == ("roll up", "tasks.roll up")
    assert page.get(url(JOB, "add")).status_code == 403
    assert page.post(url(JOB, "delete", row.pk), {"post": "yes"}).status_code == 403
    beats = {model.__name__ for model in admin.site._registry if issubclass(model, PeriodicTask)}
    assert beats == {"Job"}


@pytest.mark.parametrize(("group", "role", "sees"), [(VIEWER, Role.PROXY_ADMIN_VIEWER, 200), (TEAM_ADMIN, "", 403)])
def test_who_sees_everything_looks_at_jobs_and_changes_none(client: Client, group: str, role: str, sees: int) -> None:
    row = job("roll up")
    client.force_login(staff(group, **({"role": role} if role else {})))

    assert client.get(url(JOB, "changelist")).status_code == sees
    assert client.get(url(JOB, "change", row.pk)).status_code == sees
    assert client.post(url(JOB, "change", row.pk), {"enabled": ""}).status_code == 403
    assert Job.objects.get(pk=row.pk).enabled
    assert (url(JOB, "changelist") in client.get("/admin/").content.decode()) is (sees == 200)
