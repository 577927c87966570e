"""Inviting users: a link behind which a person chooses a password."""

from typing import Any

from django.core.exceptions import ValidationError
from pydantic import Field

from proxy.management.base import Access, Body, Call, ManagementViewSet, route
from proxy.management.key_objects import utc_now
from proxy.management.schemas.fields import Answer, Id, Time
from teams.errors import Envelope, NotFound
from teams.invitations import invite, link, write_invitation
from teams.models import Invitation, User


class NewInvitation(Body):
    user_id: Id
    send_email: bool = Field(False, description="Write to the user's address.")


class InvitationQuery(Body):
    invitation_id: Id


class InvitationObject(Answer):
    id: str
    user_id: str
    is_accepted: bool
    accepted_at: Time | None
    expires_at: Time
    created_at: Time
    created_by: str
    updated_at: Time
    updated_by: str


class MadeInvitation(InvitationObject):
    """`invitation_link` is a secret, and shown this once. Without PROXY_BASE_URL it begins with the path."""

    invitation_link: str
    email_sent: bool


class Invitations(ManagementViewSet):
    tag = "users"

    @route("POST", "/invitation/new", access=Access.ADMIN, body=NewInvitation, answer=MadeInvitation,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def new(self, call: Call, body: NewInvitation) -> Any:
        """Make a link behind which the user chooses a password; it works once, and for a week."""
        user = User.objects.filter(pk=body.user_id).first()
        if user is None:
            raise NotFound(f"User {body.user_id} not found", param="user_id")
        now = utc_now()
        made = invite(user, now=now)
        is_sent = write_invitation(made, now=now) if body.send_email else False
        return {**_object(made), "invitation_link": link(made), "email_sent": is_sent}

    @route("GET", "/invitation/info", access=Access.ADMIN_READ, query=InvitationQuery, answer=InvitationObject,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def info(self, call: Call, query: InvitationQuery) -> Any:
        """Whether an invitation was accepted, and until when it can be. It never says the link again."""
        return _object(_named(query.invitation_id))

    @route("POST", "/invitation/delete", access=Access.ADMIN, body=InvitationQuery, answer=InvitationObject,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def delete(self, call: Call, body: InvitationQuery) -> Any:
        """Take an invitation back: its link no longer works."""
        found = _named(body.invitation_id)
        shown = _object(found)
        found.delete()
        return shown


def _named(invitation_id: str) -> Invitation:
    try:
        row = Invitation.objects.filter(pk=invitation_id).first()
    except (ValidationError, ValueError):
        row = None
    if row is None:
        raise NotFound(f"Invitation id={invitation_id[:100]} does not exist.", param="invitation_id")
    return row


def _object(row: Invitation) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "user_id": row.user_id,
        "is_accepted": row.accepted_at is not None,
        "accepted_at": row.accepted_at,
        "expires_at": row.expires_at,
        "created_at": row.created_at,
        "created_by": row.created_by,
        "updated_at": row.accepted_at or row.created_at,
        "updated_by": row.user_id if row.accepted_at else row.created_by,
    }
