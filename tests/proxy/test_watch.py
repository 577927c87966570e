"""The look at what is under way: what is raised once, kept alive, and settled when it is over."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from alerts import services
from alerts.events import DeploymentOutage, Event, RegionOutage
from proxy import watch as module
from proxy.attempt import Attempt
from proxy.core.cooldown import Cooldown, CooldownReason
from proxy.core.detection import DetectionSettings
from proxy.core.outages import Trouble
from proxy.deployments import Deployment
from proxy.open_alerts import STILL_SECONDS, OpenAlerts
from proxy.registry import Group, RoutingTable
from proxy.run import Run
from proxy.state import Elsewhere, RouterState
from proxy.under_way import UnderWay
from proxy.watch import Watch
from tests.alerts.builders import exception
from tests.proxy.deployments import built
from tests.proxy.test_state import Clock

pytestmark = pytest.mark.django_db


@dataclass
class Book:
    """What the buffer was given: an AlertBuffer that writes nothing."""

    said: list[tuple[str, Event, int]] = field(default_factory=list)

    def add(self, event: Event, *, count: int = 1) -> None:
        self.said.append(("raised", event, count))

    def settle(self, event: Event) -> None:
        self.said.append(("settled", event, 0))

    def take(self) -> list[tuple[str, Event, int]]:
        said, self.said = self.said, []
        return said

    def words(self) -> list[str]:
        return [f"{verb} {_name(event)}" for verb, event, _ in self.take()]


def _name(event: Event) -> str:
    if isinstance(event, DeploymentOutage):
        return f"{event.severity} {event.deployment_id}"
    return f"{event.severity} {event.region}" if isinstance(event, RegionOutage) else type(event).__name__


@pytest.fixture
def book() -> Iterator[Book]:
    made = Book()
    before, services._buffer = services._buffer, cast("Any", made)
    yield made
    services._buffer = before


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(clock: Clock) -> RouterState:
    return RouterState(clock)


@pytest.fixture
def under_way() -> UnderWay:
    return UnderWay()


@pytest.fixture
def deployments() -> list[Deployment]:
    places = {"eu-1": "eu", "eu-2": "eu", "us-1": "us"}
    return [built("http://127.0.0.1:9", pk=name, region_name=region) for name, region in places.items()]


@pytest.fixture
def watch(state: RouterState, under_way: UnderWay, deployments: list[Deployment]) -> Watch:
    table = RoutingTable(groups={"gpt-4o": Group.of(deployments)}, settings={})
    return Watch(state, under_way, lambda: table)


def fail(state: RouterState, name: str, *, times: int) -> None:
    for _ in range(times):
        state.had_trouble(name, Trouble.SERVER_ERROR)


def test_an_outage_is_raised_once_grows_and_ends_with_everything_it_was(
    watch: Watch, state: RouterState, book: Book, clock: Clock
) -> None:
    fail(state, "us-1", times=5)
    watch.look()
    watch.look()
    assert book.words() == ["raised Minor us-1"]
    fail(state, "us-1", times=5)
    watch.look()
    assert book.words() == ["raised Major us-1"]
    clock.now += 30
    watch.look()
    assert book.words() == []
    clock.now += 31
    watch.look()
    assert sorted(book.words()) == ["settled Major us-1", "settled Minor us-1"]
    watch.look()
    assert book.words() == []


def test_what_cools_down_is_not_well_because_nobody_asks_it(
    watch: Watch, state: RouterState, book: Book, clock: Clock
) -> None:
    fail(state, "us-1", times=5)
    state.cool("us-1", Cooldown(300, CooldownReason.CONSECUTIVE_FAILS), status=500)
    watch.look()
    clock.now += 200
    watch.look()
    assert book.words() == ["raised Minor us-1"]
    state.restore("us-1")
    watch.look()

    assert book.words() == ["settled Minor us-1"]


def test_probes_that_fail_again_and_again_are_an_outage(
    watch: Watch, state: RouterState, book: Book, clock: Clock
) -> None:
    for seconds in (5, 10, 20, 40):
        fail(state, "us-1", times=1)
        state.cool("us-1", Cooldown(seconds, CooldownReason.PROBE_FAILED), status=500)
        watch.look()
        clock.now += seconds + 1

    assert book.words() == ["raised Minor us-1"]


def test_two_deployments_of_a_region_are_the_region_first(watch: Watch, state: RouterState, book: Book) -> None:
    fail(state, "eu-1", times=5)
    fail(state, "us-1", times=5)
    fail(state, "eu-2", times=10)
    watch.look()

    words = book.words()
    assert words[0] == "raised Minor eu"
    assert sorted(words[1:]) == ["raised Major eu-2", "raised Minor eu-1", "raised Minor us-1"]


def test_a_deployment_that_is_deleted_is_out_no_more(
    state: RouterState, under_way: UnderWay, book: Book, deployments: list[Deployment]
) -> None:
    tables = [RoutingTable(groups={"gpt-4o": Group.of(some)}, settings={}) for some in (deployments, deployments[:2])]
    watch = Watch(state, under_way, lambda: tables[0])
    fail(state, "us-1", times=5)
    watch.look()
    del tables[0]
    watch.look()

    assert book.words() == ["raised Minor us-1", "settled Minor us-1"]


@dataclass(eq=False)
class Waiting:
    """As much of a request as one looks at."""

    arrived: float
    asked: Deployment | None
    heard_at: float | None = None
    principal: Any = field(default_factory=lambda: SimpleNamespace(key_alias="k", team_alias="", team_id="t"))
    call_id: str = "c"

    @property
    def whereabouts(self) -> tuple[str, str]:
        return "gpt-4o", self.asked.id if self.asked else ""


def test_requests_that_hang_are_counted_once_each_and_settled_when_none_does(
    watch: Watch, under_way: UnderWay, book: Book, deployments: list[Deployment]
) -> None:
    watch.settings = DetectionSettings(threshold=0.0001)
    long_ago = time.perf_counter() - 10
    first, second, queued = (Waiting(long_ago, one) for one in (deployments[0], deployments[0], None))
    for one in (first, second, queued):
        under_way.add(cast("Run", one))
    watch.look()
    said = {event.labels()["deployment"]: (verb, count) for verb, event, count in book.take()}
    assert said == {"eu-1": ("raised", 2), "": ("raised", 1)}
    time.sleep(0.001)
    watch.look()
    assert book.take() == []
    third = Waiting(long_ago, deployments[0])
    under_way.add(cast("Run", third))
    time.sleep(0.001)
    watch.look()
    assert [(verb, count) for verb, _, count in book.take()] == [("raised", 1)]
    for one in (first, second, third, queued):
        under_way.discard(cast("Run", one))
    time.sleep(0.001)
    watch.look()
    assert [verb for verb, _, _ in book.take()] == ["settled", "settled"]
    assert len(under_way) == 0


def test_what_hangs_in_another_process_is_not_over(
    watch: Watch, state: RouterState, under_way: UnderWay, book: Book, deployments: list[Deployment]
) -> None:
    watch.settings = DetectionSettings(threshold=0.0001)
    request = cast("Run", Waiting(time.perf_counter() - 10, deployments[0]))
    under_way.add(request)
    watch.look()
    assert state.hanging == {"eu-1": 1}
    state.set_elsewhere({"eu-1": Elsewhere(hanging=2)})
    under_way.discard(request)
    time.sleep(0.001)
    watch.look()
    assert [verb for verb, _, _ in book.take()] == ["raised"]
    state.set_elsewhere({})
    time.sleep(0.001)
    watch.look()

    assert [verb for verb, _, _ in book.take()] == ["settled"]


def test_what_lasts_is_said_to_be_so_still_before_it_counts_as_quiet(book: Book, clock: Clock) -> None:
    made = OpenAlerts(clock)
    for _ in range(4):
        made.follow([(exception(), 0)])
        clock.now += STILL_SECONDS / 2

    assert [(verb, count) for verb, _, count in book.take()] == [("raised", 1), ("raised", 0)]
    assert min(DeploymentOutage.quiet_interval, RegionOutage.quiet_interval, Event.quiet_interval) / 2 > STILL_SECONDS


def test_the_settings_are_read_now_and_then_and_not_at_every_look(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: Iterator[tuple[float, dict[str, Any]]] = iter([(7.0, {}), (8.0, {})])
    monkeypatch.setattr(services, "detection", lambda: next(stored))
    for _ in range(5):
        watch.refresh()

    assert watch.settings.threshold == 7
    assert module.READ_SECONDS <= 10


@dataclass
class Answered:
    """As much of an attempt as a measure needs."""

    deployment: Deployment
    run: Any
    first_token_seconds: float | None = None


def test_of_many_models_only_so_many_are_measured_and_of_each_only_so_much(
    watch: Watch, deployments: list[Deployment], book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_MODELS", 2)
    monkeypatch.setattr(module, "SAMPLES", 3)
    watch.settings = DetectionSettings.read(300, {"slow_percentile": {"seconds": 1, "min_requests": 3}})
    for number in range(12):
        deployment = replace(deployments[0], model_group=f"m{number % 3}")
        watch.answered(cast("Attempt", Answered(deployment, None)), seconds=2.0)
    watch.look()

    said = [(event.labels()["model"], event.details()["Requests"]) for _, event, _ in book.take()]
    assert said == [("m0", "3 measured"), ("m1", "3 measured")]
