"""The ledger's page: setting an amount right, and finding what has no price or belongs to an organization."""

import uuid
from typing import Any

import pytest
from django.test import Client

from budgets.entries import insert
from budgets.models import Basis, LedgerEntry, PriceSnapshot
from teams.groups import ADMIN, FINANCE, OPERATOR, VIEWER
from teams.models import AuditEntry, Organization
from tests.budgets.builders import entry
from tests.gateway_project.pages import staff, url
from tests.gateway_project.test_admin_money import DOLLAR, SCRIPT, text_of

pytestmark = pytest.mark.django_db
PAGE = "budgets_ledgerentry"


def made(**columns: Any) -> LedgerEntry:
    one = entry(**{"amount_nano": 5 * DOLLAR, "team_id": SCRIPT, **columns})
    insert([one.encode()])
    return LedgerEntry.objects.get(pk=one.id)


def listed(page: Client, **query: str) -> set[uuid.UUID]:
    return {row.pk for row in page.get(url(PAGE, "changelist", **query)).context["cl"].result_list}


def test_an_amount_is_set_right_after_a_question_and_with_a_reason(page: Client) -> None:
    row = made()
    asked = page.get(url(PAGE, "correct", row.pk))
    assert "Another one holds the difference" in text_of(asked)
    assert SCRIPT not in asked.content.decode()
    assert LedgerEntry.objects.count() == 1

    sent = {"amount": "1.5", "reason": SCRIPT}
    answer = page.post(url(PAGE, "correct", row.pk), sent, follow=True)
    assert "It costs $1.50 now (-$3.50)" in text_of(answer)
    assert SCRIPT not in answer.content.decode()
    correction = LedgerEntry.objects.get(corrects=row.pk)
    assert correction.amount_nano == -7 * DOLLAR // 2
    assert AuditEntry.objects.filter(object_type="ledger_entry", after__reason=SCRIPT, actor_id="root").exists()

    told = text_of(page.get(url(PAGE, "change", row.pk)))
    assert "-$3.50" in told
    assert "$1.50 in all" in told
    shown = page.get(url(PAGE, "change", correction.pk))
    assert f"It corrects {row.pk}" in text_of(shown)
    assert url(PAGE, "correct", correction.pk) not in shown.content.decode()
    assert "-$3.50" in text_of(page.get(url(PAGE, "changelist")))


@pytest.mark.parametrize(
    "sent", [{"amount": "1"}, {"reason": "x"}, {"amount": "-1", "reason": "x"}, {"amount": "NaN", "reason": "x"}]
)
def test_what_says_too_little_is_refused(page: Client, sent: dict[str, str]) -> None:
    row = made()

    assert page.post(url(PAGE, "correct", row.pk), sent).status_code == 200
    assert LedgerEntry.objects.count() == 1


def test_the_same_amount_corrects_nothing(page: Client) -> None:
    row = made()
    answer = page.post(url(PAGE, "correct", row.pk), {"amount": "5", "reason": "x"}, follow=True)

    assert "This is what it costs already." in text_of(answer)
    assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize("group", [VIEWER, OPERATOR, FINANCE, ADMIN])
def test_only_who_manages_everything_corrects(client: Client, group: str) -> None:
    row = made()
    client.force_login(staff(group))
    client.post(url(PAGE, "correct", row.pk), {"amount": "1", "reason": "x"})

    assert LedgerEntry.objects.filter(corrects=row.pk).exists() is (group == ADMIN)
    if group in (VIEWER, FINANCE):
        assert url(PAGE, "correct", row.pk) not in client.get(url(PAGE, "change", row.pk)).content.decode()


def test_entries_are_found_by_their_organization_also_when_it_is_gone(page: Client) -> None:
    Organization.objects.create(id="o", alias=SCRIPT)
    mine, gone = made(organization_id="o"), made(organization_id="gone")
    made()

    assert listed(page, organization_id__exact="o") == {mine.pk}
    assert listed(page, organization_id__exact="gone") == {gone.pk}
    assert len(listed(page)) == 3
    assert SCRIPT not in page.get(url(PAGE, "changelist")).content.decode()


def test_entries_are_found_that_were_served_without_a_price(page: Client) -> None:
    price = PriceSnapshot.objects.create(digest="d", provider="openai", model="m", source="table", rates={})
    priced, unpriced = made(price_id=price.pk), made(amount_nano=0)
    failed = made(amount_nano=0, basis=Basis.NONE, status="failure")
    correction = made(basis=Basis.CORRECTION, corrects=priced.pk)

    assert listed(page, price="none") == {unpriced.pk}
    assert listed(page, price="known") == {priced.pk}
    assert listed(page, basis__exact="correction") == {correction.pk}
    assert len(listed(page)) == 4
    assert failed.pk in listed(page)
