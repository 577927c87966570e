"""Which requests leave a trace, and for how long."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Self

from proxy.core.trace import Attempted, Noted, Trace
from teams.periods import parse_duration

logger = logging.getLogger(__name__)

DEFAULT_RETENTION = "7d"


class Kept(Enum):
    """Values are those of `general_settings.request_traces`."""

    ALL = True
    NONE = False
    FAILURES = "failures"


@dataclass(frozen=True, slots=True)
class TracePolicy:
    """`general_settings.request_traces` and `request_traces_retention`."""

    kept: Kept = Kept.ALL
    retention: timedelta = timedelta(days=7)

    @classmethod
    def read(cls, general: Mapping[str, Any]) -> Self:
        """What is not usable is told in the log, and the default holds."""
        return cls(
            kept=_kept(general.get("request_traces", True)),
            retention=_retention(general.get("request_traces_retention", DEFAULT_RETENTION)),
        )

    def keeps(self, trace: Trace) -> bool:
        """A stranger's requests leave none: whoever has no key cannot fill the table."""
        if not trace.key_hash or self.kept is Kept.NONE:
            return False
        return self.kept is Kept.ALL or is_eventful(trace)


def is_eventful(trace: Trace) -> bool:
    """Whether the request failed, or was answered only after a retry or a fallback."""
    if trace.status != 200:
        return True
    attempts = sum(isinstance(step, Attempted) for step in trace.steps)
    return attempts > 1 or any(isinstance(step, Noted) and step.step == "fallback" for step in trace.steps)


def _kept(value: Any) -> Kept:
    for kept in Kept:
        # 1 == True, and no setting.
        if type(value) is type(kept.value) and value == kept.value:
            return kept
    logger.error('general_settings.request_traces is none of true, false and "failures"')
    return Kept.ALL


def _retention(value: Any) -> timedelta:
    try:
        return timedelta(seconds=parse_duration(str(value)).seconds)
    except ValueError:
        logger.error(  # noqa: TRY400 - the sentence says it all
            "general_settings.request_traces_retention is no duration such as 7d", extra={"value": str(value)[:100]}
        )
        return timedelta(seconds=parse_duration(DEFAULT_RETENTION).seconds)
