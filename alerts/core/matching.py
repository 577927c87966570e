"""Whether an alert's labels are those that a route or a silence asks for. Pure.

Matchers are an object of label to pattern, or to a list of patterns of which one is enough. A pattern may hold `*` for
any text, and begins with `!` to mean its opposite. A label that an alert does not have is empty text.
"""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

Matchers = Mapping[str, Sequence[str]]

MOST_MATCHERS = 20
LONGEST_PATTERN = 500
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class InvalidMatcher(ValueError):
    """Says in a sentence what is wrong with it."""


def read_matchers(value: Any) -> Matchers:
    """Raises InvalidMatcher."""
    if not isinstance(value, dict):
        raise InvalidMatcher('Matchers are an object of labels, such as {"model": "gpt-4o"}.')
    if len(value) > MOST_MATCHERS:
        raise InvalidMatcher(f"There are more than {MOST_MATCHERS} matchers.")
    return {name: _patterns(name, wanted) for name, wanted in value.items()}


def matches(matchers: Matchers, labels: Mapping[str, str]) -> bool:
    return all(_any_of(patterns, labels.get(name, "")) for name, patterns in matchers.items())


def _patterns(name: str, wanted: Any) -> tuple[str, ...]:
    if not _LABEL.fullmatch(name):
        raise InvalidMatcher(f"{name[:70]!r} is not a label: letters, digits and underscores are.")
    patterns = wanted if isinstance(wanted, list) else [wanted]
    if not patterns or not all(isinstance(one, str) and len(one) <= LONGEST_PATTERN for one in patterns):
        raise InvalidMatcher(f"{name} wants a text or a list of texts, of at most {LONGEST_PATTERN} characters.")
    return tuple(patterns)


def _any_of(patterns: Sequence[str], value: str) -> bool:
    """Of those that say what must not be, none may be met."""
    unwanted = [one[1:] for one in patterns if one.startswith("!")]
    wanted = [one for one in patterns if not one.startswith("!")]
    if any(_fits(one, value) for one in unwanted):
        return False
    return not wanted or any(_fits(one, value) for one in wanted)


def _fits(pattern: str, value: str) -> bool:
    # Only the star is special: brackets and question marks are found in names.
    return fnmatchcase(value, pattern.replace("[", "[[]").replace("?", "[?]"))
