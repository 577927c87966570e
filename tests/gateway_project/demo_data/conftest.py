"""The same database as the tests of money."""

from tests.budgets.conftest import django_db_modify_db_settings

__all__ = ["django_db_modify_db_settings"]
