"""The composition: settings, URLs, processes. Everything else is an app of its own."""

from gateway_project.metrics import values

# Before any app declares a metric.
values.install()

from gateway_project.celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
