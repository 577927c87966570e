"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BudgetsConfig(AppConfig):
    name = "budgets"
    verbose_name = _("Budgets and spend")

    def ready(self) -> None:
        from alerts.services import schedule  # noqa: PLC0415 - the models exist only now
        from budgets import scheduled, signals  # noqa: PLC0415

        signals.connect()
        schedule(*scheduled.JOBS)
