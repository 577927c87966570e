"""App configuration."""

from django.apps import AppConfig


class GatewayProjectConfig(AppConfig):
    name = "gateway_project"
    verbose_name = "Tollkeeper"

    def ready(self) -> None:
        from django.contrib import admin  # noqa: PLC0415 - the models exist only now

        from gateway_project.metrics import database, jobs, models  # noqa: PLC0415 - the models exist only now
        from teams import audit  # noqa: PLC0415 - the models exist only now

        database.connect()
        jobs.connect()
        models.connect()
        audit.name(audit.Watched("job"))
        # Unfold's own index goes before one of this name in our templates.
        admin.site.index_template = "admin/home.html"
