"""App configuration."""

from django.apps import AppConfig


class BudgetsConfig(AppConfig):
    name = "budgets"
    verbose_name = "Budgets and spend"

    def ready(self) -> None:
        from budgets import signals  # noqa: PLC0415 - the models exist only now

        signals.connect()
