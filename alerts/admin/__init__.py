"""The pages of alerts: the inbox, whom it is told, for how long nobody is, and what became of each telling."""

from alerts import schedule_admin  # noqa: F401 - registers its page
from alerts.admin.channel_form import ChannelForm
from alerts.admin.channels import AlertChannelPage
from alerts.admin.deliveries import DeliveryPage
from alerts.admin.incidents import IncidentPage
from alerts.admin.routes import AlertRoutePage
from alerts.admin.settings import AlertSettingsPage
from alerts.admin.silences import SilencePage

__all__ = [
    "AlertChannelPage",
    "AlertRoutePage",
    "AlertSettingsPage",
    "ChannelForm",
    "DeliveryPage",
    "IncidentPage",
    "SilencePage",
]
