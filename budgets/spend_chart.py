"""Where the bars of a chart of days stand. Drawn on the server: the page needs no script for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from teams.admin.texts import dollars

WIDTH, HEIGHT = 960, 220
# Of the grid, beside the base.
LINES = 4
_LEFT, _TOP, _BOTTOM = 72, 8, 24
_LABEL_WIDTH = 72
_CENT = 10**7


@dataclass(frozen=True, slots=True)
class DayBar:
    day: date
    amount: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """`lines` are the heights of the grid and what they stand for, `labels` the places of days below."""

    bars: tuple[DayBar, ...]
    lines: tuple[tuple[float, str], ...]
    labels: tuple[tuple[float, str], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    base: int = HEIGHT - _BOTTOM


def day_chart(amounts: Mapping[date, int], *, first: date, last: date) -> Chart:
    """Every day from `first` to `last`; nano-dollars. What corrections bring below 0 has no bar."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    step = round_step(max([amounts.get(day, 0) for day in days], default=0) or LINES * _CENT)
    top = step * LINES
    slot = (WIDTH - _LEFT) / max(len(days), 1)
    room = HEIGHT - _TOP - _BOTTOM
    gap = min(slot * 0.2, 6)
    bars = []
    for number, day in enumerate(days):
        amount = amounts.get(day, 0)
        height = max(amount, 0) / top * room
        left = _LEFT + number * slot + gap / 2
        bars.append(
            DayBar(
                day=day,
                amount=dollars(amount),
                x=round(left, 2),
                y=round(HEIGHT - _BOTTOM - height, 2),
                width=round(slot - gap, 2),
                height=round(height, 2),
            )
        )
    lines = tuple((round(HEIGHT - _BOTTOM - room * n / LINES, 2), dollars(step * n)) for n in range(LINES + 1))
    return Chart(bars=tuple(bars), lines=lines, labels=_labels(days, slot))


def round_step(most: int) -> int:
    """The smallest of 1, 2 and 5 times a power of ten, so many of which reach `most`."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power * LINES >= most:
                return factor * power
        power *= 10


def _labels(days: Sequence[date], slot: float) -> tuple[tuple[float, str], ...]:
    """So many as do not touch each other, nor leave the picture."""
    every = max(1, -(-_LABEL_WIDTH // slot).__trunc__()) if slot else 1
    return tuple(
        (x, f"{day:%b} {day.day}")
        for number, day in enumerate(days)
        if number % every == 0 and (x := round(_LEFT + (number + 0.5) * slot, 2)) <= WIDTH - _LABEL_WIDTH / 4
    )
