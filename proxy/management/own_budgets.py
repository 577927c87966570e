"""Limits in the body of somebody who has a budget by a link: customers and tags."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from proxy.management.schemas.limits import LIMIT_FIELDS, set_limits
from teams.errors import Invalid, NotFound
from teams.models import Budget, Customer, Tag
from teams.services import discard_budgets, grants_of, own_budget


def save_with_budget(
    row: Customer | Tag, given: Mapping[str, Any], *, owner: str, now: datetime, new: bool = False
) -> None:
    """Save a row with the shared budget or the own limits that a body gives it. Raises Invalid or NotFound.

    A budget that was made for the row alone, and is not its budget any more, goes.
    """
    former = row.budget_id
    limits = {name: value for name, value in given.items() if name in LIMIT_FIELDS}
    if given.get("budget_id") is not None:
        for name, value in limits.items():
            if value is not None:
                raise Invalid(f"Set either '{name}' or 'budget_id', not both.", param=name)
        row.budget = _shared(given["budget_id"])
    else:
        if "budget_id" in given:
            row.budget = None
        if limits and (row.budget is not None or any(value is not None for value in limits.values())):
            row.budget = _own(row.budget, limits, owner=owner, now=now)
    row.save(force_insert=new)
    if former != row.budget_id:
        discard_budgets([former])


def _shared(budget_id: str) -> Budget:
    found = Budget.objects.filter(pk=budget_id).first()
    if found is None:
        raise NotFound(f"Budget not found, passed budget_id={budget_id}", param="budget_id")
    return found


def _own(present: Budget | None, limits: dict[str, Any], *, owner: str, now: datetime) -> Budget | None:
    """Nothing, when the limits take away the last that it granted."""
    budget = own_budget(present, owner=owner)
    set_limits(budget, limits, now=now)
    if not grants_of(budget):
        return None
    budget.save()
    return budget
