"""The page of keys: made, rotated, blocked and collected there, each with the consequences it has elsewhere."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from budgets.models import Scope, SpendAdjustment
from proxy.core.routes import KEY_TYPES
from teams.admin.key_form import ROUTES
from teams.keys import hash_key
from teams.models import Budget, RetiredToken, Team, VirtualKey
from teams.services import issue_key, regenerate_key
from teams.snapshot import Principal, load_keys
from tests.gateway_project import rows
from tests.gateway_project.pages import KEYS, change, shown_keys, url, wrong

pytestmark = pytest.mark.django_db
NEW = {"alias": "ci", "key_type": "default"}


def known(key: str) -> Principal | None:
    """As a gateway that starts now would know it."""
    return load_keys(admin_id="admin").find(hash_key(key), now=timezone.now())


def made(alias: str = "k", **columns: Any) -> tuple[VirtualKey, str]:
    row = VirtualKey(alias=alias, **columns)
    return row, issue_key(row)


def test_a_new_key_is_shown_once_and_stored_as_its_hash(page: Client) -> None:
    shown = page.post(url(KEYS, "add"), NEW, follow=True)

    (key,) = shown_keys(shown)
    row = VirtualKey.objects.get()
    assert hash_key(key) == row.token_hash
    assert "no-store" in shown["Cache-Control"]
    for address in (url(KEYS, "changelist"), url(KEYS, "change", row.pk), url(KEYS, "history", row.pk)):
        assert key not in page.get(address).content.decode()
    assert key not in str(page.cookies)
    with connection.cursor() as cursor:
        for table in ("teams_virtualkey", "teams_auditentry", "django_admin_log", "django_session"):
            cursor.execute(f"SELECT * FROM {table}")
            assert key not in repr(cursor.fetchall())


def test_a_new_key_is_good_at_once(page: Client) -> None:
    (key,) = shown_keys(page.post(url(KEYS, "add"), {**NEW, "allowed_models": "gpt-4o\ngpt-4o-mini"}))

    principal = known(key)
    assert principal is not None
    assert principal.key_alias == "ci"
    assert principal.key_models == {"gpt-4o", "gpt-4o-mini"}


def test_money_is_typed_in_dollars(page: Client) -> None:
    page.post(url(KEYS, "add"), {**NEW, "max_budget_nano": "2.5", "budget_duration": "30d"})
    row = VirtualKey.objects.get()

    assert row.max_budget_nano == 2_500_000_000
    assert row.budget_started_at is not None, "what was spent before the budget does not count against it"
    assert 'value="2.5"' in page.get(url(KEYS, "change", row.pk)).content.decode()


def test_a_rotated_key_stops_at_once_unless_a_grace_period_is_given(page: Client) -> None:
    row, old = made()
    asked = page.get(url(KEYS, "rotate", row.pk))
    assert asked.status_code == 200
    assert known(old) is not None, "asking changes nothing"

    (new,) = shown_keys(page.post(url(KEYS, "rotate", row.pk), {"grace_period": ""}))
    assert known(old) is None
    assert known(new) is not None

    (newest,) = shown_keys(page.post(url(KEYS, "rotate", row.pk), {"grace_period": "1h"}))
    assert known(new) is not None
    assert known(newest) is not None
    ends = RetiredToken.objects.get(pk=hash_key(new)).valid_until
    assert timedelta(minutes=59) < ends - timezone.now() <= timedelta(hours=1)
    assert newest not in page.get(url(KEYS, "change", row.pk)).content.decode()


@pytest.mark.parametrize("grace", ["soon", "-1h", "1.5h", "9999999d", "\x00"])
def test_a_grace_period_that_is_none_rotates_nothing(page: Client, grace: str) -> None:
    row, old = made()

    assert page.post(url(KEYS, "rotate", row.pk), {"grace_period": grace}).status_code == 200
    assert known(old) is not None


def test_a_key_that_waits_is_collected_once(page: Client) -> None:
    row, _ = made(uncollected_key="sk-waiting-0123456789abcdef")
    assert "Collect" in page.get(url(KEYS, "change", row.pk)).content.decode()

    assert shown_keys(page.post(url(KEYS, "collect", row.pk))) == {"sk-waiting-0123456789abcdef"}
    again = page.post(url(KEYS, "collect", row.pk), follow=True)
    assert shown_keys(again) == set()
    assert "no longer applies" in again.content.decode()


def test_block_and_unblock_ask_first(page: Client) -> None:
    row, _ = made()
    for name, blocked in (("block", True), ("unblock", False)):
        page.get(url(KEYS, name, row.pk))
        row.refresh_from_db()
        assert row.blocked is not blocked
        page.post(url(KEYS, name, row.pk))
        row.refresh_from_db()
        assert row.blocked is blocked


def test_many_keys_are_blocked_after_one_question(page: Client) -> None:
    ids = [made(f"k{number}")[0].pk for number in range(3)]
    sent = {"action": "block_selected", "_selected_action": ids[:2]}

    asked = page.post(url(KEYS, "changelist"), sent)
    assert "“k0”, “k1”" in asked.content.decode()
    assert not VirtualKey.objects.filter(blocked=True).exists()

    page.post(url(KEYS, "changelist"), {**sent, "post": "yes"})
    assert list(VirtualKey.objects.filter(blocked=True).order_by("pk").values_list("pk", flat=True)) == ids[:2]


def test_reset_spend_counts_the_period_as_nothing(page: Client) -> None:
    row, _ = made(max_budget_nano=10**9)
    SpendAdjustment.objects.create(scope=Scope.KEY, entity_id=str(row.pk), amount_nano=5, at=timezone.now())
    assert "$0.000000005 of $1.00" in page.get(url(KEYS, "change", row.pk)).content.decode()

    page.get(url(KEYS, "reset_spend", row.pk))
    assert SpendAdjustment.objects.count() == 1, "asking changes nothing"
    page.post(url(KEYS, "reset_spend", row.pk))
    page.post(url(KEYS, "reset_spend", row.pk))

    assert list(SpendAdjustment.objects.order_by("pk").values_list("amount_nano", "actor_id")) == [
        (5, ""),
        (-5, "root"),
    ]


def test_a_button_for_a_key_that_is_gone_leads_back(page: Client) -> None:
    for name in ("rotate", "block", "collect", "reset_spend"):
        assert page.post(url(KEYS, name, 4711)).status_code == 302


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"alias": "taken"}, "alias"),
        ({"budget_duration": "soon"}, "budget_duration"),
        ({"max_budget_nano": "-1"}, "max_budget_nano"),
        ({"max_budget_nano": "NaN"}, "max_budget_nano"),
        ({"soft_budget_nano": "99999999999"}, "soft_budget_nano"),
        ({"tpm_limit": "-1"}, "tpm_limit"),
        ({"tpm_limit": str(2**63)}, "tpm_limit"),
        ({"auto_rotate": "on"}, "rotation_interval"),
        ({"auto_rotate": "on", "rotation_interval": "often"}, "rotation_interval"),
        ({"max_budget_nano": "10.01", "team": "t"}, "max_budget_nano"),
        ({"allowed_models": "gpt-4o\nclaude", "team": "t"}, "allowed_models"),
        ({"allowed_models": '["gpt-4o", 5]'}, "allowed_models"),
        ({"model_max_budget": '{"gpt-4o": 5}'}, "model_max_budget"),
        ({"model_max_budget": '{"gpt-4o": {"budget_limit": NaN}}'}, "model_max_budget"),
        ({"model_max_budget": '{"gpt-4o": {"budget_limit": 1, "time_period": "often"}}'}, "model_max_budget"),
        ({"budget_limits": '[{"budget_duration": "1d"}]'}, "budget_limits"),
        ({"metadata": "[]"}, "metadata"),
        ({"metadata": '{"a": NaN}'}, "metadata"),
        ({"metadata": '{"a": "\\u0000"}'}, "metadata"),
        ({"metadata": '{"a": "\\ud800"}'}, "metadata"),
        ({"metadata": "[" * 100_000}, "metadata"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}, "expires_at"),
        ({"key_type": "emperor"}, "key_type"),
        ({"team": "nowhere"}, "team"),
    ],
)
def test_what_the_api_refuses_the_form_refuses_with_a_sentence(
    page: Client, fields: dict[str, str], field: str
) -> None:
    made("taken")
    Team.objects.create(id="t", max_budget_nano=10 * 10**9, allowed_models=["gpt-4o"])
    response = page.post(url(KEYS, "add"), {**NEW, **fields})

    assert response.status_code == 200
    assert list(wrong(response)) == [field]
    assert VirtualKey.objects.count() == 1


def test_a_key_may_use_all_that_its_team_has(page: Client) -> None:
    Team.objects.create(id="t", max_budget_nano=10 * 10**9, allowed_models=["gpt-4o"])
    sent = {**NEW, "team": "t", "max_budget_nano": "10", "allowed_models": "gpt-4o", "tpm_limit": "5"}

    assert shown_keys(page.post(url(KEYS, "add"), sent))


def test_a_key_above_a_team_that_was_lowered_can_still_be_renamed(page: Client) -> None:
    """Only what is changed is judged, as in the API."""
    row, _ = made(team=Team.objects.create(id="t", max_budget_nano=1), max_budget_nano=10**9)

    assert change(page, KEYS, row.pk, alias="renamed").status_code == 302
    refused = change(page, KEYS, row.pk, max_budget_nano="2")
    assert list(wrong(refused)) == ["max_budget_nano"]


def test_the_kind_of_a_key_says_which_routes_it_may_call(page: Client) -> None:
    assert {kind: list(routes) for kind, routes in KEY_TYPES.items()} == ROUTES
    (key,) = shown_keys(page.post(url(KEYS, "add"), {"alias": "reader", "key_type": "read_only"}))
    principal = known(key)

    assert principal is not None
    assert principal.allowed_routes == ("info_routes",)


def test_a_secret_in_the_metadata_is_masked_and_outlives_a_change(page: Client) -> None:
    row, _ = made(metadata=rows.METADATA)
    shown = page.get(url(KEYS, "change", row.pk)).content.decode()
    assert rows.SECRET not in shown
    assert "***" in shown
    sent = '{"owner": "me", "logging": [{"callback_vars": {"langfuse_secret_key": "***"}}]}'
    change(page, KEYS, row.pk, metadata=sent)
    row.refresh_from_db()

    assert row.metadata == {**rows.METADATA, "owner": "me"}


def test_an_automatic_rotation_is_planned_and_called_off(page: Client) -> None:
    row, _ = made()
    change(page, KEYS, row.pk, auto_rotate="on", rotation_interval="30d")
    row.refresh_from_db()
    assert row.rotates_at is not None
    assert timedelta(days=29) < row.rotates_at - timezone.now() <= timedelta(days=30)
    planned = row.rotates_at
    change(page, KEYS, row.pk, alias="renamed")
    row.refresh_from_db()
    assert row.rotates_at == planned

    address = url(KEYS, "change", row.pk)
    page.post(address, {"alias": "renamed", "key_type": "default", "rotation_interval": "30d"})
    row.refresh_from_db()
    assert row.rotates_at is None


def test_another_period_of_a_budget_begins_now(page: Client) -> None:
    then = timezone.now() - timedelta(days=3)
    row, _ = made(max_budget_nano=10**9, budget_duration="30d", budget_started_at=then)
    change(page, KEYS, row.pk, alias="renamed")
    row.refresh_from_db()
    assert row.budget_started_at == then
    change(page, KEYS, row.pk, budget_duration="1d")
    row.refresh_from_db()

    assert row.budget_started_at is not None
    assert row.budget_started_at > then


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CI", ["ci-1"]),
        ("north", ["of-north"]),
        ("u1001@", ["by-mail"]),
        ("", ["by-mail", "ci-1", "of-north", "plain"]),
        ("nothing of the kind", []),
    ],
)
def test_keys_are_found_by_what_one_knows_of_them(page: Client, text: str, found: list[str]) -> None:
    made("plain")
    made("ci-1")
    made("of-north", team=Team.objects.create(alias="The North"))
    made("by-mail", user=rows.user(1001))
    response = page.get(url(KEYS, "changelist", q=text))

    assert sorted(row.alias for row in response.context["cl"].result_list) == found


def test_keys_are_found_by_their_last_characters_and_by_their_hash(page: Client) -> None:
    row, key = made()
    made("other")
    for text in (key[-4:], row.token_hash[:10], row.token_hash.upper()):
        assert [one.pk for one in page.get(url(KEYS, "changelist", q=text)).context["cl"].result_list] == [row.pk]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "active"}, ["budgeted", "shared", "teamed"]),
        ({"state": "expired"}, ["expired"]),
        ({"state": "blocked"}, ["blocked"]),
        ({"state": "dreaming"}, ["blocked", "budgeted", "expired", "shared", "teamed"]),
        ({"team__id__exact": "t"}, ["teamed"]),
        ({"key_type__exact": "read_only"}, ["teamed"]),
        ({"has_budget": "yes"}, ["budgeted", "shared"]),
        ({"has_budget": "no"}, ["blocked", "expired", "teamed"]),
    ],
)
def test_the_list_is_filtered(page: Client, query: dict[str, str], found: list[str]) -> None:
    made("blocked", blocked=True)
    made("expired", expires_at=timezone.now())
    made("budgeted", max_budget_nano=1, expires_at=timezone.now() + timedelta(days=1))
    made("shared", budget=Budget.objects.create(id="b"))
    made("teamed", team=Team.objects.create(id="t", alias="t"), key_type="read_only")
    response = page.get(url(KEYS, "changelist", **query))

    assert sorted(row.alias for row in response.context["cl"].result_list) == found


@pytest.mark.django_db(transaction=True)
def test_a_form_that_is_saved_during_a_rotation_does_not_bring_the_old_key_back(page: Client) -> None:
    row, old = made()

    def save() -> None:
        try:
            page.post(url(KEYS, "change", row.pk), {"alias": "renamed", "key_type": "default"})
        finally:
            connection.close()

    saver = threading.Thread(target=save)
    with transaction.atomic():
        new = regenerate_key(VirtualKey.objects.select_for_update().get(pk=row.pk), now=timezone.now())
        saver.start()
        _wait_until_somebody_waits()
    saver.join()
    row.refresh_from_db()

    assert row.alias == "renamed"
    assert (known(old), known(new) is not None) == (None, True)


def _wait_until_somebody_waits() -> None:
    """SQLite lets nobody else begin."""
    deadline = time.monotonic() + 5
    while connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
            if cursor.fetchone():
                return
        assert time.monotonic() < deadline, "the form did not wait for the rotation"
        time.sleep(0.02)


def test_deleting_a_key_says_its_name_and_deletes_it(page: Client) -> None:
    row, key = made()
    assert "k" in page.get(url(KEYS, "delete", row.pk)).content.decode()
    page.post(url(KEYS, "delete", row.pk), {"post": "yes"})

    assert known(key) is None
    assert not VirtualKey.objects.exists()
