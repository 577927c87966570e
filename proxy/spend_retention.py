"""How long the ledger is kept: `general_settings.maximum_spend_logs_retention_period`, for ever when it is not set."""

import logging
from datetime import datetime, timedelta

from budgets.retention import forget_old_entries
from proxy.models import ConfigField, Section
from teams.periods import parse_duration

logger = logging.getLogger(__name__)

SETTING = "maximum_spend_logs_retention_period"
# Budgets look back for as long as a period, and reports at the day as it was.
SHORTEST = timedelta(days=1)


def forget_spend_logs(*, now: datetime) -> int:
    """Returns how many entries are gone."""
    kept = _kept()
    return 0 if kept is None else forget_old_entries(now=now, kept=kept)


def _kept() -> timedelta | None:
    """A value that is not usable is told in the log and deletes nothing."""
    value = ConfigField.objects.filter(section=Section.GENERAL, name=SETTING).values_list("value", flat=True).first()
    if value is None:
        return None
    try:
        kept = timedelta(seconds=parse_duration(str(value)).seconds)
    except ValueError:
        logger.error(  # noqa: TRY400 - the sentence says it all
            "general_settings.maximum_spend_logs_retention_period is no duration such as 30d: nothing is deleted",
            extra={"value": str(value)[:100]},
        )
        return None
    return max(kept, SHORTEST)
