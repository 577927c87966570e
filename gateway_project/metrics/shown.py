"""What is shown now: to whoever scrapes, and to whom it is pushed."""

from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from alerts.patience import give_up_after
from gateway_project.metrics.store import Sums, store
from proxy.metrics.idle import Idleness

ANSWER_SECONDS = 5.0
# One page at a time, and with one connection to the database. Collectors are asked in this thread alone.
renderer = ThreadPoolExecutor(
    max_workers=1, thread_name_prefix="metrics-page", initializer=give_up_after, initargs=(ANSWER_SECONDS,)
)


def look(idleness: Idleness) -> Sums:
    """The sums, before collectors are asked; in the renderer's thread."""
    if connection.connection is not None and not connection.is_usable():
        # The database has hung up since the last look: nobody else would notice.
        connection.close()
    return store.sums(idleness)
