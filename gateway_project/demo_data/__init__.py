"""Weeks of plausible traffic for an installation that has none, so that each page has something to show; and its end.

Money goes through the ledger and the roll-up as that of real calls does. Each row is recognised by what no real row can
have: entries by a key hash that is none (teams.keys.DEMO_PREFIX), rows with a maker by MAKER, the rest by their ids.
"""
