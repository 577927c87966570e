"""The page at /admin/: its numbers are those of the roll-ups, each sees what they may, and many rows ask no more."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from budgets.entries import insert
from budgets.models import CallTotal, DailySpend, UnrolledBatch
from budgets.rollup import roll_up
from budgets.standing_panel import cents
from budgets.traffic import midnight
from teams.groups import ADMIN, FINANCE, OPERATOR, TEAM_ADMIN, VIEWER
from teams.models import Membership, Team
from tests.alerts.builders import incident
from tests.budgets.builders import entry
from tests.budgets.days import day_row, keep_days
from tests.gateway_project.home.world import DOLLAR, called, fill, spent_for
from tests.gateway_project.pages import queries, staff
from tests.gateway_project.test_admin_money import SCRIPT

pytestmark = pytest.mark.django_db
HOME = "/admin/"


def opened(page: Client, window: str = "24h") -> Any:
    answer = page.get(HOME, {"window": window})
    assert answer.status_code == 200
    return answer


def tiles(answer: Any) -> dict[str, tuple[str, ...]]:
    return {tile.title: (tile.value, *tile.facts) for tile in answer.context["tiles"]}


def rows(panel: Any) -> dict[str, str]:
    return {row.title: row.value for row in panel.rows}


def content(answer: Any) -> str:
    """What is ours of the page."""
    found = re.search(r'<article class="tk-home">.*</article>', answer.content.decode(), re.DOTALL)
    assert found is not None
    return found[0]


def test_the_numbers_are_those_of_the_roll_ups_and_of_the_metrics(page: Client) -> None:
    now = timezone.now()
    start = midnight(now.date())
    for number in range(20):
        status = {"status": "failure", "status_code": 500, "error_class": "x"} if number % 5 == 0 else {}
        took = timedelta(seconds=2)
        insert([entry(started_at=start, first_token_at=start + took / 4, ended_at=start + took,
                      amount_nano=number * DOLLAR, **status).encode()])  # fmt: skip
    UnrolledBatch.objects.update(created_at=now)
    roll_up(now=now, settled_after=timedelta())
    shown = tiles(opened(page))

    spent = sum(row.amount_nano for row in DailySpend.objects.all())
    assert spent == sum(row.amount_nano for row in CallTotal.objects.all()) == 190 * DOLLAR
    assert shown["Spend today"][0] == shown["Spend this month"][0] == cents(spent) == "$190.00"
    assert shown["Calls today"] == ("20", "20.0 % failed (4)")
    p50, p95, first = shown["Latency today"]
    assert [float(one.split()[1]) for one in (p50, p95)] == pytest.approx([2, 2], rel=0.015)
    assert float(first.split()[3]) == pytest.approx(500, rel=0.015)


def test_charts_have_every_slot_of_their_window_and_a_table_of_the_same_numbers(page: Client) -> None:
    now = timezone.now()
    spent_for(33, now=now)
    hours, week, month = (opened(page, window).context["charts"] for window in ("24h", "7d", "30d"))

    for charts, number in ((hours, 24), (week, 7), (month, 30)):
        assert [chart.title for chart in charts] == ["Spend", "Calls", "Latency", "Time to first token"]
        assert {len(chart.slots) for chart in charts} == {len(chart.rows) for chart in charts} == {number}
    assert {row[1:] for row in hours[0].rows} == {("$1.00",)}
    assert {row[1:] for row in hours[1].rows} == {("8", "2")}
    # Of each day but the running one.
    assert {row[1:] for row in week[0].rows[1:]} == {("$24.00",)}
    assert {row[1:] for row in month[1].rows[1:]} == {("192", "48")}
    seconds = {float(cell.removesuffix(" s")) for row in month[2].rows for cell in row[1:]}
    assert len(seconds) == 1
    assert seconds.pop() == pytest.approx(2, rel=0.015)
    shown = content(opened(page, "7d"))
    assert shown.count("<svg viewBox") >= 4
    assert f"<td>{week[0].rows[0][1]}</td>" in shown


@pytest.mark.parametrize("window", ["", "1y", "24h'\"<script>", "\x00"])
def test_a_window_that_is_none_is_a_day(page: Client, window: str) -> None:
    called(timezone.now().replace(minute=0, second=0, microsecond=0))

    assert len(opened(page, window).context["charts"][0].slots) == 24


def test_it_needs_no_script_and_no_style_of_its_own_and_asks_nobody_else(page: Client) -> None:
    now = timezone.now()
    spent_for(5, now=now)
    fill(0, 3, now=now)
    shown = content(opened(page))

    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", shown)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', shown)


def test_names_that_people_choose_do_no_harm(page: Client) -> None:
    called(timezone.now().replace(minute=0, second=0, microsecond=0))
    Team.objects.create(id=SCRIPT, alias=SCRIPT, max_budget_nano=DOLLAR)
    keep_days(day_row(timezone.now().date(), team_id=SCRIPT, model_group=SCRIPT))
    incident(title=SCRIPT)
    answer = opened(page)

    assert SCRIPT in rows(answer.context["tops"][0])
    assert SCRIPT not in answer.content.decode()


@pytest.mark.parametrize("window", ["24h", "30d"])
def test_a_page_asks_no_more_for_many_rows_than_for_a_few(page: Client, window: str) -> None:
    now = timezone.now()
    spent_for(2, now=now)
    fill(0, 2, now=now)
    address = f"{HOME}?window={window}"
    few = queries(page, address)
    fill(2, 25, now=now)
    spent_for(33, now=now)

    assert queries(page, address) <= few
    assert few <= 60


def world(client: Client, *groups: str) -> Any:
    """Tess administers `own` and has nothing to do with `other`."""
    now = timezone.now()
    tess = staff(*groups)
    for name in ("own", "other"):
        Team.objects.create(id=name, alias=f"team {name}", max_budget_nano=10 * DOLLAR, budget_duration="30d")
        incident(fingerprint=name, title=f"incident of {name}", team_id=name)
    Membership.objects.create(team_id="own", user=tess, role="admin")
    keep_days(
        day_row(now.date(), team_id="own", user_id="bob", amount_nano=DOLLAR, requests=10, failures=1),
        day_row(now.date(), team_id="other", user_id="bob", amount_nano=1000 * DOLLAR, requests=90),
    )
    called(midnight(now.date()), amount_nano=1001 * DOLLAR, calls=100, failures=1)
    client.force_login(tess)
    return opened(client)


@pytest.mark.parametrize("group", [VIEWER, ADMIN])
def test_who_sees_everything_sees_all(client: Client, group: str) -> None:
    answer = world(client, group)

    assert tiles(answer)["Spend today"][0] == "$1,001.00"
    assert tiles(answer)["Calls today"][0] == "100"
    assert [panel.title for panel in answer.context["problems"]] == ["Incidents", "Deployments"]
    assert len(answer.context["problems"][0].rows) == 2
    assert answer.context["health"]
    assert answer.context["reports"] is not None
    assert rows(answer.context["tops"][0]) == {"team other": "$1,000.00", "team own": "$1.00"}
    assert "team other" in rows(answer.context["budgets"])


def test_an_admin_of_a_team_sees_its_numbers_alone(client: Client) -> None:
    answer = world(client, TEAM_ADMIN)
    shown = content(answer)

    assert tiles(answer)["Spend today"][0] == "$1.00"
    assert tiles(answer)["Calls today"] == ("10", "10.0 % failed (1)")
    assert "Latency today" not in tiles(answer), "what hours say is everybody's"
    assert [chart.title for chart in answer.context["charts"]] == ["Spend", "Calls"]
    assert len(answer.context["charts"][0].slots) == 7
    assert rows(answer.context["tops"][0]) == {"team own": "$1.00"}
    assert list(rows(answer.context["problems"][0])) == ["incident of own"]
    assert answer.context["budgets"] is None, "they stand among what is one's own"
    assert "team own" in rows(answer.context["own"].panels[1])
    assert answer.context["health"] == []
    assert answer.context["checklist"] is answer.context["reports"] is None
    assert "team other" not in shown
    assert "incident of other" not in shown
    assert "1,00" not in shown


def test_who_has_nothing_to_do_with_money_sees_what_runs(client: Client) -> None:
    answer = world(client, OPERATOR)

    assert answer.context["tiles"] == answer.context["charts"] == answer.context["tops"] == []
    assert [panel.title for panel in answer.context["problems"]] == ["Incidents", "Deployments"]
    assert answer.context["health"]
    assert "$1,0" not in content(answer)


def test_who_looks_after_money_sees_no_incidents(client: Client) -> None:
    answer = world(client, FINANCE)

    assert tiles(answer)["Spend today"][0] == "$1,001.00"
    assert answer.context["problems"] == []
    assert answer.context["reports"] is None
    assert "incident of" not in content(answer)


def test_a_permission_shows_its_own_part_and_nothing_else(client: Client) -> None:
    tess = staff()
    tess.user_permissions.set(Permission.objects.filter(codename="view_incident"))
    incident(title="incident of nobody's team")
    client.force_login(tess)
    answer = opened(client)

    assert [panel.title for panel in answer.context["problems"]] == ["Incidents"]
    assert answer.context["problems"][0].rows == [], "without view_everything one has one's own teams'"
    assert answer.context["health"] == answer.context["tiles"] == []
    assert answer.context["budgets"] is None


def test_who_may_see_nothing_is_told_so(client: Client) -> None:
    client.force_login(staff())

    assert "There is nothing here that you may look at yet" in content(opened(client))


def test_who_is_not_logged_in_sees_nothing(client: Client) -> None:
    answer = client.get(HOME)

    assert answer.status_code == 302
    assert "/admin/login/" in answer["Location"]


def test_links_lead_to_pages_that_answer(page: Client) -> None:
    now = timezone.now()
    spent_for(2, now=now)
    fill(0, 3, now=now)
    addresses = {one.replace("&amp;", "&") for one in re.findall(r'href="(/[^"]*)"', content(opened(page)))}

    assert len(addresses) > 20
    for address in addresses:
        assert page.get(address.partition("#")[0]).status_code == 200, address


def test_numbers_of_before_hours_were_counted_are_there(page: Client) -> None:
    """As after an upgrade."""
    today = datetime.now(UTC).date()
    keep_days(*(day_row(today - timedelta(days=age), amount_nano=5 * DOLLAR) for age in range(10)))
    answer = opened(page, "30d")

    assert tiles(answer)["Spend today"][0] == "$5.00"
    assert tiles(answer)["Latency today"][0] == "-"
    assert [row[1] for row in answer.context["charts"][0].rows[:11]] == ["$5.00"] * 10 + ["$0.00"]
