"""Who may call, what each may use, and what became of them."""

from teams.ids import new_id
from teams.models import labels
from teams.models.grants import Budget, Limits
from teams.models.invitations import Invitation
from teams.models.keys import KeyType, RetiredToken, VirtualKey
from teams.models.payers import Customer, Tag
from teams.models.people import (
    MemberRole,
    Membership,
    Organization,
    OrganizationMembership,
    OrganizationRole,
    Role,
    Team,
    User,
)
from teams.models.records import ActorSource, AuditEntry, Change, Revision

__all__ = [
    "ActorSource",
    "AuditEntry",
    "Budget",
    "Change",
    "Customer",
    "Invitation",
    "KeyType",
    "Limits",
    "MemberRole",
    "Membership",
    "Organization",
    "OrganizationMembership",
    "OrganizationRole",
    "RetiredToken",
    "Revision",
    "Role",
    "Tag",
    "Team",
    "User",
    "VirtualKey",
    "labels",
    "new_id",
]
