"""Between the request path and the database nothing is lost, and repetition is counted."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from alerts import buffer
from alerts.buffer import AlertBuffer
from alerts.events import Event, ModelsDeprecated
from alerts.incidents import raise_event, resolve_event
from alerts.journal import Journal
from alerts.models import Delivery, Incident
from tests.alerts.builders import channel, exception

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffer, "MERGE_SECONDS", 0.02)
    monkeypatch.setattr(buffer, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(buffer, "REPEAT_SECONDS", 0.1)


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


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.LEDGER_SPOOL_DIR = tmp_path
    return tmp_path / "alerts"


def left_behind(folder: Path, *events: Event) -> list[UUID]:
    """By a process that died before it could write them."""
    dead, names = Journal(folder), [uuid4() for _ in events]
    dead.open()
    for event, known_as in zip(events, names, strict=True):
        dead.note(event, known_as)
    dead.close(all_written=False)
    return names


def test_what_a_dead_process_left_behind_is_told(folder: Path) -> None:
    channel()
    names = left_behind(folder, exception(), exception(status_code=502))
    with running():
        wait_until(lambda: Delivery.objects.count() == 2)

    assert set(Incident.objects.values_list("pk", "count")) == {(name, 1) for name in names}
    assert not list(folder.iterdir())


def test_what_a_dead_process_had_written_is_not_told_again(folder: Path) -> None:
    channel()
    (name,) = left_behind(folder, exception())
    raise_event(exception(), count=1, now=timezone.now(), known_as=name)
    resolve_event(exception(), now=timezone.now())
    with running():
        wait_until(lambda: len(list(folder.glob("*.waiting"))) == 2)

    assert Incident.objects.get().status == "resolved"
    assert Delivery.objects.filter(kind="firing").count() == 1


def test_what_waits_when_the_database_is_away_at_the_stop_is_left_to_the_next_process(folder: Path) -> None:
    with running() as made, without_table():
        made.add(exception(), count=3)
        made.stop()
        assert list(folder.glob("*.waiting"))
    with running():
        wait_until(lambda: Incident.objects.count() == 1)

    assert not list(folder.iterdir())


def test_nothing_is_left_of_what_was_written(folder: Path) -> None:
    with running() as made:
        made.add(exception())
        wait_until(lambda: Incident.objects.count() == 1)
        wait_until(lambda: sum(path.stat().st_size for path in folder.glob("*.waiting")) == 0)

    assert not list(folder.iterdir())


def test_what_is_written_already_is_collected_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffer, "REPEAT_SECONDS", 30.0)
    with running() as made:
        made.add(exception())
        wait_until(lambda: Incident.objects.count() == 1)
        made.add(exception(status_code=502))
        wait_until(lambda: Incident.objects.count() == 2)
        for _ in range(5):
            made.add(exception())
        # Another kind is written at once all the same.
        made.add(exception(status_code=503))
        wait_until(lambda: Incident.objects.count() == 3)
        assert Incident.objects.earliest("opened_at").count == 1

    assert Incident.objects.earliest("opened_at").count == 6


def test_the_end_of_what_was_repeated_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffer, "REPEAT_SECONDS", 30.0)
    with running() as made:
        made.add(exception())
        wait_until(lambda: Incident.objects.count() == 1)
        made.add(exception())
        made.settle(exception())
        wait_until(lambda: Incident.objects.filter(status="resolved", count=2).exists())
        made.add(exception())
        wait_until(lambda: Incident.objects.count() == 2)


def test_news_of_the_same_name_is_told_each_time() -> None:
    channel()
    news = ModelsDeprecated(job="a", period="b", headline="c")
    with running() as made:
        made.add(news)
        wait_until(lambda: Delivery.objects.count() == 1)
        made.add(news)
        wait_until(lambda: Delivery.objects.count() == 2)
