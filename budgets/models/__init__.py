"""The ledger, the prices it was charged by, and what it adds up to."""

from budgets.models import labels
from budgets.models.balances import (
    Balance,
    DailySpend,
    Facet,
    LedgerHorizon,
    Scope,
    SpendAdjustment,
    SpendTotal,
    UnrolledBatch,
)
from budgets.models.calls import CallDay, CallHour, CallTotal
from budgets.models.gateway_budgets import BudgetSource, GatewayBudget
from budgets.models.holds import CounterHold
from budgets.models.ledger import HEALTH_CHECK_KEY, NEEDS_NO_PRICE, Basis, LedgerEntry, PriceSnapshot
from budgets.models.prices import ModelPrice, PriceSource

__all__ = [
    "HEALTH_CHECK_KEY",
    "NEEDS_NO_PRICE",
    "Balance",
    "Basis",
    "BudgetSource",
    "CallDay",
    "CallHour",
    "CallTotal",
    "CounterHold",
    "DailySpend",
    "Facet",
    "GatewayBudget",
    "LedgerEntry",
    "LedgerHorizon",
    "ModelPrice",
    "PriceSnapshot",
    "PriceSource",
    "Scope",
    "SpendAdjustment",
    "SpendTotal",
    "UnrolledBatch",
    "labels",
]
