"""Every management route."""

from proxy.management.activity import GlobalActivity
from proxy.management.alert_desk import AlertChannels, AlertRoutes, AlertSilences
from proxy.management.alerts import Alerts
from proxy.management.audit import Audit
from proxy.management.base import urlpatterns as routes
from proxy.management.budgets import Budgets
from proxy.management.config_callbacks import ConfigCallbacks
from proxy.management.config_fields import ConfigFields
from proxy.management.customers import Customers
from proxy.management.daily_activity import DailyActivity
from proxy.management.deprecations import Deprecations
from proxy.management.emails import EmailEvents
from proxy.management.explain import Explain
from proxy.management.health import HealthChecks
from proxy.management.invitations import Invitations
from proxy.management.keys import Keys
from proxy.management.members import TeamMembers
from proxy.management.models import Models
from proxy.management.organizations import Organizations
from proxy.management.spend import Spend
from proxy.management.spend_global import GlobalSpend
from proxy.management.spend_logs import SpendLogs
from proxy.management.spend_report import SpendReport
from proxy.management.tags import Tags
from proxy.management.teams import Teams
from proxy.management.users import Users

VIEWSETS = (
    Alerts,
    AlertChannels,
    AlertRoutes,
    AlertSilences,
    Keys,
    Models,
    Deprecations,
    Teams,
    TeamMembers,
    Organizations,
    Audit,
    Budgets,
    ConfigCallbacks,
    ConfigFields,
    Customers,
    EmailEvents,
    Explain,
    Invitations,
    Tags,
    Users,
    HealthChecks,
    Spend,
    SpendLogs,
    SpendReport,
    GlobalSpend,
    GlobalActivity,
    DailyActivity,
)

urlpatterns = routes(*VIEWSETS)
