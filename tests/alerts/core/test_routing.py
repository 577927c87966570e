"""Whom an event is told, and why nobody."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.core.matching import read_matchers
from alerts.core.routing import Decision, Mute, Reason, Route, Routing, Subject, decide, escalation
from alerts.core.schedule import Outside, Schedule

# A Monday.
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EXCEPTION = Subject("llm_exceptions", "High", {"model": "gpt-4o", "deployment": "d1", "team_id": "t1"})
TYPES = {"llm_exceptions", "llm_too_slow", "budget_alerts", "outage_alerts", "region_outage_alerts"}
NIGHT = Schedule.read({"windows": [{"from": "22:00", "to": "06:00"}]})


def route(*channel_ids: int, matchers: dict[str, Any] | None = None, **columns: Any) -> Route:
    for name in ("alert_types", "levels"):
        columns[name] = frozenset(columns.get(name, ()))
    return Route(id=channel_ids[0], channel_ids=channel_ids, matchers=read_matchers(matchers or {}), **columns)


def decided(*routes: Route, subject: Subject = EXCEPTION, now: datetime = NOW, **options: Any) -> Decision:
    others = options.pop("open_incidents", ())
    return decide(subject, Routing(TYPES, routes, **options), open_incidents=others, now=now)


def mute(**columns: Any) -> Mute:
    plain: dict[str, Any] = {"starts_at": NOW - HOUR, "ends_at": NOW + HOUR, "alert_types": frozenset()}
    matchers = read_matchers(columns.pop("matchers", {}))
    return Mute(id=1, matchers=matchers, **{**plain, **columns})


def test_the_first_route_that_matches_decides() -> None:
    budgets, typed, rest = route(1, alert_types=["budget_alerts"]), route(2, alert_types=["llm_exceptions"]), route(3)

    assert decided(budgets, typed, rest).channel_ids == (2,)
    assert decided(budgets, rest).channel_ids == (3,)


def test_a_route_that_goes_on_is_told_beside_the_next() -> None:
    assert decided(route(2, goes_on=True), route(1), route(3)).channel_ids == (1, 2)


def test_a_channel_of_two_routes_is_told_once() -> None:
    assert decided(route(1, 2, goes_on=True), route(2, 1)).channel_ids == (1, 2)


def test_a_teams_own_route_takes_nothing_away_and_is_for_its_team_alone() -> None:
    own = route(1, team_id="t1")

    assert decided(own, route(2)).channel_ids == (1, 2)
    assert decided(own, route(2), subject=replace(EXCEPTION, labels={"team_id": "t2"})).channel_ids == (2,)
    assert decided(own, route(2), subject=replace(EXCEPTION, labels={})).channel_ids == (2,)


def test_no_route_of_others_keeps_a_teams_own_from_being_asked() -> None:
    assert decided(route(2), route(1, team_id="t1"), route(3)).channel_ids == (1, 2)


def test_a_teams_own_route_decides_nothing_that_anothers_decides() -> None:
    own = route(1, team_id="t1", level="Low", repeat_seconds=60, escalate_after_seconds=60, escalate_to=(9,))
    both = decided(own, route(2, level="Medium", repeat_seconds=600, escalate_after_seconds=900, escalate_to=(8,)))
    assert (both.level, both.repeat_seconds, both.escalate_after_seconds) == ("Medium", 600, 900)

    beside = decided(own, route(2))
    assert (beside.level, beside.repeat_seconds, beside.escalate_after_seconds) == ("High", None, 60)
    alone = decided(own)
    assert (alone.level, alone.repeat_seconds, alone.escalate_after_seconds) == ("Low", 60, 60)


def test_a_teams_own_silence_keeps_the_team_quiet_and_nobody_else() -> None:
    own, everybodys = route(1, team_id="t1"), route(2)
    quiet = mute(team_id="t1")

    assert decided(own, everybodys, silences=[quiet]).channel_ids == (2,)
    alone = decided(own, silences=[quiet])
    assert (alone.reason, alone.until) == (Reason.SILENCED, NOW + HOUR)
    assert decided(own, everybodys, silences=[mute(team_id="t2")]).channel_ids == (1, 2)
    other = replace(EXCEPTION, labels={"team_id": "t2"})
    assert decided(route(3, team_id="t2"), everybodys, subject=other, silences=[quiet]).channel_ids == (2, 3)


@pytest.mark.parametrize(
    ("columns", "meant"),
    [
        ({"levels": ["High"]}, True),
        ({"levels": ["Low", "Medium"]}, False),
        ({"matchers": {"model": "gpt-*"}}, True),
        ({"matchers": {"model": ["claude", "gpt-4o"]}}, True),
        ({"matchers": {"model": "!gpt-4o"}}, False),
        ({"matchers": {"model": "!gpt-4o", "team_id": "t1"}}, False),
        ({"matchers": {"environment": "prod"}}, False),
        ({"matchers": {"environment": "!prod"}}, True),
        ({"matchers": {"environment": ""}}, True),
    ],
)
def test_routes_match_types_levels_and_labels(columns: dict[str, Any], meant: bool) -> None:
    assert decided(route(1, **columns)).reason == (Reason.DELIVER if meant else Reason.NO_ROUTE)


def test_a_type_that_is_off_is_told_nobody() -> None:
    decision = decided(route(1), subject=replace(EXCEPTION, alert_type="team_updated"))

    assert (decision.reason, decision.channel_ids) == (Reason.TYPE_DISABLED, ())


def test_without_a_route_there_is_a_reason() -> None:
    assert decided().reason == Reason.NO_ROUTE


def test_a_silence_says_until_when() -> None:
    silences = [mute(matchers={"model": "gpt-*"}), mute(ends_at=NOW + 3 * HOUR), mute(matchers={"model": "other"})]
    decision = decided(route(1), silences=silences)

    assert (decision.reason, decision.until, decision.channel_ids) == (Reason.SILENCED, NOW + 3 * HOUR, ())


@pytest.mark.parametrize(
    "columns",
    [
        {"alert_types": frozenset({"budget_alerts"})},
        {"matchers": {"model": "other"}},
        {"ends_at": NOW},
        {"starts_at": NOW + timedelta(seconds=1)},
    ],
)
def test_another_silence_does_not_hold(columns: dict[str, Any]) -> None:
    assert decided(route(1), silences=[mute(**columns)]).reason == Reason.DELIVER


def test_a_weekly_silence_comes_again_at_the_same_time_of_the_week() -> None:
    weekly = mute(is_weekly=True)
    week = timedelta(days=7)

    assert weekly.until(NOW + 3 * week) == NOW + 3 * week + HOUR
    assert weekly.until(NOW + 3 * week + HOUR) is None
    assert weekly.until(NOW + 3 * week - HOUR) == NOW + 3 * week + HOUR
    assert weekly.until(NOW + timedelta(days=1)) is None
    assert weekly.until(NOW - 2 * HOUR) is None


def test_an_outage_speaks_for_the_exceptions_of_its_deployment() -> None:
    outage = Subject("outage_alerts", "High", {"deployment": "d1", "provider": "openai"})

    assert decided(route(1), open_incidents=[outage]).reason == Reason.INHIBITED
    assert decided(route(1), open_incidents=[replace(outage, labels={"deployment": "d2"})]).reason == Reason.DELIVER
    assert decided(
        route(1), subject=replace(EXCEPTION, labels={}), open_incidents=[replace(outage, labels={})]
    ).reason == (Reason.DELIVER)


def test_a_regions_outage_speaks_for_the_outages_of_its_deployments() -> None:
    region = Subject("region_outage_alerts", "High", {"provider": "azure", "region": "eu"})
    outage = Subject("outage_alerts", "High", {"provider": "azure", "region": "eu", "deployment": "d1"})
    elsewhere = replace(outage, labels={**outage.labels, "region": "us"})

    assert decided(route(1), subject=outage, open_incidents=[region]).reason == Reason.INHIBITED
    assert decided(route(1), subject=elsewhere, open_incidents=[region]).reason == Reason.DELIVER
    assert decided(route(1), subject=region, open_incidents=[region, outage]).reason == Reason.DELIVER


def test_outside_of_its_hours_a_route_is_passed_over() -> None:
    night, rest = route(1, schedule=NIGHT), route(2)

    assert decided(night, rest).channel_ids == (2,)
    assert decided(night, rest, now=NOW + 11 * HOUR).channel_ids == (1,)


def test_quiet_hours_hold_back_until_they_are_over() -> None:
    (destination,) = decided(route(1, schedule=replace(NIGHT, outside=Outside.HOLD))).destinations

    assert destination.hold_until == NOW + 10 * HOUR


def test_who_is_told_at_once_by_another_route_does_not_wait() -> None:
    held = route(1, schedule=replace(NIGHT, outside=Outside.HOLD), goes_on=True)

    assert decided(held, route(1)).destinations[0].hold_until is None


def test_the_channel_that_an_alert_is_about_is_not_told_of_it() -> None:
    about = replace(EXCEPTION, avoid=1)

    assert decided(route(1, 2), subject=about).channel_ids == (2,)
    assert decided(route(1), subject=about).reason == Reason.NO_ROUTE


def test_a_route_may_tell_it_as_another_level_and_repeat_it_at_its_own_pace() -> None:
    decision = decided(route(1, level="Low", repeat_seconds=60))

    assert (decision.level, decision.repeat_seconds) == ("Low", 60)
    assert decided(route(1)).level == "High"


def test_what_is_urgent_is_never_kept_for_a_digest() -> None:
    digests = {"llm_exceptions": 3600, "llm_too_slow": 3600}
    slow = Subject("llm_too_slow", "Low")

    assert decided(route(1), digest_seconds=digests).reason == Reason.DELIVER
    decision = decided(route(1), subject=slow, digest_seconds=digests)
    assert (decision.reason, decision.digest_seconds) == (Reason.DIGEST, 3600)


def test_the_soonest_escalation_counts_and_leads_to_its_further_channels() -> None:
    calm = route(1, goes_on=True, escalate_after_seconds=900, escalate_to=(7,))
    strict = route(2, escalate_after_seconds=300, escalate_to=(8, 9))
    nobody = route(3, goes_on=True, escalate_after_seconds=1)

    assert decided(nobody, calm, strict).escalate_after_seconds == 300
    assert [one.channel_id for one in escalation(EXCEPTION, Routing(TYPES, [calm, strict]), now=NOW)] == [7, 8, 9]


def test_a_team_that_is_silent_hears_of_no_escalation_and_the_others_do() -> None:
    ours = route(1, goes_on=True, escalate_after_seconds=60, escalate_to=(7,))
    teams = route(2, team_id="red", escalate_after_seconds=60, escalate_to=(8,))
    subject = Subject("llm_exceptions", "High", {"team_id": "red"})

    def escalated(*silences: Mute) -> list[int]:
        found = escalation(subject, Routing(TYPES, [ours, teams], silences), now=NOW)
        return [one.channel_id for one in found]

    assert escalated() == [7, 8]
    assert escalated(mute(team_id="red")) == [7]
    assert escalated(mute(team_id="blue")) == [7, 8]
