"""Verbs on virtual keys. The key in clear is returned by the verb that makes it, and by nothing else."""

import secrets
from datetime import datetime

from django.db import transaction

from teams.errors import Invalid
from teams.keys import KEY_PREFIX, hash_key, mask_key, new_key
from teams.letters import write_key_waits
from teams.models import RetiredToken, VirtualKey
from teams.periods import Duration, parse_duration

_SHORTEST_KEY, _LONGEST_KEY = 16, 200
# How long the former key works after a rotation that nobody was waiting for.
AUTOMATIC_GRACE = Duration(7, "d")


@transaction.atomic
def issue_key(row: VirtualKey, *, key: str | None = None) -> str:
    """Save a new row with a fresh key, or one of the caller's choice, and return it: the only time it can be seen.

    Raises Invalid.
    """
    key = give_key(row, key)
    if row.auto_rotate and row.rotation_interval:
        row.rotates_at = parse_duration(row.rotation_interval).after(row.created_at)
    row.save(force_insert=True)
    return key


def give_key(row: VirtualKey, key: str | None = None) -> str:
    """Put a key's hash and masked name into a row that is not saved yet. Raises Invalid."""
    if key is None:
        key = new_key(token=secrets.token_urlsafe)
    elif not key.startswith(KEY_PREFIX) or not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY or not key.isascii():
        raise Invalid(
            f"Invalid key. It must start with '{KEY_PREFIX}' and be {_SHORTEST_KEY} to {_LONGEST_KEY} ASCII "
            "characters long.",
            param="key",
        )
    token_hash = hash_key(key)
    taken = VirtualKey.objects.filter(token_hash=token_hash).exclude(pk=row.pk)
    if taken.exists() or RetiredToken.objects.filter(pk=token_hash).exists():
        raise Invalid("Key already exists. Choose another, or none.", param="key")
    row.token_hash = token_hash
    row.name = mask_key(key)
    return key


@transaction.atomic
def regenerate_key(row: VirtualKey, *, now: datetime, grace: Duration | None = None, key: str | None = None) -> str:
    """A new key for the same row: alias, limits, owner and history stay. The former works until `grace` is over.

    The caller may have changed other columns of `row`; they are saved with it. Raises Invalid.
    """
    former = row.token_hash
    key = give_key(row, key)
    RetiredToken.objects.create(token_hash=former, key=row, valid_until=grace.after(now) if grace else now)
    row.rotation_count += 1
    row.last_rotation_at = now
    row.uncollected_key = ""
    if row.auto_rotate and row.rotation_interval:
        row.rotates_at = parse_duration(row.rotation_interval).after(now)
    row.save()
    return key


def rotate_due_keys(*, now: datetime) -> int:
    """Rotate keys whose time has come. Each new key waits, encrypted, until its owner collects it with the former."""
    rotated = 0
    for key_id in VirtualKey.objects.filter(rotates_at__lte=now).order_by("rotates_at").values_list("pk", flat=True):
        with transaction.atomic():
            row = VirtualKey.objects.select_for_update().filter(pk=key_id, rotates_at__lte=now).first()
            if row is None or row.uncollected_key:
                # Nobody has the last one yet: another would lock the owner out.
                continue
            key = regenerate_key(row, now=now, grace=AUTOMATIC_GRACE)
            row.uncollected_key = key
            row.save(update_fields=["uncollected_key", "updated_at"])
            write_key_waits(row, now=now)
            rotated += 1
    return rotated


@transaction.atomic
def collect_key(row: VirtualKey) -> str:
    """The key that an automatic rotation made, this once. Raises Invalid when none waits."""
    waiting: str = VirtualKey.objects.select_for_update().get(pk=row.pk).uncollected_key
    if not waiting:
        raise Invalid("No new key waits to be collected.", param="key")
    row.uncollected_key = ""
    row.save(update_fields=["uncollected_key", "updated_at"])
    return waiting
