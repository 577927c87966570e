"""Verbs on teams, organizations and who belongs to them: none leaves anything behind that nobody can reach."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Model, QuerySet

from teams.ids import new_id
from teams.models import Budget, Limits, MemberRole, Membership, Organization, OrganizationMembership, Team, User

_LONGEST_NAME = 100
_MARK = "-budget-"
# When counting began is no limit: two budgets of different age may grant the same.
_GRANTS = (*(field.name for field in Limits._meta.fields if field.name != "budget_started_at"), "allowed_models")
R = TypeVar("R", bound=Model)
# Whatever a budget can be made for.
BudgetOwner = Team | Membership | Organization | OrganizationMembership


@transaction.atomic
def add_member(team: Team, user: User, *, role: str = MemberRole.USER, budget: Budget | None = None) -> Membership:
    """`budget` is a row of `own_budget`. The user must not be in the team yet."""
    if budget is not None:
        budget.save()
    return Membership.objects.create(team=team, user=user, role=role, budget=budget)


@transaction.atomic
def remove_member(membership: Membership) -> None:
    """With the user's keys in the team, and the budget that was made for the member alone."""
    for key in _locked(membership.team.keys.filter(user=membership.user_id)):
        key.delete()
    budget_id = membership.budget_id
    membership.delete()
    discard_budgets([budget_id])


@transaction.atomic
def delete_team(team: Team) -> None:
    """With its keys and memberships, and the budgets that were made for them alone."""
    budget_ids = [team.member_budget_id, *(row.budget_id for row in _locked(team.memberships.all()))]
    _locked(team.keys.all())
    team.delete()
    discard_budgets(budget_ids)


@transaction.atomic
def delete_organization(organization: Organization) -> None:
    """With its teams, its keys and its memberships, and the budgets that were made for them alone."""
    for team in _locked(organization.teams.all()):
        delete_team(team)
    budget_ids = [organization.budget_id, *organization.memberships.values_list("budget_id", flat=True)]
    organization.delete()
    discard_budgets(budget_ids)


@transaction.atomic
def remove_organization_member(membership: OrganizationMembership) -> None:
    """The user stays in the organization's teams. A budget that was made for the member alone goes."""
    budget_id = membership.budget_id
    membership.delete()
    discard_budgets([budget_id])


def own_budget(present: Budget | None, *, owner: str, like: Budget | None = None) -> Budget:
    """A row whose limits may be changed for one alone: `present` when nobody shares it, else a copy to be saved.

    `owner` begins the name of a new row, by which it is known later as made for one. Who has none begins with the
    limits of `like`.
    """
    if present is not None and _is_made_for_one(present.pk) and _uses([present.pk])[present.pk] <= 1:
        # Locked, so that two changes of different limits both last.
        return Budget.objects.select_for_update().get(pk=present.pk)
    row = Budget(id=f"{owner[:_LONGEST_NAME]}{_MARK}{new_id().replace('-', '')}")
    if (model := present or like) is not None:
        for name in (*_GRANTS, "budget_started_at"):
            setattr(row, name, getattr(model, name))
    return row


def give_budget(owner: BudgetOwner, row: Budget | None, *, link: str = "budget") -> None:
    """Link a shared budget, or a row of `own_budget`, which is saved; what was made for the owner before goes."""
    former: str | None = getattr(owner, f"{link}_id")
    if row is not None and _is_made_for_one(row.pk):
        row.save()
    setattr(owner, link, row)
    owner.save()
    if row is None or former != row.pk:
        discard_budgets([former])


def grants_of(budget: Budget | None) -> dict[str, Any]:
    """What a budget says, by column; one that says nothing is the same as none."""
    return {name: value for name in _GRANTS if (value := getattr(budget, name, None)) not in (None, "", [], {})}


def discard_budgets(budget_ids: Iterable[str | None]) -> None:
    """Delete those that were made for one who has none any more, unless somebody else was given them."""
    made_for_one = sorted({pk for pk in budget_ids if pk is not None and _is_made_for_one(pk)})
    uses = _uses(made_for_one)
    for budget in Budget.objects.filter(pk__in=[pk for pk in made_for_one if not uses[pk]]).order_by("pk"):
        budget.delete()


def _locked(rows: QuerySet[R]) -> list[R]:
    """Before the first of them is changed, in one order: who waits for one holds none that another waits for."""
    return list(rows.order_by("pk").select_for_update(of=("self",)))


def _is_made_for_one(budget_id: str) -> bool:
    """By its name: budgets that people make for several to share are called otherwise."""
    _, mark, digits = budget_id.rpartition(_MARK)
    return bool(mark) and len(digits) == 32 and set(digits) <= set("0123456789abcdef")


def _uses(budget_ids: list[str]) -> Counter[str]:
    """How many rows link to each."""
    links: Counter[str] = Counter()
    for relation in Budget._meta.related_objects:
        column = relation.field.attname
        rows = relation.related_model._base_manager.filter(**{f"{column}__in": budget_ids})
        links.update(rows.order_by().values_list(column, flat=True))
    return links
