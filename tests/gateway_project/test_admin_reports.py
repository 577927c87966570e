"""The page of scheduled runs: what a report said, one before its time, and one sent again or at once."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from alerts.models import Delivery, ScheduledRun
from alerts.scheduled import scheduled_jobs
from tests.alerts.builders import channel
from tests.budgets.days import day_row, keep_days
from tests.gateway_project.pages import staff, url
from tests.gateway_project.rows import scheduled_run

pytestmark = pytest.mark.django_db
PAGE = "alerts_scheduledrun"


@pytest.fixture
def viewer(client: Client) -> Client:
    """May look at runs and do nothing else."""
    made = staff()
    made.user_permissions.set(Permission.objects.filter(codename__in=["view_scheduledrun", "view_everything"]))
    client.force_login(made)
    return client


def text(response: Any) -> str:
    return str(response.content.decode())


def test_every_job_stands_on_the_page(page: Client) -> None:
    listed = text(page.get(url(PAGE, "changelist")))

    assert {job.name for job in scheduled_jobs()} == {
        "spend_report",
        "monthly_spend_report",
        "spend_capture_rate",
        "user_spend",
        "deployment_report",
        "fallback_report",
        "model_deprecations",
    }
    for job in scheduled_jobs():
        assert url(PAGE, "preview", job.name) in listed
        assert url(PAGE, "send", job.name) in listed


def test_a_report_can_be_read_with_its_markup_harmless(page: Client) -> None:
    run = scheduled_run(1)

    shown = text(page.get(url(PAGE, "change", run.pk)))

    assert "Spend &lt;b&gt;report&lt;/b&gt;" in shown
    assert "Spend: $1.00" in shown
    assert "red: $1.00" in shown
    assert url(PAGE, "csv", run.pk) in shown
    answer = page.get(url(PAGE, "csv", run.pk))
    assert text(answer) == run.csv
    assert 'attachment; filename="spend_report-2026-11-16-1d.csv"' in answer["Content-Disposition"]


def test_what_another_version_stored_is_told_with_a_sentence(page: Client) -> None:
    run = scheduled_run(1)
    ScheduledRun.objects.update(told=[{"event": "Unheard"}])

    assert "stored by another version" in text(page.get(url(PAGE, "change", run.pk)))
    answer = page.post(
        url(PAGE, "changelist"), {"action": "send_selected_again", "_selected_action": [run.pk]}, follow=True
    )
    assert "stored by another version" in text(answer)


def test_a_run_is_sent_again_as_it_was_told(page: Client) -> None:
    channel()
    run = scheduled_run(1)

    answer = page.post(
        url(PAGE, "changelist"), {"action": "send_selected_again", "_selected_action": [run.pk]}, follow=True
    )

    assert "1 on the way to the channels" in text(answer)
    (delivery,) = Delivery.objects.all()
    assert delivery.message["title"] == "Spend <b>report</b>"
    assert delivery.message["files"] == [["spend_report-2026-11-16-1d.csv", run.csv]]


@pytest.mark.parametrize("name", [job.name for job in scheduled_jobs()])
def test_a_preview_of_each_job_tells_nobody(page: Client, name: str) -> None:
    keep_days(day_row(timezone.now().date(), amount_nano=12 * 10**9, user_id="u1"))
    channel()

    answer = page.get(url(PAGE, "preview", name))

    assert answer.status_code == 200
    assert "This period is not over" in text(answer)
    assert ("$12.00" in text(answer)) == (name in {"spend_report", "monthly_spend_report"})
    assert not ScheduledRun.objects.exists()
    assert not Delivery.objects.exists()


def test_the_last_full_period_is_asked_about_and_then_sent(page: Client) -> None:
    channel()
    last_month = timezone.now().date().replace(day=1) - timedelta(days=1)
    keep_days(day_row(last_month))
    address = url(PAGE, "send", "monthly_spend_report")

    assert text(page.get(address)).count(f"{last_month:%Y-%m}-01") >= 1
    assert not ScheduledRun.objects.exists()
    answer = page.post(address, follow=True)

    assert "on its way to the channels" in text(answer)
    assert ScheduledRun.objects.get().state == "done"
    (delivery,) = Delivery.objects.all()
    assert delivery.message["title"].startswith(f"Monthly spend report for {last_month:%Y-%m}")

    page.post(address)
    assert (ScheduledRun.objects.count(), Delivery.objects.count()) == (1, 2)


def test_a_period_with_nothing_to_tell_says_so(page: Client) -> None:
    answer = page.post(url(PAGE, "send", "spend_report"), follow=True)

    assert "There is nothing to tell of that period." in text(answer)
    assert not Delivery.objects.exists()


def test_a_job_that_does_not_exist_is_not_found(page: Client) -> None:
    assert page.get(url(PAGE, "preview", "nope")).status_code == 404
    assert page.post(url(PAGE, "send", "nope")).status_code == 404


def test_who_may_only_look_reads_and_sends_nothing(viewer: Client) -> None:
    channel()
    run = scheduled_run(1)

    assert "Spend &lt;b&gt;report" in text(viewer.get(url(PAGE, "change", run.pk)))
    assert "Preview the running period" not in text(viewer.get(url(PAGE, "changelist")))
    assert viewer.get(url(PAGE, "preview", "spend_report")).status_code == 403
    assert viewer.post(url(PAGE, "send", "spend_report")).status_code == 403
    viewer.post(url(PAGE, "changelist"), {"action": "send_selected_again", "_selected_action": [run.pk]})
    assert not Delivery.objects.exists()
    assert ScheduledRun.objects.count() == 1


def test_a_stranger_reads_no_file(client: Client) -> None:
    run = scheduled_run(1)
    client.force_login(staff())

    assert client.get(url(PAGE, "csv", run.pk)).status_code == 403
    assert client.get(url(PAGE, "changelist")).status_code == 403
