"""Model groups that stand for many: `openai/*` takes whatever is asked of it. Pure.

`*` is the only sign that means something. Linear in the length of names and patterns: no regular expression is ever
made of what somebody wrote.
"""

from collections.abc import Sequence

STAR = "*"


def match(patterns: Sequence[str], model: str) -> tuple[str, str] | None:
    """The most specific pattern that fits, and what its `*` stands for: for several, joined by `*`.

    The most letters of its own win, then the fewest stars. A name that has a star itself fits nothing, and neither
    does one without an end, such as `openai/`.
    """
    if not model or STAR in model or model.endswith("/"):
        return None
    best: tuple[str, str] | None = None
    for pattern in patterns:
        if best is not None and _rank(pattern) <= _rank(best[0]):
            continue
        if (captured := _captured(pattern, model)) is not None:
            best = pattern, STAR.join(captured)
    return best


def substitute(target: str, captured: str) -> str:
    """The upstream's model: `openai/*` with `gpt-4o` is `openai/gpt-4o`; one without a star stays as it is.

    Where the pattern had more stars than the target, the last ones count; where fewer, the last is repeated.
    """
    parts = target.split(STAR)
    stars = len(parts) - 1
    if not stars:
        return target
    values = captured.split(STAR)[-stars:]
    values += values[-1:] * (stars - len(values))
    return parts[0] + "".join(value + part for value, part in zip(values, parts[1:], strict=True))


def _rank(pattern: str) -> tuple[int, int, str]:
    """The text itself last, so that the same one wins on every process."""
    stars = pattern.count(STAR)
    return len(pattern) - stars, -stars, pattern


def _captured(pattern: str, model: str) -> list[str] | None:
    """What each star stands for, each as short as can be but for the last."""
    head, *middle = pattern.split(STAR)
    if not middle:
        return [] if pattern == model else None
    tail = middle.pop()
    if len(model) < len(head) + len(tail) or not model.startswith(head) or not model.endswith(tail):
        return None
    at, end = len(head), len(model) - len(tail)
    found = []
    for part in middle:
        place = model.find(part, at, end)
        if place < 0:
            return None
        found.append(model[at:place])
        at = place + len(part)
    found.append(model[at:end])
    return found
