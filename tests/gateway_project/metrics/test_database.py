"""Statements, connections and rows are counted under django-prometheus's names."""

import pytest
from django.db import ProgrammingError, connection
from django.db.utils import OperationalError

from alerts.models import AlertChannel
from tests.alerts.builders import channel
from tests.metric_values import value


def labels() -> dict[str, str]:
    return {"alias": "default", "vendor": connection.vendor}


@pytest.mark.django_db
def test_a_statement_is_counted_and_timed() -> None:
    executed = value("django_db_execute_total", **labels())
    timed = value("django_db_query_duration_seconds_count", **labels())
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.executemany("DELETE FROM alerts_silence WHERE id = %s", [(1,), (2,), (3,)])
    assert value("django_db_execute_total", **labels()) == executed + 4
    assert value("django_db_query_duration_seconds_count", **labels()) == timed + 2


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_fails_is_counted_by_its_error() -> None:
    kind = "ProgrammingError" if connection.vendor == "postgresql" else "OperationalError"
    before = value("django_db_errors_total", type=kind, **labels())
    with connection.cursor() as cursor, pytest.raises((ProgrammingError, OperationalError)):
        cursor.execute("SELECT * FROM nowhere")
    assert value("django_db_errors_total", type=kind, **labels()) == before + 1


@pytest.mark.django_db
def test_connections_are_counted() -> None:
    assert value("django_db_new_connections_total", **labels()) >= 1


@pytest.mark.django_db
def test_rows_of_the_gateways_nouns_are_counted() -> None:
    def counts() -> list[float]:
        return [value(f"django_model_{what}_total", model="alertchannel") for what in ("inserts", "updates", "deletes")]

    inserts, updates, deletes = counts()
    made = channel("counted")
    made.save()
    AlertChannel.objects.get(pk=made.pk).delete()
    assert counts() == [inserts + 1, updates + 1, deletes + 1]
