"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TeamsConfig(AppConfig):
    name = "teams"
    verbose_name = _("Teams and keys")

    def ready(self) -> None:
        from alerts.services import set_desks  # noqa: PLC0415 - the models exist only now
        from teams import desks, groups, signals  # noqa: PLC0415

        signals.connect()
        groups.connect()
        set_desks(desks.desk_of_user)
