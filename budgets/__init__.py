"""Money: the ledger, prices and budgets."""
