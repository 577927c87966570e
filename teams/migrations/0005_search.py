"""Parts of names are found by an index, where PostgreSQL has pg_trgm and this role may use it."""

import logging

from django.db import Error, migrations, transaction

logger = logging.getLogger(__name__)

_COLUMNS = {
    "teams_virtualkey": {"alias": "UPPER(alias::text)", "name": "name"},
    "teams_user": {name: f"UPPER({name}::text)" for name in ("id", "username", "alias", "email")},
}


def _index(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=schema_editor.connection.alias), schema_editor.connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            for table, columns in _COLUMNS.items():
                for column, expression in columns.items():
                    cursor.execute(f"CREATE INDEX {_name(table, column)} ON {table} USING gin ({expression} gin_trgm_ops)")
    except Error:
        logger.warning("pg_trgm cannot be used: a search for a part of a name reads the whole table")


def _forget(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table, columns in _COLUMNS.items():
            for column in columns:
                schema_editor.execute(f"DROP INDEX IF EXISTS {_name(table, column)}")


def _name(table, column):
    return f"{table}_{column}_search"


class Migration(migrations.Migration):
    dependencies = [("teams", "0004_key_budget_order")]
    operations = [migrations.RunPython(_index, _forget)]
