"""Forgetting what is long over: incidents with their timelines and deliveries, a little at a time."""

from datetime import datetime, timedelta

from django.db import transaction

from alerts.models import CLOSED, AlertSettings, Incident, Silence

KEPT_DAYS = 90
BATCH = 500
MOST_BATCHES = 20


def forget_old(*, now: datetime) -> int:
    """Delete what was closed longer ago than `alerting_args.alert_retention_days`; returns how many incidents."""
    before = now - timedelta(days=AlertSettings.load().argument("alert_retention_days", KEPT_DAYS))
    Silence.objects.filter(ends_at__lt=before, is_weekly=False).delete()
    forgotten = 0
    for _ in range(MOST_BATCHES):
        # Each batch is a transaction of its own, so that nobody waits for long.
        with transaction.atomic():
            over = Incident.objects.filter(status__in=CLOSED, last_seen_at__lt=before).order_by("last_seen_at")
            ids = list(over.values_list("pk", flat=True)[:BATCH])
            Incident.objects.filter(pk__in=ids).delete()
        forgotten += len(ids)
        if len(ids) < BATCH:
            break
    return forgotten
