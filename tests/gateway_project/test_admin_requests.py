"""The page of requests: who sees which, what is found, and that whatever a request held is only text."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from budgets import entries
from proxy.core.trace import Attempted, Noted, Selected
from proxy.models import Deployment, RequestTrace
from teams.groups import ADMIN, FINANCE, OPERATOR, TEAM_ADMIN, VIEWER
from teams.models import Membership, Team
from tests.budgets.builders import entry
from tests.gateway_project import rows
from tests.gateway_project.pages import queries, staff, url
from tests.proxy.traces import AT, failed, keep, keep_many, trace

REQUESTS = "proxy_requesttrace"
HOSTILE = "<script>alert('x')</script>"
pytestmark = pytest.mark.django_db


def found(page: Client, **query: Any) -> list[str]:
    response = page.get(url(REQUESTS, "changelist", **query))
    assert response.status_code == 200
    return [row.call_id for row in response.context["cl"].result_list]


def text_of(page: Client, row: RequestTrace) -> str:
    return str(page.get(url(REQUESTS, "change", row.pk)).content.decode())


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (VIEWER, ["red", "blue", "own"]),
        (ADMIN, ["red", "blue", "own"]),
        (OPERATOR, ["red", "blue", "own"]),
        (TEAM_ADMIN, ["red", "own"]),
        (FINANCE, None),
    ],
)
def test_who_sees_which(client: Client, group: str, expected: list[str] | None) -> None:
    tess = staff(group)
    Membership.objects.create(team=Team.objects.create(id="red", alias="red"), user=tess, role="admin")
    made = keep(
        trace(call_id="own", user_id="tess"),
        trace(call_id="blue", team_id="blue", began_at=AT + timedelta(seconds=1)),
        trace(call_id="red", team_id="red", began_at=AT + timedelta(seconds=2)),
    )
    client.force_login(tess)
    if expected is None:
        assert client.get(url(REQUESTS, "changelist")).status_code == 403
        return

    assert found(client) == expected
    for row in made:
        assert client.get(url(REQUESTS, "change", row.pk)).status_code == (200 if row.call_id in expected else 302)


@pytest.mark.parametrize("view", ["add", "change", "delete"])
def test_nobody_rewrites_a_request(page: Client, view: str) -> None:
    (row,) = keep(trace())
    address = url(REQUESTS, "add") if view == "add" else url(REQUESTS, view, row.pk)

    assert page.post(address, {"post": "yes", "call_id": "another"}).status_code == 403
    page.post(url(REQUESTS, "changelist"), {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"})
    assert RequestTrace.objects.get(pk=row.pk).call_id == row.call_id


def test_a_request_is_found_by_what_is_known_of_it(page: Client) -> None:
    first, _, _ = keep(
        trace(call_id="c1", key_alias="billing", model="gpt-4o"),
        trace(call_id="c2", key_alias="search", model="claude"),
        trace(call_id="c3", key_alias="search", model="gpt-4o", began_at=AT + timedelta(seconds=1)),
    )

    assert found(page, q="c1") == found(page, q=str(first.pk)) == found(page, q=" billing ") == ["c1"]
    assert found(page, q="search") == ["c3", "c2"]
    assert found(page, q="gpt-4o") == ["c3", "c1"]
    assert found(page, q="gpt") == found(page, q="x'\"%") == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"outcome": "failed"}, ["500", "403"]),
        ({"outcome": "4xx"}, ["403"]),
        ({"outcome": "5xx"}, ["500"]),
        ({"outcome": "mended"}, ["mended"]),
        ({"outcome": "plain"}, ["200"]),
        ({"outcome": "nonsense"}, ["500", "403", "mended", "200"]),
        ({"operation_is": "embedding"}, ["mended"]),
        ({"at__lt": "2026-11-24 00:00:00+00:00"}, ["500", "403", "mended", "200"]),
        ({"at__gte": "2026-11-24 00:00:00+00:00"}, []),
    ],
)  # fmt: skip
def test_requests_are_filtered(page: Client, query: dict[str, str], expected: list[str]) -> None:
    again = [Attempted(number, "d", "openai", "m", 0, 1, 200) for number in (1, 2)]
    keep(
        trace(call_id="200"),
        trace(call_id="mended", steps=again, operation="embedding", began_at=AT + timedelta(seconds=1)),
        trace(call_id="403", status=403, began_at=AT + timedelta(seconds=2)),
        trace(call_id="500", status=500, began_at=AT + timedelta(seconds=3)),
    )

    assert found(page, **query) == expected


def test_the_way_of_a_request_is_told_step_by_step(page: Client) -> None:
    deployment = rows.deployment(1)
    steps = [
        Noted("alias", (("asked", "best"), ("model_group", "gpt-4o"))),
        Selected("gpt-4o", "least-busy", 2, (), (("old", "cooldown"),), deployment.pk),
        Attempted(0, deployment.pk, "openai", "gpt-4o", 0, 1.5, 503, "ServiceUnavailableError", 30.0, "failure_rate"),
        Noted("retry", (("number", 1), ("of", 2), ("delay_seconds", 0.5))),
        Selected("gpt-4o", "least-busy", 0, (), ((deployment.pk, "tried"),), ""),
        Noted("fallback", (("model_group", "mini"), ("after", "gpt-4o"), ("because", "NoDeploymentAvailable"))),
        Attempted(1, "gone", "azure", "mini", 2, 2.3, 200, first_token=2.1),
        Noted("something_new", (("fact", 7),)),
    ]
    (row,) = keep(trace(steps=steps, amount_nano=1_500_000, deployment="gone"))
    text = " ".join(text_of(page, row).split())

    for sentence in (
        "best stands for gpt-4o",
        "of gpt-4o was chosen among 2 by least-busy",
        "old was passed over: cooling down",
        "attempt 1",
        "attempt 2",
        "(openai/gpt-4o) failed with 503 ServiceUnavailableError after 1.50 s",
        "It cools down for 30 s: failure rate",
        "Tried again after 0.5 s, retry 1 of 2",
        "Nobody in gpt-4o could be asked",
        "Fell back from gpt-4o to mini: NoDeploymentAvailable",
        "(azure/mini) answered after 300 ms",
        "First token after 2.10 s",
        "fact: 7",
        "$0.0015",
    ):
        assert sentence in text, sentence
    assert url("proxy_deployment", "change", deployment.pk) in text
    assert url("proxy_deployment", "change", "gone") not in text


def test_the_ledgers_entries_stand_on_the_page(page: Client) -> None:
    (row,) = keep(trace())
    made = entry(request_id=row.pk, attempt=1, prompt_tokens=1234, amount_nano=77_000_000)
    entries.insert([made.encode()])
    text = text_of(page, row)

    assert url("budgets_ledgerentry", "change", made.id) in text
    assert "1234" in text
    assert "$0.077" in text


def test_where_there_is_nothing_it_is_said_in_words(page: Client) -> None:
    (row,) = keep(trace(steps=(), status=403, error_class="KeyModelAccessDenied", deployment=""))
    text = text_of(page, row)

    assert "It was refused before anybody was to be asked." in text
    assert "The ledger has no entry of it" in text


def test_who_sees_no_ledger_and_no_deployment_is_not_led_there(client: Client) -> None:
    tess = staff(TEAM_ADMIN)
    deployment = rows.deployment(1)
    (row,) = keep(trace(user_id="tess", deployment=deployment.pk, steps=[Selected("g", "s", 1, (), (), deployment.pk)]))
    made = entry(request_id=row.pk, deployment_id=deployment.pk)
    entries.insert([made.encode()])
    client.force_login(tess)
    text = text_of(client, row)

    assert deployment.pk in text
    assert url("proxy_deployment", "change", deployment.pk) not in text
    assert url("budgets_ledgerentry", "change", made.id) not in text


def test_whatever_a_request_holds_is_shown_as_text(page: Client) -> None:
    Deployment.objects.create(id=HOSTILE, model_name=HOSTILE, litellm_params={"model": "openai/m"})
    steps = [
        Selected(HOSTILE, HOSTILE, 2, (HOSTILE,), ((HOSTILE, HOSTILE),), HOSTILE),
        Selected(HOSTILE, HOSTILE, 0, (), (), ""),
        Attempted(1, HOSTILE, HOSTILE, HOSTILE, 0, 1, 500, HOSTILE, 5.0, HOSTILE),
        *(Noted(step, (("model_group", HOSTILE), ("because", HOSTILE), ("asked", HOSTILE), ("deployment", HOSTILE)))
          for step in ("retry", "no_retry", "fallback", "fallback_denied", "alias", "hedge", "refused", HOSTILE)),
    ]  # fmt: skip
    names = ("model", "model_group", "deployment", "message", "key_alias", "user_id", "team_id", "end_user", "price",
             "route", "call_id", "error_class")  # fmt: skip
    (row,) = keep(trace(steps=steps, tags=(HOSTILE,), status=500, **dict.fromkeys(names, HOSTILE)))
    entries.insert([entry(request_id=row.pk, deployment_id=HOSTILE, error_class=HOSTILE).encode()])

    for text in (text_of(page, row), page.get(url(REQUESTS, "changelist")).content.decode()):
        assert "alert(" in text
        assert HOSTILE not in text


@pytest.mark.parametrize("steps", [{}, "text", 7, None, [7, "x", None, [], {}], [{"step": None}, {"step": []}]])
def test_steps_that_make_no_sense_do_not_break_the_page(page: Client, steps: Any) -> None:
    (row,) = keep(trace())
    RequestTrace.objects.filter(pk=row.pk).update(steps=steps if steps is not None else [])

    assert page.get(url(REQUESTS, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("name", ["select", "attempt", "retry", "fallback", "alias", "hedge", "refused"])
@pytest.mark.parametrize("value", [None, "text", 5, [], {}, [5], {"a": {}}])
def test_a_step_with_facts_of_other_kinds_is_shown(page: Client, name: str, value: Any) -> None:
    facts = ("chosen", "skipped", "skipped_count", "took_ms", "first_token_ms", "cooldown", "delay_seconds", "eligible",
             "deployment", "after_seconds", "status", "error")  # fmt: skip
    (row,) = keep(trace())
    RequestTrace.objects.filter(pk=row.pk).update(steps=[{"step": name, **dict.fromkeys(facts, value)}])

    assert page.get(url(REQUESTS, "change", row.pk)).status_code == 200


def test_a_page_of_many_steps_asks_no_more_than_one_of_few(page: Client) -> None:
    few, many = keep(failed(), failed(steps=[step for _ in range(20) for step in failed().steps]))
    for number in range(10):
        entries.insert([entry(request_id=many.pk, attempt=number).encode()])
    entries.insert([entry(request_id=few.pk).encode()])

    assert queries(page, url(REQUESTS, "change", many.pk)) <= queries(page, url(REQUESTS, "change", few.pk))


def test_the_list_counts_nothing_and_reads_no_steps(page: Client) -> None:
    keep_many(120)
    with CaptureQueriesContext(connection) as captured:
        response = page.get(url(REQUESTS, "changelist", p=2))
    asked = [query["sql"] for query in captured if "proxy_requesttrace" in query["sql"]]

    assert len(response.context["cl"].result_list) == 50
    assert len(asked) == 1
    assert "COUNT(" not in asked[0]
    assert '"steps"' not in asked[0]


def test_a_page_beyond_the_last_is_empty(page: Client) -> None:
    keep_many(3)

    assert found(page, p=5) == []


def test_who_may_see_no_requests_sees_none(client: Client) -> None:
    client.force_login(staff())
    (row,) = keep(trace(user_id="tess"))

    for address in (url(REQUESTS, "changelist"), url(REQUESTS, "change", row.pk), url(REQUESTS, "preview")):
        assert client.get(address).status_code == 403
