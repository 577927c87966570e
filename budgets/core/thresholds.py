"""Which thresholds of a budget are reached, and which of them are news. Pure integers, nano-dollars."""

from collections.abc import Iterable

DEFAULT_PERCENTS = (50, 80, 95, 100)
SOFT = "soft"


def reached(
    spent_nano: int, *, max_nano: int | None, soft_nano: int | None, percents: Iterable[int] = DEFAULT_PERCENTS
) -> tuple[str, ...]:
    """Names such as "80", in rising order, and "soft" after them. None is a budget that nobody set.

    Before anything is spent nothing is reached, also of a budget of 0; with the first nano-dollar all of it is.
    """
    if spent_nano <= 0:
        return ()
    found = []
    if max_nano is not None:
        found += [str(percent) for percent in sorted(set(percents)) if spent_nano * 100 >= max_nano * percent]
    if soft_nano is not None and spent_nano >= soft_nano:
        found.append(SOFT)
    return tuple(found)


def news(told: Iterable[str], reached: Iterable[str]) -> tuple[str, ...]:
    """What is reached and was not told, in the order of `reached`.

    Keep `reached` as `told` afterwards, news or not: what a raise or a reset has put out of reach is forgotten by
    that, and is news when it is reached again.
    """
    known = frozenset(told)
    return tuple(name for name in reached if name not in known)
