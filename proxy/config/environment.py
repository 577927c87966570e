"""LiteLLM's way to name a variable instead of a value: `os.environ/NAME`."""

import os
from typing import Any

PREFIX = "os.environ/"


def from_environment(value: Any) -> Any:
    """The variable's value, None when it is not set; anything else as it is."""
    if isinstance(value, str) and value.startswith(PREFIX):
        return os.environ.get(value.removeprefix(PREFIX))
    return value


def missing(value: Any) -> set[str]:
    """Names of variables that `value`, at any depth, refers to and the environment lacks."""
    if isinstance(value, dict):
        return set().union(*map(missing, value.values()))
    if isinstance(value, list):
        return set().union(*map(missing, value))
    if isinstance(value, str) and value.startswith(PREFIX):
        name = value.removeprefix(PREFIX)
        return set() if name in os.environ else {name}
    return set()
