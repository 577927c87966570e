"""The metrics of the page, pushed to an OpenTelemetry collector: off unless it is asked for."""

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gateway_project.metrics.otlp.settings import PushError, PushSettings
from proxy.metrics.idle import Idleness

if TYPE_CHECKING:
    from gateway_project.metrics.otlp.pusher import Pusher

logger = logging.getLogger(__name__)


def start_push(
    environment: Mapping[str, str], *, callbacks: Iterable[str], redis_url: str, idleness: Idleness
) -> "Pusher | None":
    """None where it is not asked for, or cannot be as it is asked for: the log says why, and the gateway serves."""
    try:
        wanted = PushSettings.read(environment, callbacks=callbacks)
        if wanted is None:
            return None
        pusher = _pusher(wanted, redis_url=redis_url, idleness=idleness)
    except PushError as error:
        logger.error("Metrics are not pushed: %s", error)  # noqa: TRY400 - the sentence says it all
        return None
    pusher.start()
    return pusher


def _pusher(wanted: PushSettings, *, redis_url: str, idleness: Idleness) -> "Pusher":
    try:
        from gateway_project.metrics.otlp.pusher import Pusher  # noqa: PLC0415 - optional, and slow to load
    except ImportError:
        raise PushError("OpenTelemetry is not installed; install tollkeeper[otel].") from None
    return Pusher(wanted, redis_url=redis_url, idleness=idleness)
