"""Regeneration and rotation of keys: the new key is shown once, the former works until its grace ends."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from teams.errors import Invalid
from teams.keys import hash_key
from teams.models import RetiredToken, VirtualKey
from teams.periods import Duration
from teams.services import collect_key, issue_key, regenerate_key, rotate_due_keys
from teams.services.keys import AUTOMATIC_GRACE

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def key(**columns: Any) -> VirtualKey:
    row = VirtualKey(created_at=NOW, **columns)
    issue_key(row)
    return row


def rotating(**columns: Any) -> VirtualKey:
    return key(auto_rotate=True, rotation_interval="30d", **columns)


@pytest.mark.parametrize(
    "chosen", ["", "sk-", "sk-short", "pk-0123456789abcdef", "sk-" + "x" * 300, "sk-ключ0123456789"]
)
def test_a_chosen_key_must_look_like_one(chosen: str) -> None:
    with pytest.raises(Invalid):
        issue_key(VirtualKey(), key=chosen)
    assert not VirtualKey.objects.exists()


def test_no_key_is_given_out_twice() -> None:
    former = "sk-0123456789abcdef"
    row = VirtualKey()
    issue_key(row, key=former)
    regenerate_key(row, now=NOW)

    for taken in (former,):
        with pytest.raises(Invalid):
            issue_key(VirtualKey(), key=taken)


def test_a_regenerated_key_keeps_its_row() -> None:
    row = key(alias="k", max_budget_nano=5)
    former = row.token_hash
    plain = regenerate_key(row, now=NOW, grace=Duration(24, "h"))
    stored = VirtualKey.objects.get(alias="k")

    assert stored.token_hash == hash_key(plain) != former
    assert (stored.max_budget_nano, stored.rotation_count, stored.last_rotation_at) == (5, 1, NOW)
    retired = RetiredToken.objects.get()
    assert (retired.token_hash, retired.key_id, retired.valid_until) == (former, row.pk, NOW + timedelta(hours=24))


def test_without_grace_the_former_key_ends_at_once() -> None:
    regenerate_key(key(), now=NOW)

    assert RetiredToken.objects.get().valid_until == NOW


def test_a_key_rotates_when_its_interval_is_over_and_not_before() -> None:
    row = rotating()
    assert row.rotates_at == NOW + timedelta(days=30)

    assert rotate_due_keys(now=NOW + timedelta(days=29)) == 0
    assert rotate_due_keys(now=NOW + timedelta(days=30)) == 1
    assert rotate_due_keys(now=NOW + timedelta(days=30)) == 0
    row.refresh_from_db()
    assert row.rotates_at == NOW + timedelta(days=60)
    assert RetiredToken.objects.get().valid_until == AUTOMATIC_GRACE.after(NOW + timedelta(days=30))


def test_the_new_key_waits_encrypted_and_is_collected_once() -> None:
    row = rotating()
    rotate_due_keys(now=NOW + timedelta(days=30))
    row.refresh_from_db()
    with connection.cursor() as cursor:
        cursor.execute("SELECT uncollected_key FROM teams_virtualkey")
        (stored,) = cursor.fetchone()

    plain = collect_key(row)
    assert hash_key(plain) == row.token_hash
    assert plain not in stored
    with pytest.raises(Invalid):
        collect_key(row)


def test_a_key_whose_owner_has_not_collected_the_last_one_is_not_rotated_again() -> None:
    row = rotating()
    rotate_due_keys(now=NOW + timedelta(days=30))

    assert rotate_due_keys(now=NOW + timedelta(days=60)) == 0
    row.refresh_from_db()
    collect_key(row)
    assert rotate_due_keys(now=NOW + timedelta(days=60)) == 1


@pytest.mark.django_db(transaction=True)
def test_two_beats_rotate_a_key_once() -> None:
    row = rotating()
    start = threading.Barrier(3)
    rotated = []

    def beat() -> None:
        try:
            start.wait()
            rotated.append(rotate_due_keys(now=NOW + timedelta(days=30)))
        finally:
            connection.close()

    beats = [threading.Thread(target=beat) for _ in range(3)]
    for one in beats:
        one.start()
    for one in beats:
        one.join()
    row.refresh_from_db()

    assert sorted(rotated) == [0, 0, 1]
    assert (row.rotation_count, RetiredToken.objects.count()) == (1, 1)


def test_a_rotation_that_is_taken_back_leaves_the_key_as_it_was() -> None:
    row = key()
    former = row.token_hash
    with transaction.atomic():
        regenerate_key(row, now=NOW)
        transaction.set_rollback(True)

    assert VirtualKey.objects.get().token_hash == former
    assert not RetiredToken.objects.exists()
