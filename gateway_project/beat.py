"""Celery's beat as we run it: by the schedule in the database, and saying that it lives."""

from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from gateway_project.metrics.jobs import BEAT, note_success


class Scheduler(DatabaseScheduler):
    def tick(self, *arguments: Any, **named: Any) -> Any:
        seconds = super().tick(*arguments, **named)
        note_success(BEAT)
        return seconds
