"""What the audit trail keeps of prices and of the gateway's budgets, and that every process must know of them."""

from django.db.models import Model

from budgets.corrections import OBJECT_TYPE
from budgets.models import GatewayBudget, ModelPrice
from teams import audit, revisions
from teams.audit import Watched


def _tables_changed(row: Model) -> None:
    revisions.bump(revisions.DEPLOYMENTS)


def connect() -> None:
    audit.watch(ModelPrice, Watched("model_price", changed=_tables_changed))
    audit.watch(GatewayBudget, Watched("gateway_budget", changed=_tables_changed))
    audit.name(Watched(OBJECT_TYPE))
