"""The five groups of the admin's pages: there after each migrate, with what they need and no more."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from teams.access import Reach
from teams.groups import ADMIN, APPS, FINANCE, GROUPS, OPERATOR, TEAM_ADMIN, VIEWER, grants
from teams.models import Role, User

pytestmark = pytest.mark.django_db


def given(group: str) -> set[str]:
    rows = Permission.objects.filter(group__name=group).select_related("content_type")
    return {f"{row.content_type.app_label}.{row.codename}" for row in rows}


def fill() -> None:
    call_command("migrate", verbosity=0)


def test_the_groups_are_there_after_migrate() -> None:
    assert set(Group.objects.values_list("name", flat=True)) == set(GROUPS)
    assert all(given(group) for group in GROUPS)


def test_viewers_see_all_pages_and_change_none() -> None:
    models = [model for label in APPS for model in apps.get_app_config(label).get_models()]
    views = {f"{model._meta.app_label}.view_{model._meta.model_name}" for model in models}

    assert given(VIEWER) == {*views, "teams.view_everything"}


def test_admins_may_do_everything_here_and_nothing_to_groups_or_tasks() -> None:
    everything = {
        f"{row.content_type.app_label}.{row.codename}"
        for row in Permission.objects.filter(content_type__app_label__in=APPS).select_related("content_type")
    }

    assert given(ADMIN) == everything


def test_team_admins_reach_no_further_than_their_teams() -> None:
    assert given(TEAM_ADMIN) == {
        *(f"teams.{verb}_virtualkey" for verb in ("view", "add", "change", "delete")),
        *(f"teams.{verb}_membership" for verb in ("view", "add", "change", "delete")),
        "teams.view_team", "teams.change_team", "teams.view_user", "teams.view_organization",
        "proxy.view_requesttrace", "budgets.view_dailyspend",
        *(f"alerts.{verb}_{model}" for verb in ("view", "add", "change", "delete")
          for model in ("alertchannel", "alertroute", "silence")),
        *(f"alerts.{verb}_{model}" for verb in ("view", "change") for model in ("incident", "delivery")),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("group", "permission", "granted"),
    [
        (OPERATOR, "teams.block_virtualkey", True),
        (OPERATOR, "teams.change_virtualkey", False),
        (OPERATOR, "proxy.delete_deployment", True),
        (OPERATOR, "alerts.change_alertsettings", True),
        (OPERATOR, "alerts.change_incident", True),
        (OPERATOR, "alerts.add_silence", True),
        (OPERATOR, "budgets.view_ledgerentry", False),
        (OPERATOR, "teams.view_auditentry", False),
        (FINANCE, "budgets.view_ledgerentry", True),
        (FINANCE, "teams.change_budget", True),
        (FINANCE, "teams.add_budget", False),
        (FINANCE, "proxy.view_deployment", False),
        (TEAM_ADMIN, "teams.view_everything", False),
        (TEAM_ADMIN, "teams.block_virtualkey", False),
        (VIEWER, "auth.view_group", False),
        (VIEWER, "alerts.change_incident", False),
    ],
)
def test_what_each_group_is_for(group: str, permission: str, granted: bool) -> None:
    assert grants(group, permission) is granted
    assert (permission in given(group)) is granted


def test_another_migrate_restores_what_is_missing_and_leaves_what_was_added() -> None:
    extra = Permission.objects.get(codename="add_user")
    viewer = Group.objects.get(name=VIEWER)
    viewer.permissions.add(extra)
    viewer.permissions.remove(Permission.objects.get(codename="view_virtualkey"))
    Group.objects.get(name=FINANCE).delete()
    fill()
    fill()

    assert {"teams.add_user", "teams.view_virtualkey"} <= given(VIEWER)
    assert "teams.change_budget" in given(FINANCE)
    assert Group.objects.count() == len(GROUPS)


@pytest.mark.parametrize(
    ("groups", "columns", "role"),
    [
        ((), {}, Role.INTERNAL_USER),
        ((TEAM_ADMIN,), {}, Role.INTERNAL_USER),
        ((VIEWER,), {}, Role.PROXY_ADMIN_VIEWER),
        ((OPERATOR, TEAM_ADMIN), {}, Role.PROXY_ADMIN_VIEWER),
        ((FINANCE,), {"role": Role.PROXY_ADMIN}, Role.PROXY_ADMIN),
        ((ADMIN,), {}, Role.PROXY_ADMIN),
        ((), {"is_superuser": True}, Role.PROXY_ADMIN),
        ((), {"role": Role.PROXY_ADMIN_VIEWER}, Role.PROXY_ADMIN_VIEWER),
    ],
)
def test_a_permission_reaches_as_far_as_a_role(groups: tuple[str, ...], columns: dict[str, Any], role: str) -> None:
    user = User.objects.create(id="u", username="u", **columns)
    user.groups.set(Group.objects.filter(name__in=groups))

    assert Reach.of_user(user).role == role
