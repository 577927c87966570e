"""That beat or the workers stand still is told by whoever serves requests: once, without either of them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from alerts import audit
from alerts.buffer import AlertBuffer
from alerts.direct import DirectPath
from alerts.models import AlertProcess, EngineState, Incident
from alerts.stall import CONFIRMED_SECONDS, STALLED, StallWatch
from tests.alerts.builders import NOW, channel
from tests.alerts.test_buffer import wait_until
from tests.fakes.server import Reply
from tests.fakes.slack import FakeSlack

pytestmark = pytest.mark.django_db(transaction=True)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as server:
        channel(url=f"{server.url}/services/T/B/hidden")
        yield server


def process(folder: Path) -> tuple[StallWatch, Clock]:
    direct, clock = DirectPath(folder / "alerts", ""), Clock()
    direct.refresh()
    return StallWatch(direct, clock=clock), clock


def pass_time(watch: StallWatch, clock: Clock, seconds: float, *, since: float = 0) -> None:
    """Look every ten seconds, as the buffer does."""
    for second in range(int(since), int(since + seconds), 10):
        clock.seconds = float(second)
        watch.look(now=NOW + second * SECOND)


def test_a_beat_that_stands_still_is_told_once_by_one_of_the_processes(slack: FakeSlack, tmp_path: Path) -> None:
    EngineState.objects.create(ticked_at=NOW)
    processes = [process(tmp_path) for _ in range(3)]
    for watch, clock in processes:
        pass_time(watch, clock, 600)

    assert [message["text"].count("beat or its workers stand still") for message in slack.messages] == [1]


def test_a_worker_that_never_came_is_told_too(slack: FakeSlack, tmp_path: Path) -> None:
    pass_time(*process(tmp_path), 300)

    assert len(slack.messages) == 1


def test_a_beat_that_ticks_is_no_trouble(slack: FakeSlack, tmp_path: Path) -> None:
    EngineState.objects.create()
    watch, clock = process(tmp_path)
    for second in range(0, 600, 10):
        EngineState.objects.update(ticked_at=NOW + max(0, second - 110) * SECOND)
        clock.seconds = float(second)
        watch.look(now=NOW + second * SECOND)

    assert slack.messages == []


def test_a_machine_that_slept_is_given_time_to_come_round(slack: FakeSlack, tmp_path: Path) -> None:
    EngineState.objects.create(ticked_at=NOW)
    watch, clock = process(tmp_path)
    clock.seconds = STALLED.total_seconds()
    watch.look(now=NOW + HOUR)
    clock.seconds += CONFIRMED_SECONDS / 2
    EngineState.objects.update(ticked_at=NOW + HOUR)
    watch.look(now=NOW + HOUR + 10 * SECOND)
    clock.seconds += CONFIRMED_SECONDS
    watch.look(now=NOW + HOUR + 30 * SECOND)

    assert slack.messages == []


def test_it_becomes_an_incident_that_the_first_audit_ends(slack: FakeSlack, tmp_path: Path) -> None:
    EngineState.objects.create(ticked_at=NOW)
    watch, clock = process(tmp_path)
    pass_time(watch, clock, 300)
    DirectPath(tmp_path / "alerts", "").refresh()
    one = Incident.objects.get()
    assert (one.alert_type, one.status) == ("alert_chain_failing", "open")

    EngineState.objects.update(ticked_at=NOW + 300 * SECOND)
    audit.audit(now=NOW + 300 * SECOND)
    assert Incident.objects.get().status == "resolved"
    assert Incident.objects.get().deliveries.filter(kind="resolved").exists()

    pass_time(watch, clock, 300, since=310)
    assert len(slack.messages) == 2, "standing still again is news"


def test_a_channel_that_does_not_take_it_is_asked_again(slack: FakeSlack, tmp_path: Path) -> None:
    EngineState.objects.create(ticked_at=NOW)
    slack.script(Reply(503), Reply(503))
    pass_time(*process(tmp_path), 300)

    assert len(slack.received) == 3


def test_a_process_says_that_it_is_there_and_goodbye(tmp_path: Path) -> None:
    running = AlertBuffer(DirectPath(tmp_path / "alerts", ""))
    running.start()
    wait_until(lambda: AlertProcess.objects.count() == 1)
    running.stop()

    assert not AlertProcess.objects.exists()
