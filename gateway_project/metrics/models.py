"""Rows of the gateway that were made, changed and deleted: django-prometheus's counters, for the nouns an admin sees.

By signals and not by its mixin, which would be a base class of models in every app. What millions of rows pass through
is left out: a listener for deletes would make Django read every row before it deletes it.
"""

from typing import Any

from django.apps import apps
from django.db.models import Model
from django.db.models.signals import post_delete, post_save
from django_prometheus.models import model_deletes, model_inserts, model_updates

COUNTED = (
    "alerts.AlertChannel", "alerts.AlertRoute", "alerts.Silence", "teams.User", "teams.Organization",
    "teams.OrganizationMembership", "teams.Team", "teams.Membership", "teams.VirtualKey", "teams.Customer",
    "teams.Budget", "teams.Tag", "budgets.ModelPrice", "proxy.Deployment",
)  # fmt: skip


def connect() -> None:
    for name in COUNTED:
        model = apps.get_model(name)
        uid = f"metrics {name}"
        post_save.connect(_saved, sender=model, dispatch_uid=uid)
        post_delete.connect(_deleted, sender=model, dispatch_uid=uid)


def _saved(sender: type[Model], created: bool, **_: Any) -> None:
    (model_inserts if created else model_updates).labels(sender._meta.model_name).inc()


def _deleted(sender: type[Model], **_: Any) -> None:
    model_deletes.labels(sender._meta.model_name).inc()
