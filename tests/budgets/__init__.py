"""Tests of money: prices, the ledger and its spool."""
