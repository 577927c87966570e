"""Why somebody is told, or nobody: what each route said, and that it leads to the very decision that is taken."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.core.explain import Answer, explain
from alerts.core.routing import Mute, Reason, Route, Routing, Subject, is_meant
from alerts.core.schedule import Outside, Schedule

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
AT_NIGHT = {"windows": [{"days": ["mon-sun"], "from": "22:00", "to": "06:00"}]}
HOURS = [Schedule(), Schedule.read(AT_NIGHT), Schedule.read({**AT_NIGHT, "outside": Outside.HOLD})]
SUBJECT = Subject("llm_exceptions", "High", {"model": "gpt-4o", "team_id": "red"})


def answers(*routes: Route, subject: Subject = SUBJECT) -> list[Answer]:
    routing = Routing(enabled_types={"llm_exceptions"}, routes=routes)
    return [one.answer for one in explain(subject, routing, now=NOW).asked]


def test_each_route_says_the_first_thing_that_does_not_fit() -> None:
    assert answers(
        Route(1, (1,), alert_types=frozenset({"budget_alerts"}), levels=frozenset({"Low"})),
        Route(2, (1,), levels=frozenset({"Low"}), matchers={"model": ("claude",)}),
        Route(3, (1,), team_id="blue"),
        Route(4, (1,), matchers={"team_id": ("red",), "model": ("claude-*",)}),
        Route(5, (1,), schedule=HOURS[1]),
        Route(6, (1,), matchers={"model": ("gpt-*",)}),
        Route(7, (1,)),
    ) == [
        Answer.OTHER_TYPE,
        Answer.OTHER_LEVEL,
        Answer.OTHER_TEAM,
        Answer.OTHER_LABEL,
        Answer.OUT_OF_HOURS,
        Answer.TAKEN,
        Answer.NOT_ASKED,
    ]


def test_a_label_that_does_not_fit_is_named() -> None:
    route = Route(1, (1,), matchers={"model": ("gpt-*",), "team_id": ("blue",)})
    (asked,) = explain(SUBJECT, Routing({"llm_exceptions"}, [route]), now=NOW).asked

    assert (asked.answer, asked.label) == (Answer.OTHER_LABEL, "team_id")


def test_a_route_that_goes_on_and_a_teams_own_let_the_next_be_asked() -> None:
    assert answers(Route(1, (1,), goes_on=True), Route(2, (2,), team_id="red"), Route(3, (3,))) == [Answer.TAKEN] * 3


def test_what_is_kept_until_the_hours_begin_says_when() -> None:
    (asked,) = explain(SUBJECT, Routing({"llm_exceptions"}, [Route(1, (1,), schedule=HOURS[2])]), now=NOW).asked

    assert (asked.answer, asked.hold_until) == (Answer.TAKEN, NOW.replace(hour=22))


def test_what_is_not_told_still_says_what_the_routes_would_have_said() -> None:
    found = explain(SUBJECT, Routing(set(), [Route(1, (1,))]), now=NOW)

    assert found.decision.reason == Reason.TYPE_DISABLED
    assert [one.answer for one in found.asked] == [Answer.TAKEN]


def test_the_silences_that_hold_and_who_speaks_for_it_are_named() -> None:
    def mute(number: int, begins: int, **matchers: tuple[str, ...]) -> Mute:
        starts_at = NOW + timedelta(hours=begins)
        return Mute(number, matchers, frozenset(), starts_at, starts_at + timedelta(hours=2))

    subject = Subject("llm_exceptions", "High", {"deployment": "d1"})
    outage = Subject("outage_alerts", "High", {"deployment": "d1"})
    silences = [mute(1, -1), mute(2, -9), mute(3, 1), mute(4, -1, deployment=("d2",)), mute(5, -1, deployment=("d*",))]
    found = explain(subject, Routing({"llm_exceptions"}, [], silences), open_incidents=[outage], now=NOW)

    assert [one.id for one in found.silences] == [1, 5]
    assert found.inhibitor == outage


TYPES, LEVELS, NAMES = ["llm_exceptions", "budget_alerts"], ["Low", "High"], ["", "red", "blue"]


@st.composite
def routes(draw: st.DrawFn) -> list[Route]:
    def some(of: list[str]) -> frozenset[str]:
        return draw(st.frozensets(st.sampled_from(of), max_size=1))

    return [
        Route(
            number,
            draw(st.sampled_from([(1,), (2,), (1, 3), ()])),
            alert_types=some(TYPES),
            levels=some(LEVELS),
            matchers=draw(st.sampled_from([{}, {"model": ("gpt-*",)}, {"model": ("!gpt-*",)}, {"team_id": ("red",)}])),
            goes_on=draw(st.booleans()),
            schedule=draw(st.sampled_from(HOURS)),
            escalate_to=draw(st.sampled_from([(), (4,)])),
            team_id=draw(st.sampled_from(NAMES)),
        )
        for number in range(draw(st.integers(0, 5)))
    ]


@given(
    routes=routes(),
    alert_type=st.sampled_from(TYPES),
    level=st.sampled_from(LEVELS),
    model=st.sampled_from(["gpt-4o", "claude"]),
    team_id=st.sampled_from(NAMES),
    now=st.integers(0, 23).map(lambda hour: NOW.replace(hour=hour)),
)
def test_what_the_routes_said_leads_to_the_decision(
    routes: list[Route], alert_type: str, level: str, model: str, team_id: str, now: datetime
) -> None:
    subject = Subject(alert_type, level, {"model": model, "team_id": team_id})
    found = explain(subject, Routing(set(TYPES), routes), now=now)
    taken = [one for one in found.asked if one.answer == Answer.TAKEN]

    told = {channel_id for one in taken for channel_id in one.route.channel_ids}
    assert set(found.decision.channel_ids) == told
    assert (found.decision.reason == Reason.DELIVER) is bool(told)
    for one in found.decision.destinations:
        holds = [asked.hold_until for asked in taken if one.channel_id in asked.route.channel_ids]
        assert one.hold_until == (None if None in holds else min(hold for hold in holds if hold))
    assert {one.channel_id for one in found.escalation} == {to for one in taken for to in one.route.escalate_to}
    assert [one.route for one in found.asked] == routes
    for asked in found.asked:
        meant = asked.answer in (Answer.TAKEN, Answer.OUT_OF_HOURS)
        assert asked.answer == Answer.NOT_ASKED or is_meant(asked.route, subject) is meant


def test_a_teams_own_route_is_asked_whoever_decided_and_says_that_it_is_silent() -> None:
    routes = (Route(1, (1,)), Route(2, (2,)), Route(3, (3,), team_id="red"))
    assert answers(*routes) == [Answer.TAKEN, Answer.NOT_ASKED, Answer.TAKEN]

    hour = timedelta(hours=1)
    quiet = Mute(1, {}, frozenset(), NOW - hour, NOW + hour, team_id="red")
    found = explain(SUBJECT, Routing({"llm_exceptions"}, routes, silences=[quiet]), now=NOW)
    assert [one.answer for one in found.asked][-1] == Answer.TEAM_SILENT
    assert found.silences == ()
