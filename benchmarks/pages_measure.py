"""Asks for each page through Django's own handler, as somebody, and counts what it costs.

Django is set up when this is imported: the environment names the database.
"""

import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import django

django.setup()

from django.contrib import admin  # noqa: E402
from django.contrib.auth.models import Group  # noqa: E402
from django.db import connection  # noqa: E402
from django.forms.models import ModelChoiceIterator  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from alerts.models import Incident  # noqa: E402
from benchmarks.pages_api import ADDRESSES  # noqa: E402
from benchmarks.pages_fill import Sizes, fill, hash_of  # noqa: E402
from proxy.policy import Policy  # noqa: E402
from proxy.registry import load_routing_table  # noqa: E402
from proxy.runtime import Runtime, set_running  # noqa: E402
from teams.groups import TEAM_ADMIN  # noqa: E402
from teams.models import AuditEntry, Membership, User, VirtualKey  # noqa: E402
from tests.gateway import MASTER_KEY  # noqa: E402

ROUNDS = 5
# A page so slow is asked for once, and its query is stopped some time later.
SLOW_SECONDS, STOPPED_AFTER_SECONDS = 3.0, 30
_CHOICES = 4
_WORDS = {"user": ["Person 77"], "team": ["Team 77"], "virtualkey": ["alias-777"], "incident": ["gpt-7"],
          "auditentry": ["alias-777"], "customer": ["customer-77"], "tag": ["tag-77"], "budget": ["budget-77"],
          "organization": ["Org 77"], "membership": ["Person 77"], "requesttrace": ["alias-777"],
          "ledgerentry": ["call-777", "chatcmpl-777", hash_of(777)]}  # fmt: skip
OTHERS = ["/admin/", "/admin/budgets/dailyspend/", "/admin/proxy/routing/", "/admin/proxy/routing/edit/"]


@dataclass(frozen=True)
class Figure:
    """Milliseconds of one page; `queries` and the slowest of them are those of the last time."""

    who: str
    path: str
    status: int
    milliseconds: float
    queries: int
    slowest_ms: float
    slowest: str


def filled(factor: float) -> dict[str, Any]:
    """By their part: those as whom the pages are asked for."""
    if not User.objects.filter(pk="bench-admin").exists():
        began = time.perf_counter()

        def told(what: str) -> None:
            print(f"{time.perf_counter() - began:8.1f} s   {what}", file=sys.stderr, flush=True)

        fill(Sizes(factor), now=timezone.now(), told=told)
        for name, role in (("bench-lead", "admin"), ("bench-member", "user")):
            User(id=name, username=name, is_staff=True).save()
            User.objects.get(pk=name).groups.set(Group.objects.filter(name=TEAM_ADMIN))
            Membership.objects.create(team_id="team-1", user_id=name, role=role)
        User.objects.create_superuser("bench-admin", "bench@example.com", "pw", id="bench-admin", role="proxy_admin")
    parts = {"admin": "bench-admin", "team admin": "bench-lead", "member": "bench-member"}
    return {part: User.objects.get(pk=pk) for part, pk in parts.items()}


def measure(people: dict[str, Any], is_wanted: Callable[[str], bool]) -> Iterator[Figure]:

    for who, user in people.items():
        client = Client(SERVER_NAME="localhost", raise_request_exception=False)
        client.force_login(user)
        for path in OTHERS:
            if is_wanted(path) and (who == "admin" or path != OTHERS[-1]):
                yield _timed(who, client, path)
        for model in admin.site._registry:
            name = f"{model._meta.app_label}/{model._meta.model_name}"
            if is_wanted(f"/admin/{name}/") and model._meta.managed:
                yield from _of_list(who, client, f"/admin/{name}/", _WORDS.get(str(model._meta.model_name), ["77"]))
    set_running(_runtime())
    api, today = (
        Client(SERVER_NAME="localhost", raise_request_exception=False, HTTP_AUTHORIZATION=f"Bearer {MASTER_KEY}"),
        timezone.now().date(),
    )
    facts = _facts(today)
    for path in ADDRESSES:
        if is_wanted(path):
            yield _timed("API", api, path.format(**facts))


def _facts(today: date) -> dict[str, str]:
    """What the addresses leave open: spans of days, and the ids that are not known before."""
    spans = {name: urlencode({"start_date": today - timedelta(days=days), "end_date": today})
             for name, days in (("month", 29), ("day", 0))}  # fmt: skip
    return spans | {
        "key": VirtualKey.objects.values_list("token_hash", flat=True).get(alias="alias-777"),
        "alert": str(Incident.objects.values_list("pk", flat=True)[:1].get()),
        "entry": str(AuditEntry.objects.values_list("pk", flat=True)[:1].get()),
    }


def _runtime() -> Runtime:
    """What a web process has read when it serves, but for the keys: the master key alone is used here."""
    made = Runtime()
    made.table = load_routing_table(now=timezone.now())
    made.policy = Policy.read(made.table.settings["general_settings"], made.table.settings["litellm_settings"])
    return made


def finish() -> None:
    set_running(None)
    connection.close()


def _of_list(who: str, client: Any, path: str, words: list[str]) -> Iterator[Figure]:
    first = client.get(path)
    if first.status_code == HTTPStatus.FORBIDDEN:
        return
    yield _timed(who, client, path)
    changes = getattr(first, "context_data", None) and first.context_data.get("cl")
    if not changes or not len(changes.result_list):
        return
    if who == "admin":
        row = changes.result_list[0]
        queries = {"p=2"} if len(changes.result_list) >= changes.list_per_page else set()
        if (pages := changes.paginator.count // changes.list_per_page) < 1_000_000 and pages > 2:
            queries.add(f"p={pages}")
        if changes.search_fields:
            queries |= {urlencode({"q": text}) for text in (*words, "zzz-nothing", row.pk)}
        queries |= set(_filters(changes)) | set(_orders(changes))
        for query in sorted(queries):
            yield _timed(who, client, f"{path}?{query}")
    for more in ("change", "history"):
        yield _timed(who, client, f"{path}{changes.result_list[0].pk}/{more}/")


def _filters(changes: Any) -> Iterator[str]:
    """Of each filter the first choices."""
    for spec in changes.filter_specs:
        choices = [choice for choice in spec.choices(changes) if not choice.get("selected")]
        for choice in choices[: _CHOICES + 1]:
            if query := choice.get("query_string", "").lstrip("?"):
                yield query
            elif "form" in choice:
                for name, field in choice["form"].fields.items():
                    values = [value for value, _ in list(_some(getattr(field, "choices", ()), _CHOICES + 1)) if value]
                    yield from (urlencode({name: getattr(value, "value", value)}) for value in values[:_CHOICES])


def _some(values: Any, most: int) -> Iterator[Any]:

    if isinstance(values, ModelChoiceIterator):
        yield from ((row.pk, row) for row in values.queryset[:most])
        return
    for _, value in zip(range(most), values, strict=False):
        yield value


def _orders(changes: Any) -> Iterator[str]:
    for number, name in enumerate(changes.list_display):
        sortable = changes.sortable_by is None or name in changes.sortable_by
        if sortable and name != "action_checkbox" and changes.get_ordering_field(name):
            yield from (f"o={number}", f"o=-{number}")


def _timed(who: str, client: Any, path: str) -> Figure:
    taken: list[float] = []
    status, log = 0, _Log()
    for round_number in range(ROUNDS + 1):
        log = _Log()
        with _logged(log):
            began = time.perf_counter()
            status = _ask(client, path)
            taken.append(time.perf_counter() - began)
        if round_number == 0 and taken[0] > SLOW_SECONDS:
            break
    milliseconds = statistics.median(taken[1:] or taken) * 1000
    figure = Figure(who, path, status, round(milliseconds, 1), log.count, round(log.slowest_ms, 1), log.slowest)
    print(f"{figure.milliseconds:9.1f} ms {status} {who:10} {path}", file=sys.stderr, flush=True)
    return figure


def _ask(client: Any, path: str) -> int:

    answer = client.get(path)
    b"".join(answer) if answer.streaming else answer.content
    return int(answer.status_code)


class _Log:
    """Counts queries and remembers the slowest."""

    def __init__(self) -> None:
        self.count, self.slowest_ms, self.slowest = 0, 0.0, ""

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            milliseconds = (time.perf_counter() - began) * 1000
            self.count += 1
            if milliseconds > self.slowest_ms:
                self.slowest_ms, self.slowest = (
                    milliseconds,
                    re.sub(r"SELECT .{300,}? FROM", "SELECT ... FROM", sql)[:1500],
                )


@contextmanager
def _logged(log: _Log) -> Iterator[None]:
    # A query that took too long may have cost the connection.
    connection.close_if_unusable_or_obsolete()
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = '{STOPPED_AFTER_SECONDS}s'")
    with connection.execute_wrapper(log):
        yield
