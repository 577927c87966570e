"""What the tests of money share."""

from pathlib import Path

import pytest
from django.conf import settings


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """SQLite as the product has it, a file: in a database in memory threads lock each other out."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database.setdefault("TEST", {})["NAME"] = Path(settings.DATA_DIR) / "test.sqlite3"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that looks into the spool all the time."""
    monkeypatch.setattr("budgets.ledger.DRAIN_INTERVAL_SECONDS", 0.05)
