"""The probe of a database that was away, and what it does when asking fails in ways no database error covers."""

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

import budgets.probe
from budgets.probe import DatabaseProbe


@pytest.fixture
def told() -> list[Exception]:
    return []


@pytest.fixture
def probe(told: list[Exception]) -> Iterator[DatabaseProbe]:
    made = DatabaseProbe(told.append, every_seconds=0)
    yield made
    made.stop()


def _answer(probe: DatabaseProbe) -> bool:
    """What the next try brings; the first call only begins it."""
    assert not probe.answers()
    assert probe._asked is not None
    probe._asked.exception(timeout=10)
    return probe.answers()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_answers_is_told_once_a_try(probe: DatabaseProbe, told: list[Exception]) -> None:
    assert _answer(probe)
    assert not probe.answers()
    assert told == []


@pytest.mark.parametrize("error", [OSError("no route"), UnicodeError("label too long"), RuntimeError("odd")], ids=repr)
def test_a_try_that_fails_in_an_unheard_of_way_is_told_and_the_next_one_is_made(
    probe: DatabaseProbe, told: list[Exception], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def cursor() -> None:
        raise error

    monkeypatch.setattr(budgets.probe, "connection", SimpleNamespace(cursor=cursor, close=lambda: None))

    assert not _answer(probe)
    assert not _answer(probe)
    assert told == [error, error]


def test_asking_is_not_waited_for(probe: DatabaseProbe, told: list[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def cursor() -> None:
        time.sleep(0.2)
        raise OSError("late")

    monkeypatch.setattr(budgets.probe, "connection", SimpleNamespace(cursor=cursor, close=lambda: None))

    began = time.monotonic()
    assert not probe.answers()
    assert not probe.answers()
    assert time.monotonic() - began < 0.1
    assert told == []
