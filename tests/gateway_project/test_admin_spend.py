"""The page of spend: what it adds up, for whom, and where its links lead."""

import csv
import html
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from budgets.models import Facet
from teams.groups import ADMIN, FINANCE, OPERATOR, TEAM_ADMIN, VIEWER
from teams.models import Membership, Organization, OrganizationMembership, OrganizationRole, Team, User, VirtualKey
from teams.services import issue_key, regenerate_key
from tests.budgets.days import day_row, keep_days
from tests.gateway_project.pages import queries, staff, url
from tests.gateway_project.test_admin_money import SCRIPT, text_of

pytestmark = pytest.mark.django_db
PAGE = "budgets_dailyspend"
DOLLAR = 10**9


def days_ago(number: int) -> Any:
    return timezone.now().date() - timedelta(days=number)


def kept(**columns: Any) -> None:
    """A day's row of yesterday."""
    keep_days(day_row(**{"day": days_ago(1), **columns}))


def opened(page: Client, **query: str) -> Any:
    answer = page.get(url(PAGE, "changelist"), query)
    assert answer.status_code == 200
    return answer


def table(page: Client, **query: str) -> dict[str, str]:
    """Amounts by what the lines are called."""
    found = opened(page, **query).context["found"]
    assert found is not None
    return {line.title: line.amount for line in found["lines"]}


def links(response: Any, part: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'href="([^"]*)"', response.content.decode()) if part in one]


def test_an_empty_page_is_a_page(page: Client) -> None:
    assert table(page) == {}
    assert "$0.00" in text_of(opened(page))


@pytest.mark.parametrize(
    ("by", "column"),
    [
        ("team", "team_id"), ("user", "user_id"), ("organization", "organization_id"), ("model_group", "model_group"),
        ("model", "model"), ("provider", "provider"), ("deployment", "deployment_id"), ("call_type", "call_type"),
        ("key", "key_hash"),
    ],
)  # fmt: skip
def test_spend_is_grouped_with_shares_requests_and_tokens(page: Client, by: str, column: str) -> None:
    kept(amount_nano=3 * DOLLAR, **{column: "one"})
    kept(amount_nano=DOLLAR, failures=2, **{column: "two"})
    answer = opened(page, by=by)
    one, two = answer.context["found"]["lines"]

    assert [(line.title, line.amount, line.share) for line in (one, two)] == [
        ("one", "$3.00", "75.0 %"),
        ("two", "$1.00", "25.0 %"),
    ]
    assert two.numbers == ("10", "2", "100", "50")
    assert answer.context["found"]["total"].amount == "$4.00"


@pytest.mark.parametrize("by", ["customer", "tag"])
def test_customers_and_tags_are_counted_by_their_own_rows(page: Client, by: str) -> None:
    kept(amount_nano=4 * DOLLAR)
    kept(amount_nano=4 * DOLLAR, facet=Facet(by), facet_value=SCRIPT)
    kept(amount_nano=4 * DOLLAR, facet=Facet(by), facet_value="two")

    assert table(page, by=by) == {SCRIPT: "$4.00", "two": "$4.00"}
    assert table(page, by="team", **{by: "two"}) == {"None": "$4.00"}
    answer = opened(page, by=by)
    assert SCRIPT not in answer.content.decode()
    assert ("more than 100 %" in text_of(answer)) is (by == "tag")


def test_days_are_a_chart_with_every_day_and_a_table(page: Client) -> None:
    for number, amount in ((1, 2), (3, 5)):
        kept(day=days_ago(number), amount_nano=amount * DOLLAR)
    answer = opened(page, first=str(days_ago(4)), last=str(days_ago(0)), by="day")
    chart = answer.content.decode()

    bars = answer.context["found"]["chart"].bars
    assert [bar.amount for bar in bars] == ["$0.00", "$5.00", "$0.00", "$2.00", "$0.00"]
    assert f"<title>{days_ago(3)}: $5.00</title>" in chart
    assert [line.title for line in answer.context["found"]["lines"]] == [str(days_ago(1)), str(days_ago(3))]
    (drawing,) = re.findall(r'<svg viewBox="0 0 960.*?</svg>', chart, re.DOTALL)
    assert "<script" not in drawing
    assert "onclick" not in drawing
    assert "style=" not in drawing


def test_both_ends_of_the_days_are_included(page: Client) -> None:
    for number in range(5):
        kept(day=days_ago(number), amount_nano=10**number * DOLLAR)

    assert table(page, first=str(days_ago(3)), last=str(days_ago(1))) == {"None": "$1,110.00"}
    assert table(page, first=str(days_ago(2)), last=str(days_ago(2))) == {"None": "$100.00"}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"first": "2026-02-01", "last": "2026-01-31"}, "to the same or a later one"),
        ({"first": "2024-01-01", "last": "2026-01-01"}, "366 days at most"),
        ({"first": "2026-02-30"}, "valid date"),
        ({"by": "colour"}, "valid choice"),
        ({"by": "tag", "customer": "c"}, "Customers and tags are counted apart"),
        ({"tag": "t", "customer": "c"}, "Customers and tags are counted apart"),
        ({"team": "x\x00"}, "Null characters"),
        ({"provider": "p" * 65}, "at most 64"),
    ],
)
def test_what_makes_no_sense_is_told(page: Client, query: dict[str, str], sentence: str) -> None:
    answer = opened(page, **query)

    assert sentence in text_of(answer)
    assert answer.context["found"] is None


def test_filters_meet(page: Client) -> None:
    Organization.objects.create(id="o", alias="o")
    for number, columns in enumerate(
        (
            {"team_id": "t"}, {"user_id": "u"}, {"organization_id": "o"}, {"model_group": "m"}, {"provider": "p"},
            {"team_id": "t", "user_id": "u", "organization_id": "o", "model_group": "m", "provider": "p"},
        )
    ):  # fmt: skip
        kept(amount_nano=10**number * DOLLAR, **columns)

    assert table(page, team="t", by="model_group") == {"gpt-4o": "$1.00", "m": "$100,000.00"}
    assert table(page, team="t", user="u", organization="o", model="m", provider="p") == {"t": "$100,000.00"}
    assert table(page, team="t", user="x") == {}


def test_a_key_is_one_whatever_hashes_it_had(page: Client) -> None:
    key = VirtualKey(alias=SCRIPT)
    issue_key(key)
    former = key.token_hash
    kept(key_hash=former, amount_nano=DOLLAR)
    regenerate_key(key, now=timezone.now(), grace=None)
    kept(key_hash=key.token_hash, amount_nano=2 * DOLLAR)
    kept(key_hash="b" * 64, amount_nano=5 * DOLLAR)

    assert table(page, by="key") == {"bbbbbbbbbbbb…": "$5.00", SCRIPT: "$3.00"}
    for name in (str(key.pk), key.token_hash, former):
        assert table(page, by="key", key=name) == {SCRIPT: "$3.00"}, name
    assert table(page, by="key", key="b" * 64) == {"bbbbbbbbbbbb…": "$5.00"}
    assert table(page, by="key", key="9" * 30) == {}
    answer = opened(page, by="key")
    assert SCRIPT not in answer.content.decode()
    ledger = next(one for one in links(answer, "ledgerentry") if former in one)
    assert key.token_hash in ledger


def test_a_group_leads_further_down_and_to_its_entries(page: Client) -> None:
    Team.objects.create(id="t", alias="Search")
    kept(team_id="t", provider="openai")
    first = str(days_ago(9))
    answer = opened(page, by="team", first=first, provider="openai")
    (line,) = answer.context["found"]["lines"]

    assert line.title == "Search"
    deeper = page.get(line.inside).context
    assert deeper["form"].cleaned_data["team"] == "t"
    assert deeper["form"].cleaned_data["by"] == "key"
    assert str(deeper["form"].cleaned_data["first"]) == first
    assert deeper["form"].cleaned_data["provider"] == "openai"
    assert "selected>Search</option>" in page.get(line.inside).content.decode()
    for part in ("team_id__exact=t", "provider__exact=openai", f"started_at__gte={first}"):
        assert part in line.ledger
    assert page.get(line.ledger).status_code == 200


def test_a_day_leads_to_its_entries(page: Client) -> None:
    kept(team_id="t")
    answer = opened(page, team="t")
    yesterday, today = str(days_ago(1)), str(days_ago(0))
    (day,) = [one for one in links(answer, f"started_at__gte={yesterday}T00") if f"started_at__lt={today}T00" in one]

    assert "team_id__exact=t" in day
    assert page.get(day).status_code == 200


@pytest.mark.parametrize("by", ["team", "tag", "day", "key"])
def test_a_file_holds_what_is_shown(page: Client, by: str) -> None:
    kept(amount_nano=1_234_567_890, team_id="=1+1", facet=Facet.CALLS)
    kept(amount_nano=7, facet=Facet.TAG, facet_value="=1+1")
    answer = opened(page, by=by)
    (address,) = links(answer, "format=csv")
    sent = page.get(address)
    rows = list(csv.reader(io.StringIO(sent.getvalue().decode())))

    assert sent["Content-Type"].startswith("text/csv")
    assert rows[0][2:] == ["spend, USD", "share", "requests", "failures", "prompt tokens", "completion tokens"]
    shown = answer.context["found"]["lines"]
    assert len(rows) == len(shown) + 1
    assert rows[1][2] == ("0.000000007" if by == "tag" else "1.23456789")
    assert all(not cell.startswith("=") for row in rows for cell in row)


def test_beyond_a_hundred_groups_the_rest_is_one_line(page: Client) -> None:
    for number in range(103):
        kept(team_id=f"t{number:03}", amount_nano=(200 - number) * DOLLAR)
    found = opened(page).context["found"]

    assert len(found["lines"]) == 100
    assert found["others"].amount == f"${100 + 99 + 98}.00"
    assert found["others"].numbers[0] == "30"


def test_a_page_asks_no_more_for_many_groups_than_for_a_few(page: Client) -> None:
    for by in ("key", "team", "user", "tag"):
        kept(team_id="t", user_id="u", facet=Facet.TAG if by == "tag" else Facet.CALLS, facet_value="x")
        few = queries(page, url(PAGE, "changelist", by=by))
        for number in range(40):
            user = User.objects.create(id=f"{by}{number}", username=f"{by}{number}")
            key = VirtualKey(alias=f"{by}{number}", user=user)
            issue_key(key)
            kept(key_hash=key.token_hash, team_id=f"t{number}", user_id=user.pk, day=days_ago(number % 20))

        assert queries(page, url(PAGE, "changelist", by=by)) <= few, by


def world(client: Client, *groups: str) -> None:
    """Tess administers `own`, is a member of `joined`, and of `other` nothing."""
    tess = staff(*groups)
    for name in ("own", "joined", "other"):
        Team.objects.create(id=name, alias=f"team {name}")
    Membership.objects.create(team_id="own", user=tess, role="admin")
    Membership.objects.create(team_id="joined", user=tess)
    kept(team_id="own", user_id="bob", amount_nano=DOLLAR)
    kept(team_id="joined", user_id="bob", amount_nano=10 * DOLLAR)
    kept(team_id="joined", user_id="tess", amount_nano=100 * DOLLAR)
    kept(team_id="other", user_id="bob", amount_nano=1000 * DOLLAR)
    client.force_login(tess)


@pytest.mark.parametrize("group", [VIEWER, FINANCE, ADMIN])
def test_who_sees_everything_sees_all_spend(client: Client, group: str) -> None:
    world(client, group)

    assert table(client) == {"team other": "$1,000.00", "team joined": "$110.00", "team own": "$1.00"}


def test_others_see_their_own_and_what_they_administer(client: Client) -> None:
    world(client, TEAM_ADMIN)

    assert table(client) == {"team joined": "$100.00", "team own": "$1.00"}
    assert table(client, team="other") == {}
    assert table(client, team="joined", by="user") == {"tess": "$100.00"}
    answer = opened(client, team="other")
    assert "team other" not in answer.content.decode(), "the name of what is out of reach"
    assert not links(answer, "ledgerentry"), "for those who see the ledger"
    assert "1,000" not in opened(client, by="day", format="csv").getvalue().decode()


def test_an_admin_of_an_organization_sees_its_spend(client: Client) -> None:
    world(client, TEAM_ADMIN)
    Organization.objects.create(id="o", alias="o")
    OrganizationMembership.objects.create(organization_id="o", user_id="tess", role=OrganizationRole.ADMIN)
    kept(organization_id="o", team_id="", amount_nano=7 * DOLLAR)

    assert table(client, by="organization") == {"None": "$101.00", "o": "$7.00"}


@pytest.mark.parametrize("groups", [(), (OPERATOR,)])
def test_who_has_nothing_to_do_with_money_is_not_let_in(client: Client, groups: tuple[str, ...]) -> None:
    world(client, *groups)

    assert client.get(url(PAGE, "changelist")).status_code == 403


def test_a_row_of_the_roll_up_has_no_page(page: Client) -> None:
    kept()

    assert page.get("/admin/budgets/dailyspend/add/").status_code == 404
    assert page.post(url(PAGE, "changelist"), {"action": "delete_selected"}).status_code == 200
