"""The kinds of channel: one row each."""

from alerts.transports.alertmanager import AlertmanagerTransport
from alerts.transports.apprise import AppriseTransport
from alerts.transports.base import Transport
from alerts.transports.discord import DiscordTransport
from alerts.transports.email import EmailTransport
from alerts.transports.ms_teams import TeamsTransport
from alerts.transports.pagerduty import PagerDutyTransport
from alerts.transports.slack import SlackTransport
from alerts.transports.webhook import WebhookTransport

TRANSPORTS: dict[str, Transport] = {
    transport.kind: transport
    for transport in (
        SlackTransport(),
        DiscordTransport(),
        TeamsTransport(),
        PagerDutyTransport(),
        EmailTransport(),
        WebhookTransport(),
        AlertmanagerTransport(),
        AppriseTransport(),
    )
}
