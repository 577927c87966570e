"""The page of prices: who may set them, that what has begun stays as it is, and how they are read."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from budgets.admin.prices import in_words
from budgets.models import ModelPrice, PriceSource
from teams import revisions
from teams.groups import FINANCE, OPERATOR, VIEWER
from teams.models import AuditEntry
from tests.gateway_project.pages import change, staff, url, wrong

pytestmark = pytest.mark.django_db
PAGE = "budgets_modelprice"
DAY = timedelta(days=1)
FORM = {"provider": "openai", "model": "gpt-4o", "prices": '{"input_cost_per_token": 2.5e-6}', "note": "as agreed"}


def row(model: str = "gpt-4o", *, days: float = 0, price: float = 2.5e-6) -> ModelPrice:
    return ModelPrice.objects.create(
        provider="openai",
        model=model,
        prices={"input_cost_per_token": price, "output_cost_per_token_above_200k_tokens": 1e-5},
        effective_from=timezone.now() + days * DAY,
    )


def at(days: float) -> dict[str, str]:
    chosen = timezone.now() + days * DAY
    return {"effective_from_0": chosen.strftime("%Y-%m-%d"), "effective_from_1": chosen.strftime("%H:%M:%S")}


def post(page: Client, *, days: float = 0, **fields: Any) -> Any:
    return page.post(url(PAGE, "add"), {**FORM, **at(days), **fields})


def test_a_new_price_is_a_row_that_is_in_the_trail_and_that_every_process_follows(page: Client) -> None:
    before = revisions.current().get(revisions.DEPLOYMENTS, 0)
    assert post(page).status_code == 302

    made = ModelPrice.objects.get()
    assert (made.prices, made.note, made.source) == ({"input_cost_per_token": 2.5e-6}, "as agreed", PriceSource.ADMIN)
    assert made.created_by == "root"
    assert abs(timezone.now() - made.effective_from) < timedelta(minutes=1)
    assert AuditEntry.objects.filter(object_type="model_price", object_id=str(made.pk), action="created").exists()
    assert revisions.current()[revisions.DEPLOYMENTS] > before


@pytest.mark.parametrize(
    ("prices", "sentence"),
    [
        ('{"input_cost_per_token": "cheap"}', "The price input_cost_per_token 'cheap' is not a number."),
        (
            '{"input_cost_per_token": -1}',
            "The price input_cost_per_token -1 is not a number of dollars from 0 to 1000.",
        ),
        ('{"input_price": 1}', "input_price is not a price field."),
        ('{"cache_read_input_token_cost": 1e-7}', "There is no price: give input_cost_per_token"),
        ("[]", "object"),
        ("{", "JSON"),
    ],
)
def test_a_bad_price_is_refused_with_a_sentence(page: Client, prices: str, sentence: str) -> None:
    response = post(page, prices=prices)

    assert sentence in " ".join(wrong(response)["prices"])
    assert not ModelPrice.objects.exists()


def test_a_price_cannot_begin_in_the_past(page: Client) -> None:
    assert "cannot begin in the past" in str(wrong(post(page, days=-1))["effective_from"])
    assert post(page, days=1).status_code == 302


def test_two_prices_of_one_model_cannot_begin_at_the_same_instant(page: Client) -> None:
    assert post(page, days=1).status_code == 302
    same = ModelPrice.objects.get().effective_from
    response = post(
        page, effective_from_0=same.strftime("%Y-%m-%d"), effective_from_1=same.strftime("%H:%M:%S")
    )  # fmt: skip

    assert response.status_code == 200
    assert ModelPrice.objects.count() == 1


@pytest.mark.parametrize(("days", "stays"), [(-1, True), (1, False)])
def test_what_has_begun_is_neither_changed_nor_deleted(page: Client, days: int, stays: bool) -> None:
    made = row(days=days)
    page.post(url(PAGE, "change", made.pk), {**FORM, **at(2), "note": "another"})
    made.refresh_from_db()
    assert made.note == ("" if stays else "another")

    page.post(url(PAGE, "delete", made.pk), {"post": "yes"})
    assert ModelPrice.objects.exists() is stays


def test_a_future_price_may_be_changed(page: Client) -> None:
    made = row(days=1)

    assert change(page, PAGE, made.pk, prices='{"input_cost_per_token": 1e-6}', **at(2)).status_code == 302
    made.refresh_from_db()
    assert made.prices == {"input_cost_per_token": 1e-6}


def test_another_price_begins_with_the_one_that_it_replaces(page: Client) -> None:
    made = row("gpt-4o-mini", days=-1)
    shown = page.get(url(PAGE, "add", of=made.pk)).context["adminform"].form.initial

    assert (shown["provider"], shown["model"], shown["prices"]) == ("openai", "gpt-4o-mini", made.prices)
    assert shown.get("effective_from") != made.effective_from
    assert page.get(url(PAGE, "add", of="999")).status_code == 200
    assert page.get(url(PAGE, "add", of="x")).status_code == 200


@pytest.mark.parametrize(
    ("state", "models"), [("current", {"a", "b"}), ("future", {"a"}), ("former", {"a"}), ("", {"a", "b"})]
)
def test_a_list_is_filtered_by_what_holds_held_and_will_hold(page: Client, state: str, models: set[str]) -> None:
    rows = {
        "former": row("a", days=-2),
        "current": row("a", days=-1),
        "future": row("a", days=1),
        "b": row("b", days=-3),
    }
    listed = page.get(url(PAGE, "changelist", state=state)).context["cl"].result_list

    assert {one.model for one in listed} == models
    expected = {"current": {rows["current"].pk, rows["b"].pk}, "": {one.pk for one in rows.values()}}
    assert {one.pk for one in listed} == expected.get(state, {rows[state].pk if state in rows else 0})


def test_prices_are_read_in_dollars_a_million_tokens(page: Client) -> None:
    made = row(days=-1)
    listed = page.get(url(PAGE, "changelist")).content.decode()
    shown = page.get(url(PAGE, "change", made.pk)).content.decode()

    assert "2.5" in listed
    assert "10 above 200,000" in listed
    assert "Current" in listed
    assert "$2.5" in shown
    assert "per million tokens" in shown


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("input_cost_per_token", 2.5e-06, ("$2.5", "per million tokens")),
        ("cache_read_input_token_cost_priority", "1.25e-7", ("$0.125", "per million tokens")),
        ("output_cost_per_image", 0.04, ("$0.04", "per image")),
        ("input_cost_per_second", 0.0001, ("$0.0001", "per second")),
        ("input_cost_per_query", 0, ("$0", "per query")),
        ("input_cost_per_token", 1e-4, ("$100", "per million tokens")),
        ("tiered_pricing", [1], ("[1]", "")),
    ],
)
def test_a_price_in_words(name: str, value: Any, words: tuple[str, str]) -> None:
    assert in_words(name, value) == words


@pytest.mark.parametrize(("group", "status"), [(VIEWER, 403), (FINANCE, 403), (OPERATOR, 403)])
def test_only_an_admin_sets_prices(client: Client, group: str, status: int) -> None:
    client.force_login(staff(group))

    assert client.post(url(PAGE, "add"), {**FORM, **at(0)}).status_code == status
    assert not ModelPrice.objects.exists()
