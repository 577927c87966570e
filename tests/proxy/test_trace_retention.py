"""Old traces go, and only they; a setting says when they are old."""

from datetime import timedelta

import pytest

from gateway_project.celery import app
from proxy.models import ConfigField, RequestTrace
from proxy.tasks import forget_request_traces
from proxy.trace_retention import forget_traces
from tests.proxy.traces import AT, keep, keep_many, trace

pytestmark = pytest.mark.django_db
NOW = AT + timedelta(days=7)


def test_what_is_older_than_a_week_goes() -> None:
    old, young = keep(trace(began_at=AT - timedelta(seconds=1)), trace(began_at=AT))

    assert forget_traces(now=NOW) == 1
    assert RequestTrace.objects.get() == young
    assert not RequestTrace.objects.filter(pk=old.pk).exists()


def test_the_setting_says_what_is_old() -> None:
    ConfigField.objects.create(section="general_settings", name="request_traces_retention", value="1h")
    keep(trace(began_at=AT - timedelta(hours=2)), trace(began_at=AT))

    assert forget_traces(now=AT) == 1


def test_all_that_is_old_goes_though_it_is_many_batches() -> None:
    keep_many(25)

    assert forget_traces(now=NOW + timedelta(days=1), batch=10) == 25


def test_a_run_that_has_had_its_time_leaves_the_youngest_for_the_next() -> None:
    keep_many(25)

    assert forget_traces(now=NOW + timedelta(days=1), batch=10, seconds=0.0001) == 10
    assert RequestTrace.objects.order_by("at").values_list("at", flat=True)[0] == AT + timedelta(seconds=10)


def test_beat_does_it_by_itself() -> None:
    keep(trace(began_at=AT - timedelta(days=365)))
    task = app.conf.beat_schedule["forget request traces"]["task"]
    assert task == forget_request_traces.name

    forget_request_traces()

    assert not RequestTrace.objects.exists()
