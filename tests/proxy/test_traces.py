"""What a request's trace says is found in the database, on either; and no request ever waits for it."""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from proxy import traces
from proxy.core.trace import Attempted, Noted, Selected
from proxy.models import RequestTrace
from proxy.traces import BATCH, MOST_WAITING, TraceWriter
from tests.proxy.traces import AT, failed, keep, trace

PATIENCE_SECONDS = 5.0


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "INTERVAL_SECONDS", 0.01)


@pytest.fixture
def writer(transactional_db: None, quick: None) -> Iterator[TraceWriter]:
    made = TraceWriter()
    made.start()
    yield made
    made.stop()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it does not come to pass"
        time.sleep(0.01)


@contextmanager
def without_table() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE proxy_requesttrace RENAME TO away")
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE away RENAME TO proxy_requesttrace")


@pytest.mark.django_db
def test_every_column_comes_back_as_it_went_in() -> None:
    made = trace(
        call_id="call/1:2",
        key_alias="alias",
        user_id="user",
        team_id="team",
        end_user="customer",
        tags=("prod", 'quote " and \\'),
        stream=True,
        amount_nano=9_007_199_254_740_993,
        price="genai-prices",
    )
    keep(made)
    row = RequestTrace.objects.get(pk=made.request_id)

    named = {field.name for field in dataclasses.fields(made)} - {"request_id", "began_at", "steps", "tags"}
    assert {name: getattr(row, name) for name in named} == {name: getattr(made, name) for name in named}
    assert (row.at, row.tags, row.attempts, row.eventful) == (AT, list(made.tags), 1, False)
    assert row.steps == made.steps_as_json()
    assert [type(row.stream), type(row.eventful), type(row.amount_nano)] == [bool, bool, int]


@pytest.mark.django_db
def test_a_refused_request_is_kept_with_what_it_was_told() -> None:
    (row,) = keep(trace(status=401, error_class="KeyModelAccessDenied", message="m" * 900, steps=(), deployment=""))

    assert (row.status, row.error_class, row.message) == (401, "KeyModelAccessDenied", "m" * 500)
    assert (row.attempts, row.eventful, row.steps) == (0, True, [])


@pytest.mark.django_db
def test_steps_come_back_in_their_order_with_all_their_facts() -> None:
    (row,) = keep(failed())

    assert [step["step"] for step in row.steps] == ["select", "attempt", "retry", "attempt", "fallback_denied"]
    assert row.steps[1]["cooldown"] == {"seconds": 5.0, "reason": "failure_rate"}
    assert row.steps[4] == {
        "step": "fallback_denied", "model_group": "secret-model", "because": "the key may not call it",
    }  # fmt: skip
    assert (row.attempts, row.eventful) == (2, True)


@pytest.mark.django_db
@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
def test_times_are_found_as_the_orm_asks_for_them(microsecond: int) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, microsecond, tzinfo=UTC)
    (row,) = keep(trace(began_at=at))

    assert list(RequestTrace.objects.filter(at=at, at__lte=at, pk=row.pk)) == [row]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text", ["", "it's", '"', "\\", "\\u0000", "new\nline", "%s {}", "<script>", "生产 😀", "null", "'; --"]
)
def test_texts_come_back_letter_by_letter(text: str) -> None:
    (row,) = keep(trace(model=text, message=text, tags=(text,), steps=[Noted("alias", (("asked", text),))]))

    assert (row.model, row.message, row.tags, row.steps[0]["asked"]) == (text, text, [text], text)


@pytest.mark.django_db
def test_a_nul_is_left_out_and_costs_nobody_his_trace() -> None:
    bad, good = keep(trace(message="a\x00b\\u0000", steps=[Noted("alias", (("as\x00ked", "\x00"),))]), trace())

    assert (bad.message, bad.steps) == ("ab\\u0000", [{"step": "alias", "asked": ""}])
    assert good.status == 200


@pytest.mark.django_db
def test_what_is_too_long_for_its_column_is_cut() -> None:
    long = "x" * 1000
    (row,) = keep(
        trace(call_id=long, route=long, model=long, model_group=long, deployment=long, error_class=long, end_user=long,
              price=long, steps=[Noted("retry")] * 1000)
    )  # fmt: skip

    assert [len(row.call_id), len(row.model), len(row.error_class), len(row.steps)] == [128, 255, 64, 200]


@pytest.mark.django_db
def test_a_trace_that_no_json_can_hold_is_dropped_alone(caplog: pytest.LogCaptureFixture) -> None:
    writer, good = TraceWriter(), trace()
    writer.put(trace(model="\ud800"))
    writer.put(good)
    writer.store_waiting()

    assert RequestTrace.objects.get().pk == good.request_id
    assert writer.dropped == 1
    assert "cannot be written down" in caplog.text


@pytest.mark.django_db
def test_facts_of_any_kind_are_said_as_text() -> None:
    (row,) = keep(trace(steps=[Noted("refused", (("at", AT), ("reasons", frozenset({"tags"}))))]))

    assert row.steps[0]["at"].startswith("2026-11-23T09:25:18")
    assert row.steps[0]["reasons"] == "frozenset({'tags'})"


@pytest.mark.django_db
def test_a_request_is_written_once() -> None:
    made = trace()
    keep(made)
    keep(dataclasses.replace(made, status=500))

    assert RequestTrace.objects.get().status == 200


@pytest.mark.django_db
def test_more_than_one_batch_is_stored_whole() -> None:
    keep(*(trace() for _ in range(BATCH * 2 + 1)))

    assert RequestTrace.objects.count() == BATCH * 2 + 1


@pytest.mark.parametrize(
    ("columns", "eventful"),
    [
        ({}, False),
        ({"status": 500}, True),
        ({"status": 0}, True),
        ({"steps": [Attempted(n, "d", "openai", "m", 0, 1, 200) for n in (1, 2)]}, True),
        ({"steps": [Noted("fallback"), Attempted(1, "d", "openai", "m", 0, 1, 200)]}, True),
        ({"steps": [Selected("g", "s", 1, ("d",), (), "d"), Noted("alias")]}, False),
    ],
)
@pytest.mark.django_db
def test_a_row_says_whether_anything_happened_that_an_admin_looks_for(columns: Any, eventful: bool) -> None:
    assert keep(trace(**columns))[0].eventful is eventful


def test_what_was_put_is_written_soon(writer: TraceWriter) -> None:
    for made in (first := trace(), second := failed()):
        writer.put(made)

    wait_until(lambda: RequestTrace.objects.count() == 2)
    assert set(RequestTrace.objects.values_list("pk", flat=True)) == {first.request_id, second.request_id}


@pytest.mark.django_db(transaction=True)
def test_what_waits_at_the_end_is_written_before_the_writer_stops() -> None:
    writer = TraceWriter()
    writer.start()
    for _ in range(1200):
        writer.put(trace())
    writer.stop()

    assert RequestTrace.objects.count() == 1200
    assert writer.dropped == 0


@pytest.mark.django_db
def test_of_too_many_the_oldest_go_and_are_counted() -> None:
    writer, made = TraceWriter(), [trace() for _ in range(MOST_WAITING + 3)]
    for one in made:
        writer.put(one)
    writer.store_waiting()

    assert writer.dropped == 3
    assert RequestTrace.objects.count() == MOST_WAITING
    assert not RequestTrace.objects.filter(pk__in=[one.request_id for one in made[:3]]).exists()


def test_that_too_many_came_is_told_once(
    monkeypatch: pytest.MonkeyPatch, quick: None, transactional_db: None, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(traces, "MOST_WAITING", 2)
    writer = TraceWriter()
    for _ in range(5):
        writer.put(trace())
    writer.start()
    wait_until(lambda: RequestTrace.objects.count() == 2)
    for _ in range(5):
        writer.put(trace())
    writer.stop()

    assert caplog.text.count("the oldest are dropped") == 1


def test_while_the_database_is_away_traces_are_dropped_and_told_once(
    writer: TraceWriter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with without_table():
        for number in range(3):
            writer.put(trace())
            wait_until(lambda number=number: writer.dropped == number + 1)  # type: ignore[misc]
    writer.put(kept := trace())

    wait_until(RequestTrace.objects.exists)
    assert RequestTrace.objects.get().pk == kept.request_id
    wait_until(lambda: "written again" in caplog.text)
    assert caplog.text.count("does not take request traces") == 1


def _put(writer: TraceWriter, count: int) -> None:
    for _ in range(count):
        writer.put(trace())


def test_putting_waits_for_nobody(writer: TraceWriter) -> None:
    """Another writer holds the database for as long as it likes."""
    if connection.vendor == "sqlite":
        hold = "BEGIN IMMEDIATE"
    else:
        hold = "BEGIN; LOCK TABLE proxy_requesttrace IN EXCLUSIVE MODE"
    with connection.cursor() as cursor:
        cursor.execute(hold)
        try:
            putting = threading.Thread(target=_put, args=(writer, 1000))
            putting.start()
            putting.join(PATIENCE_SECONDS)
            assert not putting.is_alive()
        finally:
            cursor.execute("ROLLBACK")

    wait_until(lambda: RequestTrace.objects.count() == 1000)
