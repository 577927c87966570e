"""App configuration."""

from django.apps import AppConfig


class ProxyConfig(AppConfig):
    name = "proxy"
    verbose_name = "Gateway"

    def ready(self) -> None:
        from proxy import signals  # noqa: PLC0415 - the models exist only now

        signals.connect()
