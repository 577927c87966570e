"""How long a thread waits for one answer of the database.

PostgreSQL that hangs, or a network that swallows what it says, would keep it for ever otherwise. SQLite has no server.
"""

import threading

_here = threading.local()


def give_up_after(seconds: float) -> None:
    """From here on this thread gets django.db.OperationalError for what is not answered in so many seconds."""
    _here.seconds = seconds


def patience_seconds() -> float | None:
    """None for a thread that waits for as long as it takes, such as for a migration."""
    return getattr(_here, "seconds", None)
