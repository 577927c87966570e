"""The Celery app, and the table of what runs by itself.

A task is a wake-up call and never the record: what is due is a row, and each task finds it there.
"""

import os
from typing import Any

from celery import Celery, signals

from alerts.marks import marked
from gateway_project.metrics import celery_tasks, process

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")

app = Celery("tollkeeper", task_cls=f"{celery_tasks.__name__}:CountedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# From here on workers and beat keep what they count.
process.connect()

app.conf.beat_schedule = {
    marked("flush alerts"): {"task": "alerts.tasks.flush_alerts", "schedule": 5.0},
    marked("resolve quiet incidents"): {"task": "alerts.tasks.resolve_quiet_incidents", "schedule": 30.0},
    marked("escalate incidents"): {"task": "alerts.tasks.escalate_incidents", "schedule": 15.0},
    marked("guard alerts"): {"task": "alerts.tasks.guard_alerts", "schedule": 10.0},
    marked("forget old alerts"): {"task": "alerts.tasks.forget_old_alerts", "schedule": 3600.0},
    marked("tick reports"): {"task": "alerts.tasks.tick_reports", "schedule": 30.0},
    marked("forget scheduled runs"): {"task": "alerts.tasks.forget_scheduled_runs", "schedule": 3600.0},
    marked("roll up the ledger"): {"task": "budgets.tasks.roll_up_ledger", "schedule": 2.0},
    marked("mend totals"): {"task": "budgets.tasks.mend_totals", "schedule": 3600.0},
    marked("tell projected budgets"): {"task": "budgets.tasks.tell_projected_budgets", "schedule": 3600.0},
    marked("note customers"): {"task": "budgets.tasks.note_customers", "schedule": 60.0},
    marked("forget request traces"): {"task": "proxy.tasks.forget_request_traces", "schedule": 3600.0},
    marked("forget spend logs"): {"task": "proxy.tasks.forget_spend_logs", "schedule": 600.0},
    marked("rotate due keys"): {"task": "teams.tasks.rotate_due_keys", "schedule": 60.0},
    marked("tell forgotten changes"): {"task": "teams.tasks.tell_forgotten_changes", "schedule": 30.0},
    marked("forget followed changes"): {"task": "teams.tasks.forget_followed_changes", "schedule": 3600.0},
    marked("forget login tries"): {"task": "gateway_project.tasks.forget_login_tries", "schedule": 3600.0},
    marked("forget sessions"): {"task": "gateway_project.tasks.forget_sessions", "schedule": 3600.0},
    marked("check deployments"): {"task": "proxy.tasks.check_deployments", "schedule": 15.0},
    marked("forget health checks"): {"task": "proxy.tasks.forget_health_checks", "schedule": 3600.0},
}


@signals.worker_process_init.connect
def _start_to_tell(**_: Any) -> None:
    """Each process of a worker can tell that the database is away, and without it."""
    import alerts.services  # noqa: PLC0415 - the models exist only now

    alerts.services.start_buffer()


@signals.worker_process_shutdown.connect
def _tell_the_rest(**_: Any) -> None:
    import alerts.services  # noqa: PLC0415 - the models exist only now

    alerts.services.stop_buffer()
