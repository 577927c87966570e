"""What is asked all the time stays quick however many rows there are: an index leads to it, on either database."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from alerts import dispatch
from alerts.models import LIVE, Delivery, DeliveryAttempt, Incident

pytestmark = pytest.mark.django_db


def due() -> QuerySet[Delivery]:
    return dispatch.waiting(now=timezone.now()).filter(channel_id=1).order_by("next_attempt_at", "id")[:10]


def due_anywhere() -> QuerySet[Delivery]:
    return dispatch.waiting(now=timezone.now()).order_by()


def calls_of_a_minute() -> QuerySet[DeliveryAttempt]:
    return DeliveryAttempt.objects.filter(began_at__gt=timezone.now()).select_related("delivery")


def live() -> QuerySet[Incident]:
    return Incident.objects.filter(status__in=LIVE).order_by("id")


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (due, "delivery_due"),
        (due_anywhere, "delivery_due"),
        (calls_of_a_minute, "attempt_began"),
        (live, "incident_status_seen"),
        (lambda: Delivery.objects.all()[:100], "delivery_created"),
        (lambda: Incident.objects.all()[:100], "incident_last_seen"),
    ],
)
def test_an_index_leads_to_it(asked: Callable[[], QuerySet[Delivery]], index: str) -> None:
    if connection.vendor == "postgresql":
        # Of a few rows it would rather read all; which of several indexes it takes hangs on what the rows are.
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
        assert "Seq Scan" not in asked().explain()
    else:
        assert index in asked().explain()
