"""Between the request path and the database nothing is lost, and repetition is counted."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from alerts import buffer
from alerts.buffer import AlertBuffer
from alerts.models import Incident
from tests.alerts.builders import channel, exception

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffer, "MERGE_SECONDS", 0.02)
    monkeypatch.setattr(buffer, "RETRY_SECONDS", 0.02)


@contextmanager
def running() -> Iterator[AlertBuffer]:
    made = AlertBuffer()
    made.start()
    try:
        yield made
    finally:
        made.stop()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within five seconds"
        time.sleep(0.005)


@contextmanager
def without_table() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE alerts_incident RENAME TO away")
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE away RENAME TO alerts_incident")


def test_an_event_is_written_without_waiting_for_another() -> None:
    with running() as made:
        made.add(exception())
        wait_until(lambda: Incident.objects.count() == 1)


def test_a_storm_of_the_same_event_is_one_incident_with_its_count() -> None:
    with running() as made:
        for _ in range(1000):
            made.add(exception())

    assert Incident.objects.get().count == 1000


def test_different_events_are_different_incidents() -> None:
    with running() as made:
        for status in (500, 502, 503):
            made.add(exception(status_code=status))

    assert sorted(Incident.objects.values_list("count", flat=True)) == [1, 1, 1]


def test_what_waits_at_the_stop_is_written() -> None:
    made = AlertBuffer()
    made.add(exception())
    made.start()
    made.stop()

    assert Incident.objects.get().count == 1


def test_events_during_trouble_with_the_database_are_written_afterwards_with_their_count() -> None:
    channel()
    with running() as made:
        with without_table():
            for _ in range(5):
                made.add(exception())
                time.sleep(0.01)
        wait_until(lambda: Incident.objects.filter(count=5).exists())

    assert Incident.objects.get().deliveries.count() == 1


def test_an_event_that_cannot_be_written_does_not_hold_up_the_others() -> None:
    # PostgreSQL takes no NUL in a text.
    with running() as made:
        made.add(exception(status_code=502, message="a\x00b"))
        made.add(exception())
        wait_until(lambda: Incident.objects.filter(fingerprint=exception().fingerprint()).exists())


def test_an_event_with_a_nul_is_told_all_the_same() -> None:
    with running() as made:
        made.add(exception(message="a\x00b", key_alias="c\x00d"))
        wait_until(lambda: Incident.objects.count() == 1)


def test_more_kinds_than_memory_allows_are_counted_as_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffer, "MOST_FINGERPRINTS", 10)
    made = AlertBuffer()
    for number in range(15):
        made.add(exception(deployment_id=str(number)))

    assert made.dropped == 5


def test_an_end_is_written_after_what_was_raised_before_it() -> None:
    channel()
    made = AlertBuffer()
    made.add(exception())
    made.settle(exception())
    made.start()
    made.stop()

    assert Incident.objects.get().status == "resolved"
    assert sorted(Incident.objects.get().deliveries.values_list("kind", flat=True)) == ["firing", "resolved"]


def test_what_is_raised_after_its_end_is_open() -> None:
    made = AlertBuffer()
    made.add(exception(), count=2)
    made.settle(exception())
    made.add(exception())
    made.start()
    made.stop()

    assert (Incident.objects.get().status, Incident.objects.get().count) == ("open", 3)


def test_the_end_of_what_never_was_changes_nothing() -> None:
    with running() as made:
        made.settle(exception())
        made.add(exception(status_code=502))
        wait_until(lambda: Incident.objects.count() == 1)


def test_an_end_during_trouble_with_the_database_comes_after_what_was_kept() -> None:
    channel()
    with running() as made:
        with without_table():
            made.add(exception())
            time.sleep(0.1)
            made.settle(exception())
            time.sleep(0.1)
        wait_until(lambda: Incident.objects.filter(status="resolved").exists())

    assert Incident.objects.get().count == 1


def test_what_is_only_still_so_is_seen_and_not_counted() -> None:
    with running() as made:
        made.add(exception())
        wait_until(lambda: Incident.objects.count() == 1)
        before = Incident.objects.get()
        made.add(exception(), count=0)
        wait_until(lambda: Incident.objects.get().last_seen_at > before.last_seen_at)

    assert Incident.objects.get().count == 1
