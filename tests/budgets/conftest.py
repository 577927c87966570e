"""SQLite as the product has it: a file, which several threads may use at once."""

from pathlib import Path

import pytest
from django.conf import settings


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """The default is a database in memory, whose threads lock each other out."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database.setdefault("TEST", {})["NAME"] = Path(settings.DATA_DIR) / "test.sqlite3"
