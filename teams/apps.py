"""App configuration."""

from django.apps import AppConfig


class TeamsConfig(AppConfig):
    name = "teams"
    verbose_name = "Teams and keys"

    def ready(self) -> None:
        from teams import groups, signals  # noqa: PLC0415 - the models exist only now

        signals.connect()
        groups.connect()
