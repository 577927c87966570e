"""What goes wrong with metrics themselves: it costs the one metric, never another one or the request."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from prometheus_client import Counter

logger = logging.getLogger(__name__)

P = ParamSpec("P")
ERRORS = Counter("tollkeeper_metrics_errors", "What went wrong with metrics themselves, by where", ("stage",))


def note_error(stage: str) -> None:
    ERRORS.labels(stage).inc()


def isolated(observe: Callable[P, None]) -> Callable[P, None]:
    """Whoever observes goes on, whatever becomes of the observation."""

    @wraps(observe)
    def guarded(*arguments: P.args, **named: P.kwargs) -> None:
        try:
            observe(*arguments, **named)
        except Exception:
            note_error("observe")
            logger.exception("Something could not be observed for metrics", extra={"metric": observe.__name__})

    return guarded
