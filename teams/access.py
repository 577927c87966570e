"""How far a caller sees and acts: the one place that the API and the admin's pages ask.

What is not visible does not exist for the caller. What is visible may still be refused.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce, Now

from teams.models import (
    MemberRole,
    Membership,
    Organization,
    OrganizationMembership,
    OrganizationRole,
    Role,
    Team,
    User,
    VirtualKey,
)
from teams.snapshot import Principal

# The routes of a key that calls models, and manages nothing in its owner's name.
MODELS_ONLY = "llm_api_routes"


def keys_of(user_id: str) -> QuerySet[VirtualKey]:
    """Of one person, the newest first.

    Ordered by what no index holds: the index of all keys by their age would be read to its end for who has few.
    """
    return VirtualKey.objects.filter(user=user_id).order_by(Coalesce("created_at", Now()).desc(), "-pk")


@dataclass(frozen=True)
class Reach:
    """Of one caller, for one request. `user_id` is None for a key that belongs to nobody."""

    role: str
    user_id: str | None
    key_hash: str = ""
    key_team_id: str | None = None
    is_master: bool = field(default=False)

    @classmethod
    def of_principal(cls, principal: Principal) -> "Reach":
        return cls(
            role=principal.role,
            user_id=principal.user_id,
            key_hash=principal.key_hash,
            key_team_id=principal.team_id,
            is_master=principal.is_master,
        )

    @classmethod
    def of_user(cls, user: User) -> "Reach":
        """Somebody at the admin's pages: as the role says, or as widely as a permission says."""
        role = user.role
        if user.has_perm("teams.manage_everything"):
            role = Role.PROXY_ADMIN
        elif role != Role.PROXY_ADMIN and user.has_perm("teams.view_everything"):
            role = Role.PROXY_ADMIN_VIEWER
        return cls(role=role, user_id=user.pk)

    @property
    def is_admin(self) -> bool:
        return self.role == Role.PROXY_ADMIN

    @property
    def is_viewer(self) -> bool:
        return self.role == Role.PROXY_ADMIN_VIEWER

    @property
    def sees_everything(self) -> bool:
        return self.is_admin or self.is_viewer

    @cached_property
    def _teams(self) -> dict[str, tuple[str, frozenset[str]]]:
        """Role and permissions by team."""
        if self.user_id is None:
            return {}
        rows = Membership.objects.filter(user=self.user_id).order_by()
        found = rows.values_list("team_id", "role", "team__member_permissions")
        return {team_id: (role, frozenset(permissions)) for team_id, role, permissions in found}

    @cached_property
    def _organizations(self) -> dict[str, str]:
        if self.user_id is None:
            return {}
        rows = OrganizationMembership.objects.filter(user=self.user_id).order_by()
        return dict(rows.values_list("organization_id", "role"))

    @property
    def team_ids(self) -> Collection[str]:
        return self._teams.keys()

    @cached_property
    def administered_teams(self) -> frozenset[str]:
        """By membership; those of an organization that the caller administers are found by their organization."""
        return frozenset(team_id for team_id, (role, _) in self._teams.items() if role == MemberRole.ADMIN)

    @cached_property
    def administered_organizations(self) -> frozenset[str]:
        return frozenset(
            organization_id for organization_id, role in self._organizations.items() if role == OrganizationRole.ADMIN
        )

    def keys(self) -> QuerySet[VirtualKey]:
        if self.sees_everything:
            return VirtualKey.objects.all()
        mine = Q(token_hash=self.key_hash) if self.key_hash else Q(pk__in=())
        if self.user_id is not None:
            mine |= Q(user=self.user_id)
        readable = [team_id for team_id in self.team_ids if self.may_in_team(team_id, "/key/info")]
        return VirtualKey.objects.filter(
            mine
            | Q(team__in=readable)
            | Q(team__organization__in=self.administered_organizations)
            | Q(organization__in=self.administered_organizations)
        )

    def teams(self) -> QuerySet[Team]:
        if self.sees_everything:
            return Team.objects.all()
        ids = {*self.team_ids, *([self.key_team_id] if self.key_team_id else [])}
        return Team.objects.filter(Q(pk__in=ids) | Q(organization__in=self.administered_organizations))

    def users(self) -> QuerySet[User]:
        if self.sees_everything:
            return User.objects.all()
        members = Membership.objects.filter(
            Q(team__in=self.administered_teams) | Q(team__organization__in=self.administered_organizations)
        )
        colleagues = OrganizationMembership.objects.filter(organization__in=self.administered_organizations)
        return User.objects.filter(
            Q(pk=self.user_id) | Q(pk__in=members.values("user")) | Q(pk__in=colleagues.values("user"))
        )

    def organizations(self) -> QuerySet[Organization]:
        if self.sees_everything:
            return Organization.objects.all()
        return Organization.objects.filter(pk__in=self._organizations)

    def administers_team(self, team: Team) -> bool:
        return (
            self.is_admin or team.pk in self.administered_teams or self.administers_organization(team.organization_id)
        )

    def administers_organization(self, organization_id: str | None) -> bool:
        return self.is_admin or organization_id in self.administered_organizations

    def may_in_team(self, team_id: str, route: str) -> bool:
        """Team admins may do everything with their team's keys, members what the team's permissions name."""
        role, permissions = self._teams.get(team_id, ("", frozenset()))
        return role == MemberRole.ADMIN or (bool(role) and route in permissions)

    def governs_key(self, key: VirtualKey) -> bool:
        """May block it: as an admin of everything, of its team or of its organization."""
        if key.team is not None and self.administers_team(key.team):
            return True
        return self.is_admin or self.administers_organization(key.organization_id)

    def may_manage_key(self, key: VirtualKey, route: str) -> bool:
        """May change it: who governs it, its owner, and members whom its team lets."""
        if self.governs_key(key):
            return True
        if key.team_id is not None:
            return self.may_in_team(key.team_id, route)
        return key.user_id is not None and key.user_id == self.user_id

    def may_act_with(self, key: VirtualKey) -> bool:
        """May have it in clear as it is: nobody's, the own one, or any for an admin of everything."""
        return self.is_admin or key.user_id in (None, self.user_id)

    def restrict_to_models(self, key: VirtualKey) -> None:
        """Before somebody who may not act in its owner's name sees a key in clear. It is saved afterwards."""
        if not self.may_act_with(key):
            key.allowed_routes = [MODELS_ONLY]

    def governs_user(self, user: User) -> bool:
        """May change more of a user than the user may: admins of everything, and of an organization the user is in."""
        if self.is_admin:
            return True
        if user.role in (Role.PROXY_ADMIN, Role.PROXY_ADMIN_VIEWER):
            return False
        mine, theirs = self.administered_organizations, user.organization_memberships
        # Whoever also belongs elsewhere is not theirs alone to change.
        elsewhere = theirs.exclude(organization__in=mine).exists() or (
            user.memberships.exclude(team__organization__in=mine).exists()
        )
        return theirs.filter(organization__in=mine).exists() and not elsewhere
