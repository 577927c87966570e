"""What a kind of channel knows beside its address: what each option may be, in a sentence for whoever got it wrong."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

# What is wrong with a value, or nothing.
Check = Callable[[Any], str]


def one_of(*choices: str) -> Check:
    """The first one is the default."""
    return lambda value: "" if value in choices else f"must be one of {', '.join(choices)}"


def yes_or_no(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def addresses(value: Any) -> str:
    if not isinstance(value, list):
        return 'must be a list of mail addresses, such as ["ops@example.com"]'
    wrong = [one for one in value if not is_address(one)]
    return f"holds {json.dumps(wrong[0])[:100]}, which is no mail address" if wrong else ""


def is_address(value: Any) -> bool:
    """One that any mail server takes: ASCII on both sides of the @."""
    if not isinstance(value, str) or not value.isascii():
        return False
    try:
        validate_email(value)
    except ValidationError:
        return False
    return True


def complaint(given: Any, known: Mapping[str, Check]) -> str:
    """A sentence about the first option that is wrong; empty when all are well."""
    if not isinstance(given, dict):
        return 'Enter a JSON object, such as {"key": "value"}.'
    for name, value in given.items():
        if name not in known:
            what = f"it knows {', '.join(known)}" if known else "it has none"
            return f"This kind of channel does not know the option {json.dumps(name)[:60]}: {what}."
        if wrong := known[name](value):
            return f'The option "{name}" {wrong}.'
    return ""
