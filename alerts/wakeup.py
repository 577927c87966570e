"""The hint that deliveries wait. It may get lost: the sweep of the beat table finds them anyway."""

import logging
from collections.abc import Iterable

from celery import current_app
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


# A task may wait in a worker that dies; longer delays are the sweep's.
LONGEST_DELAY_SECONDS = 30.0


def wake_channels(channel_ids: Iterable[int], *, delay_seconds: float = 0.0) -> None:
    """One task per channel, so that a slow one keeps nobody else waiting."""
    if delay_seconds > LONGEST_DELAY_SECONDS:
        return
    try:
        for channel_id in channel_ids:
            current_app.send_task(
                "alerts.tasks.deliver_to_channel", kwargs={"channel_id": channel_id}, countdown=delay_seconds or None
            )
    except OperationalError:
        logger.warning("The broker is away: deliveries wait for the sweep")
