"""Admin pages of money: budgets, spend, the ledger and prices, and what the pages of those who spend say of it."""

from budgets.admin import gateway_budgets, ledger, members, owners, prices, spend

__all__ = ["gateway_budgets", "ledger", "members", "owners", "prices", "spend"]
