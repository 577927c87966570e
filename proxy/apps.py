"""App configuration."""

from django.apps import AppConfig


class ProxyConfig(AppConfig):
    name = "proxy"
    verbose_name = "Gateway"

    def ready(self) -> None:
        from alerts.services import schedule  # noqa: PLC0415 - the models exist only now
        from proxy import calendar, scheduled, signals  # noqa: PLC0415
        from teams.calendars import set_source  # noqa: PLC0415

        signals.connect()
        set_source(calendar.stored_calendar)
        schedule(*scheduled.JOBS)
