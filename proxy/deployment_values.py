"""What a deployment's parameters may be, one by one; each reader raises ValueError with a sentence for the admin."""

import math
from collections.abc import Mapping
from typing import Any

import httpx

from budgets.core.pricing import NANO
from teams.periods import parse_duration


def read_mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is not an object")  # noqa: TRY004 - one kind of error for whatever a row holds
    return value


def read_text(name: str, value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} is not a text")
    return value or ""


def read_number(name: str, value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} is not a number")
    return number


def read_whole(name: str, value: Any) -> int | None:
    number = read_number(name, value)
    if number is not None and number < 0:
        raise ValueError(f"{name} is below 0")
    return None if number is None else int(number)


def read_seconds(name: str, value: Any) -> float | None:
    seconds = read_number(name, value)
    if seconds is not None and not 0 < seconds < 86_400:
        raise ValueError(f"{name} is not a number of seconds from 0 to a day")
    return seconds


def read_cooldown(value: Any) -> float | None:
    seconds = read_number("cooldown_time", value)
    if seconds is not None and not 0 <= seconds <= 86_400:
        raise ValueError("cooldown_time is not a number of seconds from 0 to a day")
    return seconds


def read_tags(value: Any) -> frozenset[str]:
    if value is None:
        return frozenset()
    if not isinstance(value, (list, tuple)):
        raise ValueError("tags is not a list")  # noqa: TRY004 - one kind of error for whatever a row holds
    return frozenset(str(tag) for tag in value)


def read_policy(value: Any) -> Mapping[str, int] | None:
    if value is None:
        return None
    return {
        str(name): read_whole(str(name), count) or 0
        for name, count in read_mapping("allowed_fails_policy", value).items()
    }


def read_budget(value: Any) -> int | None:
    dollars = read_number("max_budget", value)
    if dollars is None:
        return None
    if dollars < 0:
        raise ValueError("max_budget is below 0")
    return round(dollars * NANO)


def read_duration(value: Any) -> str:
    text = read_text("budget_duration", value)
    if text:
        parse_duration(text)
    return text


def read_address(value: Any) -> str:
    address = read_text("api_base", value)
    if address and not address.startswith(("http://", "https://")):
        raise ValueError("api_base must begin with http:// or https://")
    return address


def read_url(address: str) -> httpx.URL:
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, ValueError):
        raise ValueError("api_base is not a URL") from None
    if not url.host or (url.port or 0) > 65535:
        raise ValueError("api_base names no host, or a port that there cannot be")
    return url
