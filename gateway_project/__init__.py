"""The composition: settings, URLs, processes. Everything else is an app of its own."""

from gateway_project import metric_store

# Before any app declares a metric.
metric_store.install()

from gateway_project.celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
