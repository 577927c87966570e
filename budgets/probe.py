"""Whether a database that was away answers again, asked where nobody waits: asking may take seconds by itself."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from django.db import connection

from alerts.patience import give_up_after

SECONDS = 2.0


class DatabaseProbe:
    """Belongs to one thread. `on_away` is called in it, with what each try in vain has brought."""

    def __init__(self, on_away: Callable[[Exception], None], *, every_seconds: float) -> None:
        self._on_away = on_away
        self._every_seconds = every_seconds
        self._executor: ThreadPoolExecutor | None = None
        self._asked: Future[Exception | None] | None = None
        self._asked_at = 0.0

    def answers(self) -> bool:
        """Never waits: it tells how the last try went, once, or begins another."""
        if self._asked is None:
            self._ask()
            return False
        if not self._asked.done():
            return False
        error, self._asked = self._asked.result(), None
        if error is not None:
            self._on_away(error)
        return error is None

    def _ask(self) -> None:
        now = time.monotonic()
        if now - self._asked_at < self._every_seconds:
            return
        self._asked_at = now
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database-probe")
        self._asked = self._executor.submit(_try)

    def stop(self) -> None:
        if self._executor is not None:
            self._executor.shutdown()


def _try() -> Exception | None:
    """Whatever is raised, the database has not answered: an error of another kind must not end the asking thread."""
    give_up_after(SECONDS)
    try:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        finally:
            connection.close()
    except Exception as error:  # noqa: BLE001 - told by who asked
        return error
    return None
