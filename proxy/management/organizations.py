"""The organization routes (api.md 2.7)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from proxy.core.access import within
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.key_objects import utc_now
from proxy.management.members import users_named
from proxy.management.organization_objects import membership_objects, organization_objects, whole_organizations
from proxy.management.pages import ensure_few, paginate
from proxy.management.schemas import organizations as schemas
from proxy.management.schemas.fields import Object
from proxy.management.schemas.limits import LIMIT_FIELDS, set_limits
from proxy.management.schemas.teams import NamedUser
from proxy.management.user_objects import user_objects
from teams.errors import AlreadyExists, Envelope, Forbidden, Invalid, NotFound
from teams.models import Budget, Membership, Organization, OrganizationMembership
from teams.services import delete_organization, give_budget, grants_of, own_budget, remove_organization_member


class Organizations(ManagementViewSet):
    tag = "organizations"

    @route("POST", "/organization/new", access=Access.ADMIN, body=schemas.NewOrganization,
           answer=schemas.OrganizationObject, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def new(self, call: Call, body: schemas.NewOrganization) -> Object:
        """Make an organization, with a budget of its own or a shared one."""
        if body.organization_id is not None and Organization.objects.filter(pk=body.organization_id).exists():
            raise AlreadyExists(f"Organization with id {body.organization_id} already exists", param="organization_id")
        now = utc_now()
        given = body.given()
        row = Organization(
            id=body.organization_id or Organization().pk,
            alias=body.organization_alias,
            allowed_models=body.models or [],
            metadata=body.metadata or {},
            created_at=now,
        )
        row.save(force_insert=True)
        give_budget(row, _budget(row, given, now=now) or own_budget(None, owner=_budget_owner(row)))
        return organization_objects([row], now=now)[0]

    @route("PATCH", "/organization/update", access=Access.ORGANIZATION_ADMIN, body=schemas.UpdateOrganization,
           answer=schemas.WholeOrganization, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def update(self, call: Call, body: schemas.UpdateOrganization) -> Object:
        """Change some fields of an organization: what is left out stays, null clears. Its own admins change some."""
        row = _to_change(call, body.organization_id)
        given, now = body.given(), utc_now()
        if given.get("organization_alias"):
            row.alias = given["organization_alias"]
        if "metadata" in given:
            row.metadata = given["metadata"] or {}
        if "models" in given:
            _set_models(row, given["models"] or [], call)
        if given.get("budget_id", row.budget_id) != row.budget_id:
            _ensure_may_limit(call)
        budget = _budget(row, given, now=now)
        if budget is None or ("budget_id" not in given and grants_of(budget) == grants_of(row.budget)):
            row.save()
        else:
            _ensure_may_limit(call)
            give_budget(row, budget)
        return whole_organizations(Organization.objects.filter(pk=row.pk), call.reach, now=now)[0]

    @route("POST", "/organization/update", access=Access.ORGANIZATION_ADMIN, body=schemas.UpdateOrganization,
           answer=schemas.WholeOrganization, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def update_by_post(self, call: Call, body: schemas.UpdateOrganization) -> Object:
        """The same as PATCH."""
        return self.update(call, body)

    @route("DELETE", "/organization/delete", access=Access.ADMIN, body=schemas.DeleteOrganizations,
           answer=list[schemas.OrganizationObject], envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def remove(self, call: Call, body: schemas.DeleteOrganizations) -> list[Object]:
        """Delete organizations with their teams and keys, all of those that are named or none."""
        rows = [_locked(call, one, f"Organization={one} not found") for one in sorted(set(body.organization_ids))]
        shown = organization_objects(rows, now=utc_now())
        for row in rows:
            delete_organization(row)
        return shown

    @route("POST", "/organization/delete", access=Access.ADMIN, body=schemas.DeleteOrganizations,
           answer=list[schemas.OrganizationObject], envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def remove_by_post(self, call: Call, body: schemas.DeleteOrganizations) -> list[Object]:
        """The same as DELETE."""
        return self.remove(call, body)

    @route("GET", "/organization/info", access=Access.ANY, query=schemas.NamedOrganization,
           answer=schemas.WholeOrganization, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def info(self, call: Call, query: schemas.NamedOrganization) -> Object:
        """An organization with its members and teams."""
        rows = call.reach.organizations().filter(pk=query.organization_id)
        if not (found := whole_organizations(rows, call.reach, now=utc_now())):
            raise NotFound(
                f"Organization not found for organization_id={query.organization_id}", param="organization_id"
            )
        return found[0]

    @route("POST", "/organization/info", access=Access.ANY, body=schemas.OrganizationIds,
           answer=list[schemas.WholeOrganization], envelope=Envelope.DETAIL_ERROR, reads=True)  # fmt: skip
    def infos(self, call: Call, body: schemas.OrganizationIds) -> list[Object]:
        """Several organizations; those that are not there are left out."""
        if not body.organizations:
            raise Invalid("Specify list of organization id's to query. Passed in=[]", param="organizations")
        rows = call.reach.organizations().filter(pk__in=body.organizations).order_by("alias", "pk")
        return whole_organizations(rows, call.reach, now=utc_now())

    @route("GET", "/organization/list", access=Access.ANY, query=schemas.OrganizationList,
           answer=list[schemas.WholeOrganization], envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def listed(self, call: Call, query: schemas.OrganizationList) -> list[Object]:
        """Organizations that the caller can see, by alias."""
        conditions = {"pk": query.org_id, "alias__icontains": query.org_alias}
        rows = call.reach.organizations().filter(**{name: value for name, value in conditions.items() if value})
        page = paginate(rows.order_by("alias", "pk"), number=query.page, size=query.page_size)
        members = Membership.objects.filter(team__organization__in=[row.pk for row in page.rows])
        ensure_few(members, what="members of teams")
        return whole_organizations(page.rows, call.reach, now=utc_now())

    @route("POST", "/organization/member_add", access=Access.ORGANIZATION_ADMIN, body=schemas.AddOrganizationMembers,
           answer=schemas.OrganizationAdditions, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def add_members(self, call: Call, body: schemas.AddOrganizationMembers) -> Object:
        """Add members to an organization, all of those that are named or none. Who is no user yet becomes one."""
        row, now = _to_change(call, body.organization_id), utc_now()
        users = users_named(body.member, now=now)
        inside = set(row.memberships.filter(user__in=users).values_list("user_id", flat=True))
        added = []
        for member, user in zip(body.member, users, strict=True):
            if user.pk in inside:
                raise Invalid(f"User={user.pk} already in organization={row.pk}, or named twice.", param="member")
            inside.add(user.pk)
            membership = OrganizationMembership(organization=row, user=user, role=member.role)
            if body.max_budget_in_organization is not None:
                _limit(membership, body.max_budget_in_organization, now=now)
            else:
                membership.save()
            added.append(membership)
        return {
            "organization_id": row.pk,
            "updated_users": user_objects(users, now=now),
            "updated_organization_memberships": membership_objects(added, now=now),
        }

    @route("PATCH", "/organization/member_update", access=Access.ORGANIZATION_ADMIN,
           body=schemas.UpdateOrganizationMember, answer=schemas.OrganizationMembershipObject,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def update_member(self, call: Call, body: schemas.UpdateOrganizationMember) -> Object:
        """Change a member's role and budget: what is left out stays, null clears."""
        membership = _membership(_to_change(call, body.organization_id), body)
        now = utc_now()
        if body.role is not None:
            membership.role = body.role
        if "max_budget_in_organization" in body.given():
            _limit(membership, body.max_budget_in_organization, now=now)
        else:
            membership.save()
        return membership_objects([membership], now=now)[0]

    @route("POST", "/organization/member_update", access=Access.ORGANIZATION_ADMIN,
           body=schemas.UpdateOrganizationMember, answer=schemas.OrganizationMembershipObject,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def update_member_by_post(self, call: Call, body: schemas.UpdateOrganizationMember) -> Object:
        """The same as PATCH."""
        return self.update_member(call, body)

    @route("DELETE", "/organization/member_delete", access=Access.ORGANIZATION_ADMIN,
           body=schemas.DeleteOrganizationMember, answer=schemas.OrganizationMembershipObject,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def delete_member(self, call: Call, body: schemas.DeleteOrganizationMember) -> Object:
        """Take a member out of an organization; memberships in its teams stay."""
        membership = _membership(_to_change(call, body.organization_id), body)
        (shown,) = membership_objects([membership], now=utc_now())
        remove_organization_member(membership)
        return shown

    @route("POST", "/organization/member_delete", access=Access.ORGANIZATION_ADMIN,
           body=schemas.DeleteOrganizationMember, answer=schemas.OrganizationMembershipObject,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def delete_member_by_post(self, call: Call, body: schemas.DeleteOrganizationMember) -> Object:
        """The same as DELETE."""
        return self.delete_member(call, body)


def _locked(call: Call, organization_id: str, unknown: str) -> Organization:
    rows = call.reach.organizations().select_related("budget").filter(pk=organization_id)
    # Locked, so that two changes of different fields both last; its budget is only looked at.
    if (row := rows.select_for_update(of=("self",)).first()) is None:
        raise NotFound(unknown, param="organization_id")
    return row


def _to_change(call: Call, organization_id: str) -> Organization:
    """Raises NotFound or Forbidden."""
    row = _locked(call, organization_id, f"Organization not found for organization_id={organization_id}")
    if not call.reach.administers_organization(row.pk):
        raise Forbidden("You do not have access to this organization", param="organization_id")
    return row


def _set_models(row: Organization, models: list[str], call: Call) -> None:
    if not call.reach.is_admin and models != row.allowed_models and not within(models, row.allowed_models):
        raise Forbidden(
            f"models {models} are not all among the organization's own {row.allowed_models}.",
            type_="org_model_access_denied",
            param="models",
        )
    row.allowed_models = models


def _budget_owner(row: Organization) -> str:
    return f"organization-{row.alias}"


def _budget(row: Organization, given: Mapping[str, Any], *, now: datetime) -> Budget | None:
    """What the organization is to have: a shared budget, or its own with these limits; None: as it has. Raises."""
    limits = {name: given[name] for name in given if name in LIMIT_FIELDS}
    if budget_id := given.get("budget_id"):
        if any(value is not None for value in limits.values()):
            raise Invalid("Give either budget_id or limits, not both.", param="budget_id")
        if (shared := Budget.objects.filter(pk=budget_id).first()) is None:
            raise NotFound(f"Budget not found for budget_id={budget_id}", param="budget_id")
        return shared
    if "budget_id" not in given and not limits:
        return None
    budget = own_budget(None if "budget_id" in given else row.budget, owner=_budget_owner(row))
    set_limits(budget, limits, now=now)
    return budget


def _ensure_may_limit(call: Call) -> None:
    if not call.reach.is_admin:
        raise Forbidden("Only proxy admins can change an organization's budget and limits.", param="max_budget")


def _limit(membership: OrganizationMembership, amount: float | None, *, now: datetime) -> None:
    budget = own_budget(membership.budget, owner="organization-member")
    set_limits(budget, {"max_budget": amount}, now=now)
    give_budget(membership, budget if grants_of(budget) else None)


def _membership(row: Organization, named: NamedUser) -> OrganizationMembership:
    """Locked. Raises Invalid."""
    rows = row.memberships.select_related("user", "budget")
    wanted = {"user": named.user_id} if named.user_id else {"user__email__iexact": named.user_email}
    if (found := rows.filter(**wanted).select_for_update(of=("self",)).first()) is None:
        raise Invalid("User not found in organization", param="user_id")
    return found
