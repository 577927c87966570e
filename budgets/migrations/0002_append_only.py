"""The database itself keeps the ledger append-only: no update, and no deletion of what is newer than the horizon."""

from django.db import migrations

LEDGER, HORIZON = "budgets_ledgerentry", "budgets_ledgerhorizon"
REFUSAL = "the ledger is append-only"

POSTGRES = f"""
CREATE FUNCTION tollkeeper_keep_ledger() RETURNS trigger AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.started_at < (SELECT max(before) FROM {HORIZON}) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
END
$$ LANGUAGE plpgsql;
CREATE TRIGGER tollkeeper_keep_ledger BEFORE UPDATE OR DELETE ON {LEDGER}
    FOR EACH ROW EXECUTE FUNCTION tollkeeper_keep_ledger();
"""
POSTGRES_BACK = f"""
DROP TRIGGER tollkeeper_keep_ledger ON {LEDGER};
DROP FUNCTION tollkeeper_keep_ledger();
"""
SQLITE = [
    f"""
    CREATE TRIGGER tollkeeper_keep_ledger_update BEFORE UPDATE ON {LEDGER}
    BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
    """,
    f"""
    CREATE TRIGGER tollkeeper_keep_ledger_delete BEFORE DELETE ON {LEDGER}
    WHEN (SELECT max(before) FROM {HORIZON}) IS NULL OR OLD.started_at >= (SELECT max(before) FROM {HORIZON})
    BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
    """,
]
SQLITE_BACK = [f"DROP TRIGGER tollkeeper_keep_ledger_{verb}" for verb in ("update", "delete")]


def _run(schema_editor, postgres, sqlite):
    for statement in [postgres] if schema_editor.connection.vendor == "postgresql" else sqlite:
        schema_editor.execute(statement)


def keep(apps, schema_editor):
    _run(schema_editor, POSTGRES, SQLITE)


def let_go(apps, schema_editor):
    _run(schema_editor, POSTGRES_BACK, SQLITE_BACK)


class Migration(migrations.Migration):
    replaces = [("budgets", "0008_append_only")]
    dependencies = [("budgets", "0001_squashed")]
    operations = [migrations.RunPython(keep, let_go)]
