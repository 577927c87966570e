"""LiteLLM's alerting keys and variables, as channels and routes.

Slack takes every type, unless `alert_to_webhook_url` has addresses of its own for it. The others stand beside it, as
in LiteLLM: Microsoft Teams is told everything, a webhook and mail are told of budgets, PagerDuty of what is urgent.
"""

from collections.abc import Mapping

from alerts.events import AlertType
from alerts.services import BESIDE, EVERYTHING_ELSE, OF_A_TYPE, THE_REST, ChannelKind, OperatorChannel, OperatorRoute
from proxy.config.general_schema import GeneralSettings

PAGED = (
    AlertType.OUTAGE_ALERTS,
    AlertType.REGION_OUTAGE_ALERTS,
    AlertType.LLM_REQUESTS_HANGING,
    AlertType.DB_EXCEPTIONS,
    AlertType.FAILED_TRACKING_SPEND,
    AlertType.ALERT_CHANNEL_FAILING,
    AlertType.ALERT_CHAIN_FAILING,
)


def operator_channels(
    general: GeneralSettings, environment: Mapping[str, str]
) -> tuple[list[OperatorChannel], list[OperatorRoute]]:
    wanted = set(general.alerting or ())
    channels: list[OperatorChannel] = []
    routes: list[OperatorRoute] = []

    def beside(channel: OperatorChannel, *alert_types: AlertType) -> None:
        channels.append(channel)
        routes.append(OperatorRoute(channel.name, BESIDE, (channel.name,), alert_types, goes_on=True))

    if "ms_teams" in wanted and (url := environment.get("MS_TEAMS_WEBHOOK_URL")):
        beside(OperatorChannel("ms_teams", ChannelKind.MS_TEAMS, url))
    if "pagerduty" in wanted and (key := environment.get("PAGERDUTY_API_KEY")):
        beside(OperatorChannel("pagerduty", ChannelKind.PAGERDUTY, secret=key), *PAGED)
    if "webhook" in wanted and (url := environment.get("WEBHOOK_URL")):
        beside(
            OperatorChannel("webhook", ChannelKind.WEBHOOK, url, options={"format": "litellm"}), AlertType.BUDGET_ALERTS
        )
    if "email" in wanted:
        beside(OperatorChannel("email", ChannelKind.EMAIL, options={"owners": True}), AlertType.BUDGET_ALERTS)
    if "slack" in wanted:
        _slack(general, environment, channels, routes)
    return channels, routes


def _slack(
    general: GeneralSettings,
    environment: Mapping[str, str],
    channels: list[OperatorChannel],
    routes: list[OperatorRoute],
) -> None:
    for alert_type, urls in general.alert_to_webhook_url.items():
        own = [
            OperatorChannel(f"slack {alert_type} {n}", ChannelKind.SLACK, url) for n, url in enumerate(urls, start=1)
        ]
        channels += own
        routes.append(OperatorRoute(alert_type, OF_A_TYPE, tuple(one.name for one in own), (alert_type,)))
    if url := default_webhook_url(environment):
        channels.append(OperatorChannel("slack", ChannelKind.SLACK, url))
        routes.append(OperatorRoute(EVERYTHING_ELSE, THE_REST, ("slack",)))


def default_webhook_url(environment: Mapping[str, str]) -> str | None:
    """The seed's variable, or LiteLLM's other name for it."""
    return environment.get("SLACK_WEBHOOK_URL") or environment.get("ALERTING_WEBHOOK_URL") or None


def doubts(general: GeneralSettings, environment: Mapping[str, str]) -> list[str]:
    """What keeps a channel that is switched on from telling anybody, in sentences."""
    found = []
    for name in general.alerting or ():
        if name not in _VARIABLES:
            found.append(f"alerting: {name!r} is not offered, nothing goes there")
        elif not any(environment.get(one) for one in _VARIABLES[name]) and not (
            name == "slack" and general.alert_to_webhook_url
        ):
            found.append(f"alerting: {name} is on, but {_VARIABLES[name][0]} is not set, so alerts go nowhere")
    if idle := sorted(_IDLE & general.alerting_args.model_fields_set.union(general.alerting_args.model_extra or {})):
        found.append(f"accepted, and without effect in this version: alerting_args {', '.join(idle)}")
    return found


# Outages and hanging requests are what pages, and no list of errors has a bound.
_IDLE = frozenset(
    {
        "failure_threshold",
        "failure_threshold_window_seconds",
        "hanging_threshold_fails",
        "hanging_threshold_seconds",
        "hanging_threshold_window_seconds",
        "log_to_console",
        "max_outage_alert_list_size",
    }
)
_VARIABLES = {
    "slack": ("SLACK_WEBHOOK_URL", "ALERTING_WEBHOOK_URL"),
    "ms_teams": ("MS_TEAMS_WEBHOOK_URL",),
    "pagerduty": ("PAGERDUTY_API_KEY",),
    "webhook": ("WEBHOOK_URL",),
    "email": ("SMTP_HOST",),
}
