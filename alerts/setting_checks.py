"""What is wrong with the value of an alert setting: whoever reads config.yaml knows, and is asked for the admin too."""

from collections.abc import Callable
from typing import Any

# By a setting's name and its value a sentence, which is empty when it is well.
Check = Callable[[str, Any], str]

_checks: list[Check] = []


def check_settings_by(check: Check) -> None:
    if check not in _checks:
        _checks.append(check)


def problem(name: str, value: Any) -> str:
    """The first sentence that somebody has to say."""
    return next((found for check in _checks if (found := check(name, value))), "")
