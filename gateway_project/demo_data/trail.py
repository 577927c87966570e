"""What was done by hand in the demo, and the reports of its past periods."""

from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from alerts.past import keep_run
from alerts.scheduled import Job, Span, scheduled_job
from gateway_project.demo_data import cast
from gateway_project.demo_data.marks import METADATA
from teams.keys import DEMO_PREFIX
from teams.models import ActorSource, AuditEntry, VirtualKey

# In the column of the actor's key: no key has it, so an entry under it is the demo's.
ACTOR_KEY = f"{DEMO_PREFIX}trail"
_REPORTS = (("spend_report", 4), ("monthly_spend_report", 1), ("deployment_report", 5), ("fallback_report", 3))
_INSTANT = timedelta(microseconds=1)


def make_trail(*, now: datetime, since: datetime, seed: int) -> None:
    """Decided already: nobody is told of them."""
    random = Random(f"trail {seed}")  # noqa: S311 - it is a play
    keys = VirtualKey.objects.filter(token_hash__startswith=DEMO_PREFIX).order_by()
    acts = _acts(dict(keys.values_list("token_hash", "pk")))
    step = (now - since) / (len(acts) + 1)
    AuditEntry.objects.bulk_create(
        AuditEntry(
            at=since + (number + random.uniform(0.2, 0.8)) * step,
            change_id=UUID(int=random.getrandbits(128), version=4),
            action=action,
            object_type=kind,
            object_id=str(pk),
            object_label=label,
            source=ActorSource.API if number % 3 else ActorSource.ADMIN,
            actor_id=cast.person_id(by),
            actor_role="internal_user",
            actor_key_hash=ACTOR_KEY,
            address=f"192.0.2.{10 + number}",
            before=before,
            after=after,
            told=True,
        )
        for number, (action, kind, pk, label, by, before, after) in enumerate(acts)
    )


Act = tuple[str, str, object, str, str, dict[str, Any] | None, dict[str, Any] | None]


def _acts(keys: dict[str, int]) -> list[Act]:
    made: list[Act] = [
        ("created", "team", one.id, one.alias, one.members[0], None, {"alias": one.alias}) for one in cast.TEAMS
    ]
    made += [
        (
            "created",
            "key",
            keys[one.token_hash],
            one.name,
            one.user,
            None,
            {"alias": one.name, "team": cast.TEAM[one.team].id},
        )
        for one in cast.KEYS
    ]
    research, key = cast.TEAM["research"], cast.KEYS[3]
    return [
        *made,
        ("updated", "team", research.id, research.alias, "ada", {"max_budget": 60.0}, {"max_budget": 90.0}),
        ("updated", "key", keys[key.token_hash], key.name, "grace", {"blocked": False}, {"blocked": True}),
        ("updated", "key", keys[key.token_hash], key.name, "grace", {"blocked": True}, {"blocked": False}),
        ("updated", "deployment", cast.AZURE.id, cast.AZURE.id, "katherine", {"blocked": False}, {"blocked": True}),
        ("created", "tag", cast.EXPERIMENT, cast.EXPERIMENT, "ada", None, {"description": cast.TAGS[cast.EXPERIMENT]}),
        ("updated", "customer", *next(iter(cast.CUSTOMERS.items())), "barbara", {"blocked": True}, {"blocked": False}),
    ]


def make_reports(*, now: datetime, since: datetime) -> None:
    """Of the periods that are over and that nobody has told of, by those who make them. Nobody is told."""
    for name, most in _REPORTS:
        job = scheduled_job(name)
        for span in _spans(job, most, now=now, since=since) if job else ():
            assert job is not None
            keep_run(job, span, mark=METADATA)


def _spans(job: Job, most: int, *, now: datetime, since: datetime) -> list[Span]:
    found: list[Span] = []
    running = job.span_at(now)
    while running is not None and len(found) < most:
        running = job.span_at(running.starts_at - _INSTANT)
        if running is None or running.ends_at <= since:
            break
        found.append(running)
    return found
