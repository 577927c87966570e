"""A program that raises trouble when it is told to, as a web process does, and sends what waits beside the worker.

A line of its input is an order, a line of its output says that it was carried out.
"""

import json
import sys
import time
from contextlib import suppress

import django
from django.db import OperationalError

django.setup()

from alerts import dispatch, services  # noqa: E402 - needs the settings
from alerts.events import LLMException  # noqa: E402
from alerts.models import AlertChannel  # noqa: E402

PAUSE_SECONDS = 0.02


def trouble(name: str) -> LLMException:
    """The same, whoever raises it."""
    return LLMException(
        model_group=name,
        deployment_id=name,
        provider="openai",
        api_base="https://api.example.com",
        error_class="InternalServerError",
        status_code=500,
        message="it broke",
    )


def raise_all(names: list[str], *, times: int, at: float) -> None:
    """All begin at the same moment of the clock."""
    time.sleep(max(0.0, at - time.time()))
    for number in range(times):
        for name in names:
            services.emit(trouble(name))
        if number < times - 1:
            time.sleep(PAUSE_SECONDS)


def settle_all(names: list[str], *, at: float) -> None:
    time.sleep(max(0.0, at - time.time()))
    for name in names:
        services.settle(trouble(name))


def send_all() -> None:
    for channel_id in list(AlertChannel.objects.order_by("id").values_list("pk", flat=True)):
        # SQLite may be locked for long by so many; what waits is the sweep's then.
        with suppress(OperationalError):
            dispatch.deliver_to_channel(channel_id=channel_id)


def main() -> None:
    services.start_buffer()
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        match order.pop("do"):
            case "raise":
                raise_all(**order)
            case "settle":
                settle_all(**order)
            case "send":
                send_all()
        print("done", flush=True)
    services.stop_buffer()


if __name__ == "__main__":
    main()
