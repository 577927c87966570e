"""What metrics count of calls is the ledger's sum: each entry once, whoever adds it and whatever dies."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError

from budgets import call_totals, rollup
from budgets.entries import insert
from budgets.models import HEALTH_CHECK_KEY, CallTotal, LedgerEntry, UnrolledBatch
from budgets.rollup import roll_up
from teams.models import Organization, Team, User
from tests.budgets.builders import entry

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def called(**columns: Any) -> None:
    insert([entry(started_at=NOW, ended_at=NOW, **columns).encode()])


def rolled() -> None:
    UnrolledBatch.objects.update(created_at=NOW)
    roll_up(now=NOW, settled_after=timedelta())


def test_calls_that_agree_are_one_row_and_the_sums_are_the_ledgers() -> None:
    for amount in (7, 8):
        called(amount_nano=amount, prompt_tokens=10, completion_tokens=20, cached_tokens=3, reasoning_tokens=4)
    rolled()
    called(amount_nano=100, prompt_tokens=1, completion_tokens=2, cache_creation_tokens=5)
    rolled()

    total = CallTotal.objects.get()
    assert (total.calls, total.amount_nano, total.prompt_tokens, total.completion_tokens) == (3, 115, 21, 42)
    assert (total.cached_tokens, total.reasoning_tokens, total.cache_creation_tokens) == (6, 8, 5)
    assert total.version == 2


def test_who_and_what_are_told_apart_by_the_names_of_now() -> None:
    organization = Organization.objects.create(id="o", alias="Org")
    Team.objects.create(id="t", alias="Search", organization=organization)
    User.objects.create(id="u", username="u", email="u@example.com")
    called(team_id="t", user_id="u", organization_id="o", key_hash="h", key_alias="k", service_tier="flex")
    rolled()

    labels = CallTotal.objects.get().labels
    wanted = {
        "team_id": "t", "team_alias": "Search", "user_id": "u", "user_email": "u@example.com", "organization_id": "o",
        "org_alias": "Org", "key_hash": "h", "key_alias": "k", "service_tier": "flex",
    }  # fmt: skip
    assert wanted.items() <= labels.items()
    assert "status_code" not in labels


def test_a_failure_has_its_status_and_class() -> None:
    called(status="failure", status_code=429, error_class="RateLimitError")
    called()
    rolled()

    failed, served = sorted(CallTotal.objects.all(), key=lambda row: "error_class" not in row.labels)
    assert (failed.labels["status_code"], failed.labels["error_class"]) == ("429", "RateLimitError")
    assert "error_class" not in served.labels


def test_what_the_request_said_is_kept_and_goes_before_the_columns() -> None:
    called(requested_model="openai/made-up", labels={"requested_model": "openai/*", "tag_prod": "true"})
    rolled()

    labels = CallTotal.objects.get().labels
    assert (labels["requested_model"], labels["own"]) == ("openai/*", {"tag_prod": "true"})


def test_images_and_calls_of_no_known_price_are_counted() -> None:
    called(units=3, unit="image")
    called(units=900, unit="millisecond")
    called(prompt_tokens=5)
    called(status="failure", status_code=500, error_class="x", prompt_tokens=5)
    rolled()

    assert sum(CallTotal.objects.values_list("images", flat=True)) == 3
    assert sum(CallTotal.objects.values_list("unpriced", flat=True)) == 1


def test_health_checks_and_corrections_are_in_no_total() -> None:
    called(key_hash=HEALTH_CHECK_KEY, amount_nano=5)
    called(amount_nano=7)
    (first,) = LedgerEntry.objects.exclude(key_hash=HEALTH_CHECK_KEY)
    called(amount_nano=-3, corrects=first.pk)
    rolled()

    assert [row.amount_nano for row in CallTotal.objects.all()] == [7]


def test_what_comes_after_the_last_series_is_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_totals, "MOST_SERIES", 3)
    for number in range(6):
        called(key_hash=f"key {number}", amount_nano=1)
        rolled()
    called(key_hash="key 0", amount_nano=10)
    called(key_hash="key 5", amount_nano=100)
    called(key_hash="key 9", amount_nano=1000, status="failure", status_code=500, error_class="x")
    rolled()

    totals = {
        row.labels["key_hash"]: row.amount_nano for row in CallTotal.objects.exclude(labels__has_key="error_class")
    }
    assert sum(totals.values()) == 116
    assert totals["key 0"] == 11
    assert totals["other"] == 103
    (failed,) = CallTotal.objects.filter(labels__has_key="error_class")
    assert (failed.labels["key_hash"], failed.amount_nano) == ("other", 1000)


def test_a_roll_up_that_fails_counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    called(amount_nano=7)

    def away(*_: Any, **__: Any) -> None:
        raise DatabaseError

    with monkeypatch.context() as patch:
        patch.setattr(rollup, "tell_crossings", away)
        with pytest.raises(DatabaseError):
            rolled()
    assert not CallTotal.objects.exists()
    rolled()
    assert CallTotal.objects.get().amount_nano == 7
