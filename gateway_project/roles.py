"""The processes beside the web's, where each has a machine or container of its own: migrate, worker, beat."""

import signal
import tempfile
import threading
from pathlib import Path

import django

django.setup()


from django.core.management import call_command
from django.db.utils import OperationalError

import alerts.services
from gateway_project.background import Background
from gateway_project.launch import LaunchError
from gateway_project.launch_lock import one_launch_at_a_time
from gateway_project.metrics import process

SIGN_SECONDS = 5.0


def migrate() -> int:
    try:
        with one_launch_at_a_time():
            call_command("migrate", verbosity=1)
    except OperationalError as error:
        raise LaunchError(f"The database cannot be used: {error}") from None
    return 0


def run(role: str) -> int:
    """Until a signal comes: 0. When what it runs ended by itself: 1, so that whoever supervises it starts it again."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    background = Background(has_worker=role == "worker", has_beat=role == "beat")
    process.hold_store(role)
    # For what a worker's tasks have to tell.
    alerts.services.start_buffer()
    try:
        background.start()
        print(f"Tollkeeper's {role} is up", flush=True)
        sign = sign_of_life(role)
        while background.is_alive():
            sign.touch()
            if stopping.wait(SIGN_SECONDS):
                return 0
        return 1
    finally:
        background.stop()
        alerts.services.stop_buffer()
        process.release_store(role)


def sign_of_life(role: str) -> Path:
    """A file that is touched while the role lives: for a container's health check, which shall cost nothing."""
    return Path(tempfile.gettempdir()) / f"tollkeeper-{role}.alive"
