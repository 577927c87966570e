"""The journal holds what is not written yet, and gives it to one other process when its own is dead."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from alerts import journal
from alerts.events import Event, MajorRegionOutage
from alerts.journal import Journal
from tests.alerts.builders import exception

REGION = MajorRegionOutage("azure", "eu", ("a", "b"), ("gpt-4o",))


def opened(folder: Path) -> Journal:
    made = Journal(folder)
    made.open()
    return made


def found(folder: Path) -> list[Event]:
    events: list[Event] = []
    Journal(folder).take_over(lambda event, _: events.append(event))
    return events


def test_events_come_back_as_they_were(tmp_path: Path) -> None:
    events: list[Event] = [exception(metadata=(("trip", "übermorgen"),), message="half a pair: \ud83d"), REGION]
    dead, names = opened(tmp_path), [uuid4(), uuid4()]
    for event, name in zip(events, names, strict=True):
        dead.note(event, name)
    dead.close(all_written=False)
    back: list[tuple[Event, UUID]] = []

    assert Journal(tmp_path).take_over(lambda *pair: back.append(pair)) == 2
    assert back == list(zip(events, names, strict=True))
    assert not list(tmp_path.iterdir())


def test_what_a_living_process_holds_is_its_own(tmp_path: Path) -> None:
    alive = opened(tmp_path)
    alive.note(REGION, uuid4())

    assert found(tmp_path) == []
    alive.close(all_written=False)
    assert found(tmp_path) == [REGION]


def test_what_was_noted_after_the_turn_survives_what_was_written(tmp_path: Path) -> None:
    made = opened(tmp_path)
    made.note(exception(), uuid4())
    made.turn()
    made.note(REGION, uuid4())
    made.written()
    made.close(all_written=False)

    assert found(tmp_path) == [REGION]


def test_what_could_not_be_written_stays_through_further_turns(tmp_path: Path) -> None:
    made = opened(tmp_path)
    made.note(exception(), uuid4())
    made.turn()
    made.note(REGION, uuid4())
    made.turn()
    made.close(all_written=False)

    assert sorted(found(tmp_path), key=lambda event: event.alert_type) == [exception(), REGION]


def test_what_cannot_be_raised_now_stays_for_another_time(tmp_path: Path) -> None:
    dead = opened(tmp_path)
    dead.note(REGION, uuid4())
    dead.close(all_written=False)

    def refuse(*_: object) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        Journal(tmp_path).take_over(refuse)
    assert found(tmp_path) == [REGION]


def test_a_line_that_a_kill_cut_short_takes_no_other_with_it(tmp_path: Path) -> None:
    dead = opened(tmp_path)
    dead.note(REGION, uuid4())
    dead.close(all_written=False)
    (path,) = [one for one in tmp_path.iterdir() if one.stat().st_size]
    path.write_bytes(path.read_bytes() + b'{"id": "not the who')

    assert found(tmp_path) == [REGION]


def test_a_disk_that_cannot_be_written_keeps_nobody_from_going_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    made = Journal(tmp_path / "file")
    made.open()
    made.note(REGION, uuid4())
    made.turn()
    made.written()
    made.close(all_written=True)

    assert made.take_over(lambda *_: None) == 0


def test_it_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_BYTES", 1000)
    made = opened(tmp_path)
    for _ in range(100):
        made.note(REGION, uuid4())

    assert 0 < sum(one.stat().st_size for one in tmp_path.iterdir()) <= 1000
    made.close(all_written=True)
