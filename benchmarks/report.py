"""The printed page of a run: the table, ratios taken within a round, what there is to remark."""

from collections.abc import Iterator
from statistics import median

from benchmarks.measure import Course, Speed
from benchmarks.results import MEGABYTE, Result, Spread, added, ratio

BUSY = 0.9
CHUNKS = 30


def table(results: list[Result]) -> Iterator[str]:
    row = "{:<25} {:>24} {:>7} {:>5}  {:>24} {:>7} {:>5}  {:>13}  {:>11}  {:>6}"
    yield row.format("", "chat/s", "CPU us", "core", "streams/s", "CPU us", "core", "adds p50/p99", "RSS MB", "start")
    for result in results:
        if not (course := result.course) or not course.turns:
            continue
        cells = [*_speed_cells([turn.chat for turn in course.turns])]
        cells += _speed_cells([turn.stream for turn in course.turns])
        cells.append("{:.2f}/{:.2f} ms".format(*added(result)))
        cells.append(f"{course.idle_bytes / MEGABYTE:.0f} > {course.after_bytes / MEGABYTE:.0f}")
        yield row.format(result.target.title, *cells, f"{course.gateway.started_seconds:.1f} s")


def _speed_cells(speeds: list[Speed]) -> list[str]:
    busy = median(speed.busy for speed in speeds)
    cpu = median(speed.cpu_us for speed in speeds)
    return [Spread.of(speed.per_second for speed in speeds).text(), f"{cpu:,.0f}", f"{busy:.0%}"]


def remarks(results: list[Result]) -> Iterator[str]:
    """What was measured in which version, what was not measured and why, and what was odd."""
    for result in results:
        title = result.target.title
        if result.absent:
            yield f"{title}: not measured, {result.absent}"
        if result.failure:
            yield f"{title}: FAILED, {result.failure}"
        if result.course:
            yield f"{title}: {result.course.gateway.about}"
            yield from (f"{title}: {remark}" for remark in _oddities(result.course))


def _oddities(course: Course) -> Iterator[str]:
    for check in course.books:
        booked = f"{check.ledger_rows:,} rows in the ledger, {check.metric:,} in /metrics"
        yield f"{check.answered:,} requests answered, {booked}: {'equal' if check.is_equal else 'NOT EQUAL'}"
    speeds = [speed for turn in course.turns for speed in (turn.chat, turn.stream)]
    if errors := sum(speed.errors for speed in speeds) + sum(turn.added.errors for turn in course.turns):
        first = next((speed.first_error for speed in speeds if speed.first_error), "")
        yield f"{errors} ERRORS, {first[:300]}"
    events = min((turn.stream.events_per_answer for turn in course.turns), default=CHUNKS)
    if events < CHUNKS:
        yield f"only {events:.1f} events per stream of {CHUNKS} chunks"
    if course.turns and median(speed.busy for speed in speeds) < BUSY:
        yield f"used less than {BUSY:.0%} of its core: something else was (part of) the limit"


def ratios(results: list[Result]) -> Iterator[str]:
    """Ours over each other target: by requests per second, and by CPU (the other's time per request over ours)."""
    row = "{:<52} {:>20} {:>20} {:>20} {:>20}"
    measured = [result for result in results if result.turns]
    mine = [result for result in measured if result.target.name.startswith("ours")]
    others = [result for result in measured if result not in mine]
    if mine and others:
        yield row.format("", "chat, by rate", "by CPU", "streams, by rate", "by CPU")
    for ours in mine:
        for other in others:
            cells = [
                ratio(ours, other, lambda a, b: a.chat.per_second / b.chat.per_second),
                ratio(ours, other, lambda a, b: b.chat.cpu_us / a.chat.cpu_us),
                ratio(ours, other, lambda a, b: a.stream.per_second / b.stream.per_second),
                ratio(ours, other, lambda a, b: b.stream.cpu_us / a.stream.cpu_us),
            ]
            yield row.format(f"{ours.target.title} / {other.target.title}", *(cell.text(2) for cell in cells))
