"""The five groups of the admin's pages, made and filled up after each `migrate`.

What stands in the table is added to the groups; what an admin gave them besides stays. A permission of the table
that was taken away comes back with the next `migrate`: whoever wants less makes a group of their own.

A group says what its members may do, `teams.access.Reach` to which rows: without `view_everything` these are the
rows of one's own teams, and without `manage_everything` one changes only what one administers.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from django.apps import AppConfig
from django.apps import apps as known_apps
from django.contrib.auth.models import Group, Permission
from django.db.models.signals import post_migrate

APPS = frozenset({"alerts", "budgets", "proxy", "teams"})
VIEWER, TEAM_ADMIN, OPERATOR, FINANCE, ADMIN = "Viewer", "Team admin", "Operator", "Finance", "Admin"
_PEOPLE = (
    "teams.view_everything", "teams.view_virtualkey", "teams.view_team", "teams.view_membership", "teams.view_user",
    "teams.view_organization", "teams.view_organizationmembership", "teams.view_customer", "teams.view_tag",
    "teams.view_budget",
)  # fmt: skip
# `app.codename`, with `*` for anything. What only superusers may do is no permission of these apps.
GROUPS: Mapping[str, tuple[str, ...]] = {
    VIEWER: ("*.view_*",),
    TEAM_ADMIN: (
        "teams.view_virtualkey", "teams.add_virtualkey", "teams.change_virtualkey", "teams.delete_virtualkey",
        "teams.view_team", "teams.change_team", "teams.*_membership", "teams.view_user", "teams.view_organization",
        "proxy.view_requesttrace", "budgets.view_dailyspend", "alerts.*_alertchannel", "alerts.*_alertroute",
        "alerts.*_silence", "alerts.view_incident", "alerts.change_incident", "alerts.view_delivery",
        "alerts.change_delivery",
    ),
    OPERATOR: (
        *_PEOPLE, "teams.block_virtualkey", "proxy.*_deployment", "proxy.*_configfield",
        "proxy.view_requesttrace", "alerts.view_*",
        "alerts.*_alertchannel", "alerts.*_alertroute", "alerts.*_alertsettings", "alerts.*_silence",
        "alerts.change_incident", "alerts.change_delivery",
    ),
    FINANCE: (*_PEOPLE, "teams.change_budget", "budgets.change_gatewaybudget", "budgets.view_*"),
    ADMIN: ("*.*",),
}  # fmt: skip


def connect() -> None:
    post_migrate.connect(fill_groups, dispatch_uid="fill-groups")


def fill_groups(app_config: AppConfig, using: str, apps: Any = known_apps, **_: Any) -> None:
    """Called for each app, after Django made the app's permissions."""
    if app_config.label not in APPS or not _has_groups(apps):
        return
    found = Permission.objects.using(using).filter(content_type__app_label=app_config.label).order_by()
    permissions = {f"{app_config.label}.{codename}": pk for pk, codename in found.values_list("pk", "codename")}
    groups = {group.name: group for group in Group.objects.using(using).filter(name__in=GROUPS)}
    for name in GROUPS.keys() - groups.keys():
        groups[name] = Group.objects.using(using).get_or_create(name=name)[0]
    given = Group.permissions.through
    given.objects.using(using).bulk_create(
        (
            given(group_id=group.pk, permission_id=pk)
            for name, group in groups.items()
            for permission, pk in permissions.items()
            if grants(name, permission)
        ),
        ignore_conflicts=True,
    )


def grants(group: str, permission: str) -> bool:
    """Whether the table gives the group a permission, as `app.codename`."""
    ours = permission.partition(".")[0] in APPS
    return ours and any(fnmatchcase(permission, pattern) for pattern in GROUPS[group])


def _has_groups(apps: Any) -> bool:
    """Not yet, when somebody migrates one app alone."""
    try:
        apps.get_model("auth", "Permission")
    except LookupError:
        return False
    return True
