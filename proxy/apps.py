"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProxyConfig(AppConfig):
    name = "proxy"
    verbose_name = _("Gateway")

    def ready(self) -> None:
        from alerts.services import check_settings_by, schedule  # noqa: PLC0415 - the models exist only now
        from budgets.mail_lists import set_default_source  # noqa: PLC0415
        from proxy import calendar, scheduled, signals  # noqa: PLC0415
        from proxy.config import fields  # noqa: PLC0415
        from teams.calendars import set_source  # noqa: PLC0415

        signals.connect()
        set_source(calendar.stored_calendar)
        set_default_source(calendar.stored_mail_lists)
        schedule(*scheduled.JOBS)
        check_settings_by(fields.problem)
