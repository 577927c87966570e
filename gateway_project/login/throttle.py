"""How often a secret may be tried: counted in the database, so that it holds over all processes."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.crypto import salted_hmac

from gateway_project.login.address import holder_of
from gateway_project.models import Tries

# The person's own, everybody's at the account, everybody's at the address; and that of links.
PERSON, ACCOUNT, ADDRESS, LINK = "person", "account", "address", "link"


@dataclass(frozen=True, slots=True)
class Count:
    """What is counted. The key names nobody: people type passwords where names belong."""

    scope: str
    key: str
    most: int

    @classmethod
    def of(cls, scope: str, *subject: str, most: int) -> Self:
        # No text that a client sends holds a line's end after this.
        words = "\n".join([scope, *("".join(text.splitlines()) for text in subject)])
        return cls(scope, salted_hmac("gateway_project.login", words, algorithm="sha256").hexdigest(), most)


@dataclass(frozen=True, slots=True)
class Try:
    """`refused_until` is set when the secret must not even be looked at; `ends` are scopes whose last try this is."""

    counts: tuple[Count, ...]
    refused_until: datetime | None = None
    ends: tuple[str, ...] = ()


def of_login(name: str, address: str) -> tuple[Count, ...]:
    account, holder = unicodedata.normalize("NFKC", name).strip().casefold(), holder_of(address)
    return (
        Count.of(PERSON, account, holder, most=settings.LOGIN_FAILURES),
        Count.of(ACCOUNT, account, most=settings.LOGIN_FAILURES_PER_ACCOUNT),
        Count.of(ADDRESS, holder, most=settings.LOGIN_FAILURES_PER_ADDRESS),
    )


def of_password_change(user_id: str) -> tuple[Count, ...]:
    """For the old password, which whoever found a session open does not know."""
    return (Count.of(PERSON, user_id, "password change", most=settings.LOGIN_FAILURES),)


def of_link(address: str) -> tuple[Count, ...]:
    return (Count.of(LINK, holder_of(address), most=settings.LOGIN_FAILURES_PER_ADDRESS),)


@transaction.atomic
def begin(counts: Sequence[Count], *, now: datetime) -> Try:
    """Counts the try before it is made, so that many at once are not more than one after the other."""
    pause = timedelta(seconds=settings.LOGIN_PAUSE_SECONDS)
    rows = _locked(counts, now=now)
    if paused := [rows[one.key].until for one in counts if rows[one.key].count >= one.most]:
        return Try(tuple(counts), refused_until=max(paused))
    for row in rows.values():
        row.count += 1
    ends = [one for one in counts if rows[one.key].count >= one.most]
    for one in ends:
        rows[one.key].until = now + pause
    Tries.objects.bulk_update(rows.values(), ["count", "until"])
    return Try(tuple(counts), ends=tuple(one.scope for one in ends))


def paused_until(counts: Sequence[Count], *, now: datetime) -> datetime | None:
    """Without counting anything."""
    most = {one.key: one.most for one in counts}
    rows = Tries.objects.filter(pk__in=most, until__gt=now)
    return max((row.until for row in rows if row.count >= most[row.key]), default=None)


def succeed(attempt: Try) -> None:
    """The account begins anew; the address gets this try back, or whoever has one account could guess at others."""
    own = [one.key for one in attempt.counts if one.scope in {PERSON, ACCOUNT}]
    shared = [one.key for one in attempt.counts if one.scope not in {PERSON, ACCOUNT}]
    for key in sorted(own):
        Tries.objects.filter(pk=key).delete()
    Tries.objects.filter(pk__in=shared, count__gt=0).update(count=F("count") - 1)


def forget_old(*, now: datetime) -> int:
    return Tries.objects.filter(until__lte=now).delete()[0]


def _locked(counts: Sequence[Count], *, now: datetime) -> dict[str, Tries]:
    """By key; always taken in the order of keys, so that no two tries wait for each other in a circle."""
    until = now + timedelta(seconds=settings.LOGIN_PAUSE_SECONDS)
    keys = sorted(one.key for one in counts)
    Tries.objects.bulk_create([Tries(key=key, until=until) for key in keys], ignore_conflicts=True)
    rows = {row.key: row for row in Tries.objects.select_for_update().filter(pk__in=keys).order_by("key")}
    for row in rows.values():
        if row.until <= now:
            row.count, row.until = 0, until
    return rows
