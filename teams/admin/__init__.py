"""Admin pages of keys, of who has them, and of what became of them."""

from teams.admin import keys, organizations, payers, people, records, teams

__all__ = ["keys", "organizations", "payers", "people", "records", "teams"]
