"""App configuration."""

from django.apps import AppConfig


class TeamsConfig(AppConfig):
    name = "teams"
    verbose_name = "Teams and keys"

    def ready(self) -> None:
        from alerts.services import set_desks  # noqa: PLC0415 - the models exist only now
        from teams import desks, groups, signals  # noqa: PLC0415

        signals.connect()
        groups.connect()
        set_desks(desks.desk_of_user)
