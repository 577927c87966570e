"""Of several processes that start on one PostgreSQL, one at a time migrates and fills the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

LOCK_NUMBER = 0x746F6C6C


@contextmanager
def one_launch_at_a_time() -> Iterator[None]:
    """Raises OperationalError while there is no database.

    The lock belongs to a transaction of a connection of its own, so that it is kept behind a pooler of transactions
    too, and ends with its process. SQLite is one process's.
    """
    if connection.vendor != "postgresql":
        yield
        return
    holder = connection.copy()
    try:
        holder.set_autocommit(False)
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_NUMBER])
        yield
    finally:
        holder.close()
