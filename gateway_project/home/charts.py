"""Charts of the home, drawn on the server: where bars and lines stand, and the same numbers as a table. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from budgets.spend_chart import LINES, round_step

# Narrow, so that its letters are still letters on a phone.
WIDTH, HEIGHT = 480, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 18, 8, 24
_LABEL_WIDTH = 58
_ROOM = HEIGHT - _TOP - _BOTTOM


@dataclass(frozen=True, slots=True)
class Series:
    """One number a slot, None where there is none; `tone` is the class that gives it its colour."""

    title: str
    tone: str
    values: Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a chart is about: `names` say in full when each slot begins, `labels` in short; `why` what it is made of.

    `say` writes a number; `least` is how high the chart is at the least.
    """

    title: str
    why: str
    names: Sequence[str]
    labels: Sequence[str]
    say: Callable[[int], str]
    least: int


@dataclass(frozen=True, slots=True)
class Bar:
    tone: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Slot:
    """One hour or day: the place for its bars, and all it says in words."""

    x: float
    width: float
    bars: tuple[Bar, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Line:
    """`paths` are the points of each stretch without a gap, `dots` the single points."""

    tone: str
    paths: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """`grid` are heights and what they stand for, `labels` places below. `rows` of the table are newest first."""

    title: str
    why: str
    slots: tuple[Slot, ...]
    lines: tuple[Line, ...]
    keys: tuple[tuple[str, str], ...]
    grid: tuple[tuple[float, str], ...]
    labels: tuple[tuple[float, str], ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_empty: bool
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    room: int = _ROOM


def bar_chart(subject: Subject, series: Sequence[Series]) -> Chart:
    """The series stacked in their order. No bar goes below nothing."""
    columns = _columns(series)
    step = round_step(max([subject.least, *(sum(max(one or 0, 0) for one in column) for column in columns)]))
    bars = []
    for column in columns:
        reached, stack = 0, []
        for one, number in zip(series, column, strict=True):
            reached += max(number or 0, 0)
            height = round(max(number or 0, 0) / (step * LINES) * _ROOM, 2)
            if height:
                stack.append(Bar(one.tone, _y(reached, step), height))
        bars.append(tuple(stack))
    return _chart(subject, series, step, slots=_slots(subject, series, bars), lines=())


def line_chart(subject: Subject, series: Sequence[Series]) -> Chart:
    """One line a series, with a gap where there is no number."""
    columns = _columns(series)
    step = round_step(max([subject.least, *(number or 0 for column in columns for number in column)]))
    slots = _slots(subject, series, [()] * len(columns))
    return _chart(subject, series, step, slots=slots, lines=tuple(_line(one, slots, step) for one in series))


def _chart(
    subject: Subject, series: Sequence[Series], step: int, *, slots: Sequence[Slot], lines: tuple[Line, ...]
) -> Chart:
    columns = _columns(series)
    rows = [
        (name, *("-" if number is None else subject.say(number) for number in column))
        for name, column in zip(subject.names, columns, strict=True)
    ]
    return Chart(
        title=subject.title,
        why=subject.why,
        slots=tuple(slots),
        lines=lines,
        keys=tuple((one.tone, one.title) for one in series),
        grid=tuple((_y(step * n, step), subject.say(step * n)) for n in range(LINES + 1)),
        labels=_places(subject.labels, slots),
        head=tuple(one.title for one in series),
        rows=tuple(reversed(rows)),
        is_empty=not any(number for column in columns for number in column),
    )


def _columns(series: Sequence[Series]) -> list[tuple[int | None, ...]]:
    return list(zip(*(one.values for one in series), strict=True))


def _y(value: int, step: int) -> float:
    return round(HEIGHT - _BOTTOM - value / (step * LINES) * _ROOM, 2)


def _slots(subject: Subject, series: Sequence[Series], bars: Sequence[tuple[Bar, ...]]) -> list[Slot]:
    width = (WIDTH - _LEFT - _RIGHT) / max(len(bars), 1)
    gap = min(width * 0.2, 6)
    return [
        Slot(
            x=round(_LEFT + place * width + gap / 2, 2),
            width=round(width - gap, 2),
            bars=stack,
            said=_said(subject, series, place),
        )
        for place, stack in enumerate(bars)
    ]


def _said(subject: Subject, series: Sequence[Series], place: int) -> str:
    numbers = ((one.title, one.values[place]) for one in series)
    parts = (f"{title} {'-' if number is None else subject.say(number)}" for title, number in numbers)
    return f"{subject.names[place]}: {', '.join(parts)}"


def _line(one: Series, slots: Sequence[Slot], step: int) -> Line:
    stretches: list[list[tuple[float, float]]] = [[]]
    for slot, number in zip(slots, one.values, strict=True):
        if number is None:
            stretches.append([])
        else:
            stretches[-1].append((round(slot.x + slot.width / 2, 2), _y(number, step)))
    return Line(
        tone=one.tone,
        paths=tuple(" ".join(f"{x},{y}" for x, y in points) for points in stretches if len(points) > 1),
        dots=tuple(points[0] for points in stretches if len(points) == 1),
    )


def _places(labels: Sequence[str], slots: Sequence[Slot]) -> tuple[tuple[float, str], ...]:
    """So many as do not touch each other, the last slot among them."""
    every = max(1, -(-_LABEL_WIDTH * len(slots) // (WIDTH - _LEFT - _RIGHT)))
    last = len(slots) - 1
    return tuple(
        (round(slot.x + slot.width / 2, 2), label)
        for place, (slot, label) in enumerate(zip(slots, labels, strict=True))
        if (last - place) % every == 0 and slot.x + slot.width / 2 >= _LEFT + _LABEL_WIDTH / 4
    )
