"""The calendar that litellm_settings choose by `timezone` and `budget_reset_time`, and the one that is in force."""

import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, time, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from teams.periods import UTC_MIDNIGHT, Calendar

logger = logging.getLogger(__name__)

SETTINGS = ("timezone", "budget_reset_time")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def read_calendar(litellm_settings: Mapping[str, Any]) -> Calendar:
    """UTC and midnight where nothing is said. Raises ValueError."""
    zone, reset_at = (litellm_settings.get(name) for name in SETTINGS)
    return Calendar(
        zone=UTC if zone is None else _zone(zone),
        reset_at=time() if reset_at is None else _reset_at(reset_at),
    )


def usable_calendar(litellm_settings: Mapping[str, Any]) -> Calendar:
    """The same for settings as they are stored, which people may write by hand: what is wrong is told in the log."""
    try:
        return read_calendar(litellm_settings)
    except ValueError as error:
        logger.error(  # noqa: TRY400 - the sentence says it all
            "The calendar of budgets is not usable: days begin at midnight in UTC", extra={"problem": str(error)}
        )
        return UTC_MIDNIGHT


def current_calendar() -> Calendar:
    """The one in force. Ask once for many rows: outside of a web process it may cost a query."""
    return _source()


def set_source(source: Callable[[], Calendar]) -> None:
    """Who answers in this process: the settings are stored by an app above this one."""
    global _source  # noqa: PLW0603
    _source = source


def _utc_midnight() -> Calendar:
    return UTC_MIDNIGHT


_source: Callable[[], Calendar] = _utc_midnight


def _zone(name: Any) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (TypeError, KeyError, ValueError, OSError):
        # Names that are no file, that are folders, and that lead elsewhere.
        raise ValueError("this is no time zone; use a name such as Europe/Berlin or UTC") from None


def _reset_at(text: Any) -> time:
    found = _CLOCK.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError('this is no time of day; use hours and minutes in quotes, such as "06:30"')
    return time(int(found[1]), int(found[2]))
