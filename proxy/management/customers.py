"""The customer routes (api.md 2.5): end users of somebody's application, whom requests name as `user`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

import budgets.spend
from budgets.group_spend import chunks
from budgets.models import Scope
from budgets.resets import set_spend
from budgets.spend import NOTHING, Spend, spend_of
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.key_objects import utc_now
from proxy.management.own_budgets import save_with_budget
from proxy.management.pages import paginate
from proxy.management.schemas import customers as schemas
from proxy.management.schemas.budgets import budget_object
from proxy.management.schemas.fields import Object
from proxy.management.schemas.limits import nano
from teams import audit
from teams.errors import Invalid, NotFound
from teams.models import Customer
from teams.money import to_dollars
from teams.services import discard_budgets

_PLAIN = {
    "alias": ("alias", str), "blocked": ("blocked", bool), "models": ("allowed_models", list),
    "allowed_model_region": ("allowed_model_region", str), "default_model": ("default_model", str),
}  # fmt: skip


class Customers(ManagementViewSet):
    tag = "customers"

    @route("POST", "/customer/new", "/end_user/new", access=Access.ADMIN, body=schemas.NewCustomer,
           answer=schemas.CustomerObject)  # fmt: skip
    def new(self, call: Call, body: schemas.NewCustomer) -> Any:
        """Make a customer before the first request that names it, to limit it from the start."""
        if Customer.objects.filter(pk=body.user_id).exists():
            raise Invalid(
                f"Customer already exists, passed user_id={body.user_id}. Please pass a new user_id.",
                type_="bad_request",
                param="user_id",
            )
        return _save(Customer(id=body.user_id), body.given(), call, new=True)

    @route("POST", "/customer/update", "/end_user/update", access=Access.ADMIN, body=schemas.UpdateCustomer,
           answer=schemas.CustomerObject)  # fmt: skip
    def update(self, call: Call, body: schemas.UpdateCustomer) -> Any:
        """Change some fields of a customer: what is left out stays, null clears."""
        (row,) = _named([body.user_id])
        return _save(row, body.given(), call)

    @route("GET", "/customer/info", "/end_user/info", access=Access.ADMIN_READ, query=schemas.CustomerQuery,
           answer=schemas.CustomerObject)  # fmt: skip
    def info(self, call: Call, query: schemas.CustomerQuery) -> Any:
        """One customer with its budget and what it has spent."""
        row = Customer.objects.select_related("budget").filter(pk=query.end_user_id).first()
        if row is None:
            raise _unknown(query.end_user_id)
        return _shown(row)

    @route("GET", "/customer/list", "/end_user/list", access=Access.ADMIN_READ, query=schemas.CustomerList,
           answer=list[schemas.CustomerObject])  # fmt: skip
    def list(self, call: Call, query: schemas.CustomerList) -> Any:
        """Customers by id: the first ten thousand for who names no page."""
        rows = Customer.objects.select_related("budget").order_by("pk")
        return customer_objects(paginate(rows, number=query.page, size=query.page_size).rows, now=utc_now())

    @route("POST", "/customer/delete", "/end_user/delete", access=Access.ADMIN, body=schemas.NamedCustomers,
           answer=schemas.DeletedCustomers)  # fmt: skip
    def delete(self, call: Call, body: schemas.NamedCustomers) -> dict[str, Any]:
        """Delete customers, all of those that are named or none. Their spend stays."""
        rows = _named(body.user_ids)
        budget_ids = [row.budget_id for row in rows]
        for row in rows:
            row.delete()
        discard_budgets(budget_ids)
        ids = list(dict.fromkeys(body.user_ids))
        return {"deleted_customers": len(ids), "message": f"Successfully deleted customers with ids: {ids}"}

    @route("POST", "/customer/block", "/end_user/block", access=Access.ADMIN, body=schemas.NamedCustomers,
           answer=schemas.BlockedCustomers)  # fmt: skip
    def block(self, call: Call, body: schemas.NamedCustomers) -> dict[str, Any]:
        """Refuse customers from their next request on, those too who were never seen before."""
        known = Customer.objects.filter(pk__in=body.user_ids).values_list("pk", flat=True)
        for user_id in sorted(set(body.user_ids) - set(known)):
            _make_blocked(user_id)
        rows = _named(body.user_ids)
        _set_blocked(rows, blocked=True)
        return {"blocked_users": customer_objects(rows, now=utc_now())}

    @route("POST", "/customer/unblock", "/end_user/unblock", access=Access.ADMIN, body=schemas.NamedCustomers,
           answer=schemas.StillBlockedCustomers)  # fmt: skip
    def unblock(self, call: Call, body: schemas.NamedCustomers) -> dict[str, Any]:
        """Serve blocked customers again. The answer names those who are blocked still, the first ten thousand."""
        _set_blocked(_named(body.user_ids), blocked=False)
        still = Customer.objects.filter(blocked=True).order_by("pk").values_list("pk", flat=True)
        return {"blocked_users": list(still[:10_000])}


def _unknown(user_id: str) -> NotFound:
    return NotFound(f"End User Id={user_id} does not exist in db", type_="not_found", param="user_id")


def _named(user_ids: Sequence[str]) -> list[Customer]:
    """Each once. Raises NotFound for the first that is not there."""
    rows = Customer.objects.filter(pk__in=user_ids).select_related("budget").order_by("pk")
    # Locked, in one order, so that two changes of different fields both last and never wait for each other.
    found = {row.pk: row for row in rows.select_for_update(of=("self",))}
    for user_id in user_ids:
        if user_id not in found:
            raise _unknown(user_id)
    return list(found.values())


def _save(row: Customer, given: Mapping[str, Any], call: Call, *, new: bool = False) -> Object:
    now = utc_now()
    for name, (column, empty) in _PLAIN.items():
        if name in given:
            setattr(row, column, empty() if given[name] is None else given[name])
    save_with_budget(row, given, owner=f"customer-{row.pk}", now=now, new=new)
    if given.get("spend") is not None:
        _set_spend(row, nano("spend", given["spend"]), call, now=now)
    return _shown(row)


def _set_spend(row: Customer, wanted: int, call: Call, *, now: datetime) -> None:
    period = budgets.spend.current_period(row.budget, now=now) if row.budget else None
    entity, since = (Scope.CUSTOMER, row.pk), period[0] if period else None
    current = set_spend(entity, since=since, to_nano=wanted, now=now, actor_id=call.reach.user_id or "")
    if wanted != current:
        audit.note("customer", row, before={"spend": to_dollars(current)}, after={"spend": to_dollars(wanted)})


def _make_blocked(user_id: str) -> None:
    try:
        with transaction.atomic():
            Customer.objects.create(id=user_id, blocked=True)
    except IntegrityError:
        # A first request made the row meanwhile, or another call like this one; it is blocked with the others.
        return


def _set_blocked(rows: Iterable[Customer], *, blocked: bool) -> None:
    for row in rows:
        row.blocked = blocked
        row.save(update_fields=["blocked", "updated_at", "updated_by"])


def _spends(rows: Iterable[Customer], *, now: datetime) -> dict[str, Spend]:
    """By id, each in the period of its budget. Who has none, or one that is never reset, is no condition of its own."""
    starts = {row.pk: budgets.spend.current_period(row.budget, now=now) if row.budget else None for row in rows}
    since = {pk: current[0] if current else None for pk, current in starts.items()}
    found: dict[str, Spend] = spend_of(Scope.CUSTOMER, {pk: start for pk, start in since.items() if start is None})
    for some in chunks((pk, start) for pk, start in since.items() if start is not None):
        found |= spend_of(Scope.CUSTOMER, dict(some))
    return found


def customer_objects(rows: Sequence[Customer], *, now: datetime) -> list[Object]:
    spends = _spends(rows, now=now)
    return [_object(row, spends.get(row.pk, NOTHING), now=now) for row in rows]


def _shown(row: Customer) -> Object:
    return customer_objects([row], now=utc_now())[0]


def _object(row: Customer, spend: Spend, *, now: datetime) -> Object:
    return schemas.CustomerObject(
        user_id=row.pk,
        blocked=row.blocked,
        alias=row.alias or None,
        spend=to_dollars(spend.period_nano),
        allowed_model_region=row.allowed_model_region or None,
        default_model=row.default_model or None,
        models=row.allowed_models,
        budget_id=row.budget_id,
        litellm_budget_table=budget_object(row.budget, now=now) if row.budget else None,
    ).model_dump(mode="json")
