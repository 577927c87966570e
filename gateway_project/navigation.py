"""The admin's sidebar: each page under the question it answers, for those who may see it."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

# Title, icon and model of each entry; and the page, where it is not the list: one of the model's, or one by its name.
_SECTIONS: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    (
        "Access",
        (
            ("Keys", "key", "teams.VirtualKey"),
            ("Teams", "groups", "teams.Team"),
            ("Users", "person", "teams.User"),
            ("Organizations", "apartment", "teams.Organization"),
            ("Customers", "face", "teams.Customer"),
            ("Tags", "sell", "teams.Tag"),
            ("Budgets", "savings", "teams.Budget"),
            ("Groups", "badge", "auth.Group"),
        ),
    ),
    (
        "Gateway",
        (
            ("Deployments", "dns", "proxy.Deployment"),
            ("Routing", "account_tree", "proxy.Deployment", "routing:index"),
            ("Requests", "route", "proxy.RequestTrace"),
            ("Route preview", "fork_right", "proxy.RequestTrace", "preview"),
            ("Config fields", "tune", "proxy.ConfigField"),
        ),
    ),
    (
        "Money",
        (
            ("Spend", "monitoring", "budgets.DailySpend"),
            ("Gateway budgets", "account_balance", "budgets.GatewayBudget"),
            ("Ledger", "receipt_long", "budgets.LedgerEntry"),
            ("Prices", "price_change", "budgets.ModelPrice"),
            ("Prices used", "request_quote", "budgets.PriceSnapshot"),
            ("Adjustments", "balance", "budgets.SpendAdjustment"),
        ),
    ),
    (
        "Alerts",
        (
            ("Incidents", "crisis_alert", "alerts.Incident"),
            ("Deliveries", "outgoing_mail", "alerts.Delivery"),
            ("Scheduled runs", "event_repeat", "alerts.ScheduledRun"),
            ("Channels", "campaign", "alerts.AlertChannel"),
            ("Routes", "alt_route", "alerts.AlertRoute"),
            ("Silences", "notifications_paused", "alerts.Silence"),
            ("Settings", "notifications", "alerts.AlertSettings"),
        ),
    ),
    ("Records", (("Audit trail", "history", "teams.AuditEntry"),)),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation, without sections that would be empty."""
    sections = [
        (title, [_item(*entry) for entry in entries if may_view(request, entry[2])]) for title, entries in _SECTIONS
    ]
    links = [item["link"] for _, items in sections for item in items]
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
