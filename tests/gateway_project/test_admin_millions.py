"""Lists of what there are millions of count nothing, and ask for nothing that reads the table whole."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from budgets.models import DailySpend, LedgerEntry, PriceSnapshot
from teams.admin import paged, search
from teams.models import Membership, Team, User, VirtualKey
from tests.gateway_project import rows
from tests.gateway_project.pages import url

LEDGER, KEY = "budgets_ledgerentry", "teams_virtualkey"
BIG = ["alerts_delivery", "alerts_incident", LEDGER, "proxy_requesttrace"]
# Of incidents those that live are shown, which are few.
ORDERED = ["alerts_delivery", LEDGER, "proxy_requesttrace", "teams_virtualkey", "teams_user", "teams_auditentry"]
READS_ALL = re.compile(r"\b(COUNT|MIN|MAX)\(|DISTINCT", re.IGNORECASE)
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("query", [{}, {"p": "2"}, {"q": "no-such"}])
@pytest.mark.parametrize("name", BIG)
def test_a_list_of_millions_neither_counts_nor_tells_values_apart(
    page: Client, name: str, query: dict[str, str]
) -> None:
    statements = asked_of(page, name, **query)

    assert statements
    assert [sql for sql in statements if READS_ALL.search(sql)] == []


@pytest.mark.parametrize("name", ORDERED)
def test_a_page_of_a_list_is_read_in_the_order_of_an_index(page: Client, name: str) -> None:
    rows.virtual_key(1)
    plans = [explained(sql) for sql in asked_of(page, name) if re.search(f'ORDER BY "{name}"', sql)]

    assert plans
    assert [plan for plan in plans if re.search("(?<!Incremental )Sort  |TEMP B-TREE FOR ORDER BY$", plan)] == []


def test_the_ledgers_providers_are_those_with_a_price_and_those_of_late(page: Client) -> None:
    rows.price_snapshot(1)
    DailySpend.objects.create(
        id=uuid4(), day=timezone.now().date(), provider="unpriced", key_hash="", call_type="", model_group="", model="",
        deployment_id="",
    )  # fmt: skip
    response = page.get(url(LEDGER, "changelist"))

    specs = {spec.title: spec for spec in response.context["cl"].filter_specs}
    named = [name for name, _ in specs["provider"].lookup_choices]
    assert named == sorted({PriceSnapshot.objects.get().provider, "unpriced"})


def test_an_entry_is_found_by_its_call_its_answer_and_its_key(page: Client) -> None:
    made = rows.ledger_entry(1)
    keep_entry(made, call_id="other", upstream_id="by-other")

    assert found(page, made.call_id) == [made.call_id]
    assert found(page, "by-other") == ["other"]
    assert found(page, made.key_hash) == sorted([made.call_id, "other"])
    assert found(page, "nothing") == []


def test_an_entry_is_looked_for_by_indexes(page: Client) -> None:
    made = rows.ledger_entry(1)
    keep_entry(made, call_id="other", upstream_id="by-other")

    plans = [explained(sql) for sql in asked_of(page, LEDGER, q="by-other")]
    assert [name for name in ("ledger_call_id", "ledger_upstream_id") if any(name in plan for plan in plans)] == [
        "ledger_call_id",
        "ledger_upstream_id",
    ]
    for query, index in (({"price": "none"}, "ledger_unpriced"), ({"q": "k" * 64}, "ledger_key")):
        assert any(index in explained(sql) for sql in asked_of(page, LEDGER, **query)), query


def test_what_a_search_leaves_is_counted_up_to_a_bound(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paged, "MOST_COUNTED", 3)
    for number in range(1, 6):
        rows.virtual_key(number)
    alias = str(VirtualKey.objects.order_by("pk")[0].alias)

    many = page.get(url(KEY, "changelist", q="sk-" if alias.startswith("sk-") else alias[:3]))
    assert (str(many.context["cl"].result_count), len(many.context["cl"].result_list)) == ("3+", 5)
    assert "3+ virtual keys" in " ".join(many.content.decode().split())
    assert page.get(url(KEY, "changelist", q=alias)).context["cl"].result_count == 1
    assert page.get(url(KEY, "changelist")).context["cl"].result_count == 5


def test_what_few_rows_a_search_leaves_is_looked_for_once(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        rows.virtual_key(number)
    alias = str(VirtualKey.objects.order_by("pk")[0].alias)

    def searches(text: str) -> list[bool]:
        """Of each query that searches: whether it knows the rows."""
        asked = [
            sql for sql in asked_of(page, KEY, q=text) if text.upper() in sql.upper() and "teams_virtualkey" in sql
        ]
        return ['"teams_virtualkey"."id" IN (' in sql for sql in asked]

    assert searches(alias) == [False, True]
    assert searches("nobody has it") == [False]
    monkeypatch.setattr(paged, "_FEW", 0)
    assert searches(alias) == [False, False]


def test_keys_are_found_by_parts_of_names_and_by_whose_they_are(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        rows.virtual_key(number)
    first, second, third = VirtualKey.objects.order_by("pk")
    VirtualKey.objects.filter(pk=first.pk).update(alias="Ünicorn 50%_off", name="sk-...AbCd")
    User.objects.create(id="u-1", username="u-1", email="Ada@example.com", alias="Ada")
    User.objects.create(id="u-2", username="u-2", email="ada.two@example.com")
    VirtualKey.objects.filter(pk=second.pk).update(user="u-1", alias="second")
    VirtualKey.objects.filter(pk=third.pk).update(user="u-2", alias="third")

    def keys(text: str) -> set[int]:
        return {key.pk for key in page.get(url(KEY, "changelist", q=text)).context["cl"].result_list}

    assert keys("nicorn 50%_o") == keys("AbCd") == {first.pk}
    assert keys("50%off") == set()
    assert keys("ada") == {second.pk, third.pk}
    assert keys("u-1") == {second.pk}
    monkeypatch.setattr(search, "MOST_IDS", 1)
    assert keys("ada") == {second.pk, third.pk}


def test_members_are_found_by_user_and_by_team(page: Client) -> None:
    ada = User.objects.create(id="u-1", username="u-1", email="Ada@example.com")
    bob = User.objects.create(id="u-2", username="u-2", alias="Bob")
    red, blue = Team.objects.create(id="t-1", alias="Red"), Team.objects.create(id="t-2", alias="Blue")
    for user, team in ((ada, red), (bob, red), (bob, blue)):
        Membership.objects.create(user=user, team=team)

    def members(text: str) -> list[tuple[str, str]]:
        rows = page.get(url("teams_membership", "changelist", q=text)).context["cl"].result_list
        return [(row.user_id, row.team_id) for row in rows]

    assert members("") == [("u-2", "t-2"), ("u-2", "t-1"), ("u-1", "t-1")]
    assert members("ada@") == [("u-1", "t-1")]
    assert members("red") == [("u-2", "t-1"), ("u-1", "t-1")]
    assert members("t-2") == [("u-2", "t-2")]
    assert members("nobody") == []


@pytest.mark.parametrize("order", ["6", "-6"])
def test_keys_without_a_budget_stand_at_the_end_of_the_least(page: Client, order: str) -> None:
    for number, budget in ((1, None), (2, 5), (3, 7), (4, None)):
        made = rows.virtual_key(number)
        VirtualKey.objects.filter(pk=made.pk).update(max_budget_nano=budget)
    found = [key.max_budget_nano for key in page.get(url(KEY, "changelist", o=order)).context["cl"].result_list]

    assert found == ([None, None, 5, 7] if order == "6" else [7, 5, None, None])


def asked_of(page: Client, name: str, **query: str) -> list[str]:
    """The statements that read a list's own table."""
    with CaptureQueriesContext(connection) as asked:
        assert page.get(url(name, "changelist", **query)).status_code == 200
    return [one["sql"] for one in asked.captured_queries if f'FROM "{name}"' in one["sql"]]


def explained(sql: str) -> str:
    """How the database goes about it where reading the table whole would be dear."""
    is_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if is_postgres:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN {sql}" if is_postgres else f"EXPLAIN QUERY PLAN {sql}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def found(page: Client, text: str) -> list[str]:
    return sorted(row.call_id for row in page.get(url(LEDGER, "changelist", q=text)).context["cl"].result_list)


def keep_entry(like: LedgerEntry, **changed: Any) -> None:
    LedgerEntry.objects.bulk_create(
        [LedgerEntry(**{**values_of(like), "id": uuid4(), "request_id": uuid4(), **changed})]
    )


def values_of(row: LedgerEntry) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "soon", ""])
def test_no_time_in_an_address_breaks_the_list_of_a_payer(page: Client, at: str) -> None:
    address = url(LEDGER, "changelist", user_id__exact="ann", started_at__gte=at)

    assert page.get(address).status_code in {200, 302, 400}
