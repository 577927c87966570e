"""A task for a real worker: at its first run it says who runs it and does not end, at the next it does."""

import os
import time
from pathlib import Path

from celery import shared_task

NAME = "tests.slow"


@shared_task(name=NAME)
def slow(*, path: str) -> None:
    if not Path(path).exists():
        Path(f"{path}.new").write_text(str(os.getpid()))
        Path(f"{path}.new").rename(path)
        time.sleep(300)
