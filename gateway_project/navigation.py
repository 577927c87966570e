"""The admin's sidebar: each page under the question it answers, for those who may see it."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

# Title, icon and model of each entry; and the page, where it is not the list: one of the model's, or one by its name.
_SECTIONS: tuple[tuple[Any, tuple[tuple[Any, ...], ...]], ...] = (
    (
        _("Access"),
        (
            (_("Keys"), "key", "teams.VirtualKey"),
            (_("Teams"), "groups", "teams.Team"),
            (_("Users"), "person", "teams.User"),
            (_("Organizations"), "apartment", "teams.Organization"),
            (_("Customers"), "face", "teams.Customer"),
            (_("Tags"), "sell", "teams.Tag"),
            (_("Budgets"), "savings", "teams.Budget"),
            (pgettext_lazy("people", "Groups"), "badge", "auth.Group"),
        ),
    ),
    (
        _("Gateway"),
        (
            (_("Deployments"), "dns", "proxy.Deployment"),
            (_("Routing"), "account_tree", "proxy.Deployment", "routing:index"),
            (_("Requests"), "route", "proxy.RequestTrace"),
            (_("Route preview"), "fork_right", "proxy.RequestTrace", "preview"),
            (_("Config fields"), "tune", "proxy.ConfigField"),
        ),
    ),
    (
        _("Money"),
        (
            (_("Spend"), "monitoring", "budgets.DailySpend"),
            (_("Gateway budgets"), "account_balance", "budgets.GatewayBudget"),
            (_("Ledger"), "receipt_long", "budgets.LedgerEntry"),
            (_("Prices"), "price_change", "budgets.ModelPrice"),
            (_("Prices used"), "request_quote", "budgets.PriceSnapshot"),
            (_("Adjustments"), "balance", "budgets.SpendAdjustment"),
        ),
    ),
    (
        _("Alerts"),
        (
            (_("Incidents"), "crisis_alert", "alerts.Incident"),
            (_("Deliveries"), "outgoing_mail", "alerts.Delivery"),
            (_("Scheduled runs"), "event_repeat", "alerts.ScheduledRun"),
            (_("Channels"), "campaign", "alerts.AlertChannel"),
            (_("Routes"), "alt_route", "alerts.AlertRoute"),
            (_("Silences"), "notifications_paused", "alerts.Silence"),
            (_("Settings"), "notifications", "alerts.AlertSettings"),
        ),
    ),
    (
        _("Records"),
        ((_("Audit trail"), "history", "teams.AuditEntry"), (_("Jobs"), "manufacturing", "gateway_project.Job")),
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation, without sections that would be empty."""
    sections = [
        (title, [_item(*entry) for entry in entries if may_view(request, entry[2])]) for title, entries in _SECTIONS
    ]
    links = [item["link"] for __, items in sections for item in items]
    # One page's address may begin with another's.
    here = max((link for link in links if request.path.startswith(link)), key=len, default="")
    return [
        {"title": title, "items": [{**item, "active": item["link"] == here} for item in items]}
        for title, items in sections
        if items
    ]


def may_view(request: HttpRequest, label: str) -> bool:
    """Whether the person may look at the page of a model, named as in `teams.Team`."""
    page = admin.site._registry.get(apps.get_model(label))
    return page is not None and page.has_view_permission(request)


def may_add(request: HttpRequest, label: str) -> bool:
    page = admin.site._registry.get(apps.get_model(label))
    return page is not None and page.has_add_permission(request)


def _item(title: str, icon: str, label: str, page: str = "changelist") -> dict[str, Any]:
    options = apps.get_model(label)._meta
    name = page if ":" in page else f"admin:{options.app_label}_{options.model_name}_{page}"
    return {"title": title, "icon": icon, "link": reverse(name)}
