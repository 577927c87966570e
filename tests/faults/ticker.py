"""A program that looks after a report on a clock that runs fast, as the task of a beat does; it may be killed.

Arguments: when the clock began (by the real one) and how many times as fast it runs. The end of its input ends it.
While it makes a report, its process is named by a file of the data folder.
"""

import os
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import django
from django.conf import settings

django.setup()

from alerts import schedule_runs  # noqa: E402 - needs the settings
from alerts.events import AlertType, SpendReport  # noqa: E402
from alerts.services import Job, Report, Span  # noqa: E402

BASE = datetime(2026, 1, 1, tzinfo=UTC)
PERIOD = timedelta(minutes=10)
# Of real time, and less than a lease.
MAKING_SECONDS = 0.3
MAKING = ".making"
PAUSE_SECONDS = 0.02


def span_at(moment: datetime) -> Span:
    number = (moment - BASE) // PERIOD
    return Span(f"period-{number}", BASE + number * PERIOD, BASE + (number + 1) * PERIOD)


def make(span: Span) -> Report:
    mark = settings.DATA_DIR / f"{os.getpid()}{MAKING}"
    mark.touch()
    time.sleep(MAKING_SECONDS)
    mark.unlink()
    return Report(events=(SpendReport(job="fast", period=span.key, headline=f"Spend of {span.key}"),))


JOB = Job(name="fast", title="Spend", alert_types=(AlertType.SPEND_REPORTS,), span_at=span_at, make=make)


def main(began: float, speed: float) -> None:
    ended = threading.Event()
    threading.Thread(target=_wait_for_the_end, args=(ended,), daemon=True).start()
    print("ready", flush=True)
    while not ended.is_set():
        schedule_runs.tick(JOB, now=BASE + timedelta(seconds=(time.time() - began) * speed))
        time.sleep(PAUSE_SECONDS)


def _wait_for_the_end(ended: threading.Event) -> None:
    sys.stdin.readline()
    ended.set()


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]))
