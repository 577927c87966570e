"""The budget routes (api.md 2.6): limits under a name, for whoever is linked to them."""

from typing import Any

from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.key_objects import utc_now
from proxy.management.pages import paginate
from proxy.management.schemas import budgets as schemas
from proxy.management.schemas.fields import Object
from proxy.management.schemas.limits import LIMIT_FIELDS, LimitFields, set_limits
from teams.errors import Envelope, Invalid, NotFound
from teams.models import Budget

# As LiteLLM calls the types of what stands in the settings.
_FIELD_TYPES = {
    "max_budget": "Float", "soft_budget": "Float", "budget_duration": "String", "max_parallel_requests": "Integer",
    "tpm_limit": "Integer", "rpm_limit": "Integer", "tpd_limit": "Integer",
}  # fmt: skip


class Budgets(ManagementViewSet):
    tag = "budgets"

    @route("POST", "/budget/new", access=Access.ADMIN, body=schemas.NewBudget, answer=schemas.BudgetObject,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def new(self, call: Call, body: schemas.NewBudget) -> Any:
        """Make a budget, to be linked to customers, keys, members or tags."""
        if body.budget_id is not None and Budget.objects.filter(pk=body.budget_id).exists():
            raise Invalid(f"Budget with id '{body.budget_id}' already exists.", param="budget_id")
        return _save(Budget(id=body.budget_id) if body.budget_id else Budget(), body, new=True)

    @route("POST", "/budget/update", access=Access.ADMIN, body=schemas.UpdateBudget, answer=schemas.BudgetObject,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def update(self, call: Call, body: schemas.UpdateBudget) -> Any:
        """Change a budget for everybody who is linked to it: what is left out stays, null clears."""
        if body.budget_id is None:
            raise Invalid("budget_id is required", param="budget_id")
        return _save(_named(body.budget_id), body)

    @route("POST", "/budget/info", access=Access.ADMIN_READ, body=schemas.BudgetIds, answer=list[schemas.BudgetObject],
           envelope=Envelope.DETAIL_ERROR, reads=True)  # fmt: skip
    def info(self, call: Call, body: schemas.BudgetIds) -> Any:
        """Several budgets; those that are not there are left out."""
        if not body.budgets:
            raise Invalid(f"Specify list of budget id's to query. Passed in={body.budgets}", param="budgets")
        return _shown(Budget.objects.filter(pk__in=body.budgets).order_by("pk"))

    @route("GET", "/budget/settings", access=Access.ADMIN_READ, query=schemas.BudgetQuery,
           answer=list[schemas.BudgetSetting], envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def fields(self, call: Call, query: schemas.BudgetQuery) -> Any:
        """What can be set on a budget, and what is set, for a form."""
        row = Budget.objects.filter(pk=query.budget_id).first()
        if row is None:
            raise _unknown(query.budget_id)
        (shown,) = _shown([row])
        return [
            {
                "field_name": name,
                "field_type": type_,
                "field_description": LimitFields.model_fields[name].description or "",
                "field_value": shown[name],
                "stored_in_db": True,
                "field_default_value": None,
                "premium_field": False,
                "nested_fields": None,
            }
            for name, type_ in _FIELD_TYPES.items()
        ]

    @route("GET", "/budget/list", access=Access.ADMIN_READ, query=schemas.BudgetList,
           answer=list[schemas.BudgetObject])  # fmt: skip
    def list(self, call: Call, query: schemas.BudgetList) -> Any:
        """Budgets by id: the first ten thousand for who names no page."""
        return _shown(paginate(Budget.objects.order_by("pk"), number=query.page, size=query.page_size).rows)

    @route("POST", "/budget/delete", access=Access.ADMIN, body=schemas.DeleteBudget, answer=schemas.BudgetObject,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def delete(self, call: Call, body: schemas.DeleteBudget) -> Any:
        """Delete a budget. Who was linked to it is left without one."""
        row = _named(body.id)
        (shown,) = _shown([row])
        row.delete()
        return shown


def _unknown(budget_id: str) -> NotFound:
    return NotFound(f"Budget not found, passed budget_id={budget_id}", param="budget_id")


def _named(budget_id: str) -> Budget:
    """Raises NotFound."""
    # Locked, so that two changes of different fields both last.
    row = Budget.objects.select_for_update().filter(pk=budget_id).first()
    if row is None:
        raise _unknown(budget_id)
    return row


def _save(row: Budget, body: schemas.NewBudget | schemas.UpdateBudget, *, new: bool = False) -> Object:
    given = body.given()
    set_limits(row, {name: given[name] for name in given if name in LIMIT_FIELDS}, now=utc_now())
    if "allowed_models" in given:
        row.allowed_models = given["allowed_models"] or []
    row.save(force_insert=new)
    (shown,) = _shown([row])
    return shown


def _shown(rows: Any) -> list[Object]:
    now = utc_now()
    return [schemas.budget_object(row, now=now) for row in rows]
