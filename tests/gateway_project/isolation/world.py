"""Two tenants with a row of every kind each, and somebody of every role in one of them.

All that belongs to the other tenant is called "zebra canary" by name and "quagga" by id, and what belongs to a
colleague in one's own team "zebra wombat": no page may say these words to whom they are not for.
"""

from datetime import UTC, timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Model
from django.utils import timezone

from alerts.models import Silence
from budgets import entries
from budgets.models import DailySpend, LedgerEntry
from teams.groups import ADMIN, TEAM_ADMIN, VIEWER
from teams.models import Budget, Membership, Organization, OrganizationMembership, Role, Team, User, VirtualKey
from teams.services import issue_key
from tests.alerts.builders import channel, delivery, incident, route
from tests.budgets.builders import entry
from tests.budgets.days import day_row, keep_days
from tests.proxy.deployments import stored
from tests.proxy.traces import failed, keep

FOREIGN = ("canary", "quagga")
COLLEAGUES = (*FOREIGN, "wombat")
# By role: the group at the pages, the role of the row, and the words that none of their pages may hold.
ROLES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "proxy_admin": (ADMIN, Role.PROXY_ADMIN, ()),
    "proxy_admin_viewer": (VIEWER, Role.PROXY_ADMIN_VIEWER, ()),
    "org_admin": (TEAM_ADMIN, Role.INTERNAL_USER, FOREIGN),
    "team_admin": (TEAM_ADMIN, Role.INTERNAL_USER, FOREIGN),
    "member": (TEAM_ADMIN, Role.INTERNAL_USER, COLLEAGUES),
    "peer": (TEAM_ADMIN, Role.INTERNAL_USER, FOREIGN),
    "reader": (TEAM_ADMIN, Role.INTERNAL_USER_VIEWER, COLLEAGUES),
    "nobody": (TEAM_ADMIN, Role.INTERNAL_USER, (*COLLEAGUES, "team red")),
}
CONFINED = ("org_admin", "team_admin", "peer")


def build(role: str) -> User:
    """The person; what is theirs is in the team `red` of the organization `north`."""
    now = timezone.now()
    stored("http://127.0.0.1:9", pk="east", name="gpt-4o")
    organization = Organization.objects.create(id="north", alias="organization north")
    Budget.objects.create(id="per-head", max_budget_nano=5 * 10**9, budget_duration="30d")
    team = Team.objects.create(
        id="red", alias="team red", organization=organization, max_budget_nano=10**11, budget_duration="30d",
        member_budget_id="per-head",
    )  # fmt: skip
    group, kind, _ = ROLES[role]
    person = User.objects.create(id="tess", username="tess", email="tess@example.com", role=kind, is_staff=True)
    person.groups.set(Group.objects.filter(name=group))
    if role == "org_admin":
        OrganizationMembership.objects.create(organization=organization, user=person, role="org_admin")
    elif role == "peer":
        Team.objects.filter(pk="red").update(member_permissions=["/key/info", "/key/generate"])
        Membership.objects.create(team=team, user=person)
    elif role in ("team_admin", "member", "reader"):
        Membership.objects.create(team=team, user=person, role="admin" if role == "team_admin" else "user")
    Budget.objects.create(id="own-part", max_budget_nano=10**9)
    Membership.objects.filter(user=person).update(budget="own-part")
    own = VirtualKey(alias="tess key", user=person, team=team if role != "nobody" else None, max_budget_nano=10**10)
    _use(own, name="tess", now=now)
    colleague = User.objects.create(id="wombat", username="wombat", alias="zebra wombat", email="wombat@example.com")
    Membership.objects.create(team=team, user=colleague)
    _use(VirtualKey(alias="zebra wombat key", user=colleague, team=team), name="zebra wombat", now=now)
    return person


def build_foreign() -> list[Model]:
    """The other tenant's rows."""
    now = timezone.now()
    budget = Budget.objects.create(id="quagga-budget", max_budget_nano=10**9)
    organization = Organization.objects.create(id="quagga-org", alias="zebra canary organization", budget=budget)
    team = Team.objects.create(
        id="quagga-team", alias="zebra canary team", organization=organization, max_budget_nano=10**12
    )
    user = User.objects.create(
        id="quagga-user", username="quagga-user", alias="zebra canary user", email="canary@example.com"
    )
    member = Membership.objects.create(team=team, user=user, role="admin", budget=budget)
    in_organization = OrganizationMembership.objects.create(organization=organization, user=user, role="org_admin")
    key = VirtualKey(alias="zebra canary key", user=user, team=team, uncollected_key="sk-canary-0123456789abcdef")
    made = _use(key, name="zebra canary", now=now)
    own_channel = channel("zebra canary channel", types=(), team_id=team.pk)
    own_route = route("zebra canary route", own_channel, team_id=team.pk)
    silence = Silence.objects.create(
        comment="zebra canary silence", team_id=team.pk, ends_at=now + timedelta(hours=1), matchers={"team": "canary"}
    )
    of_user = incident(
        fingerprint="canary-user", title="zebra canary report", labels={"user_id": user.pk}, opened_at=now
    )
    told = delivery(own_channel, of_user, title="zebra canary")
    return [budget, organization, team, user, member, in_organization, key, *made, own_channel, own_route, silence,
            of_user, told]  # fmt: skip


def _use(key: VirtualKey, *, name: str, now: Any) -> list[Model]:
    """Issue it; and what comes of a key that is used: spend, a ledger entry, a trace, an incident."""
    issue_key(key)
    whose = {"key_hash": key.token_hash, "user_id": key.user_id or "", "team_id": key.team_id or ""}
    organization = key.team.organization_id if key.team else ""
    days = day_row(now.astimezone(UTC).date(), organization_id=organization, model_group=f"{name} model", **whose)
    keep_days(days)
    paid = entry(started_at=now, ended_at=now, model_group=f"{name} model", organization_id=organization, **whose)
    entries.insert([paid.encode()])
    request = keep(failed(call_id=f"{name} call", key_alias=key.alias, model=f"{name} model", **whose))[0]
    labels = {"key_alias": key.alias or "", **({"team_id": key.team_id} if key.team_id else {})}
    fires = incident(
        fingerprint=f"{name} key", title=f"{name} incident", labels=labels, team_id=key.team_id or "",
        opened_at=now, last_seen_at=now,
    )  # fmt: skip
    return [DailySpend.objects.get(pk=days.pk), LedgerEntry.objects.get(pk=paid.id), request, fires]
