"""Entries of the demo may be deleted again: those under a key hash that is no hash, which no request can have."""

from django.db import migrations

LEDGER, HORIZON = "budgets_ledgerentry", "budgets_ledgerhorizon"
REFUSAL = "the ledger is append-only"
DEMO = "substr(OLD.key_hash, 1, 5) = 'demo.'"
BEFORE = f"(SELECT max(before) FROM {HORIZON})"


def _postgres(may_be_deleted):
    return f"""
    CREATE OR REPLACE FUNCTION tollkeeper_keep_ledger() RETURNS trigger AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND ({may_be_deleted}) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
    END
    $$ LANGUAGE plpgsql;
    """


def _sqlite(is_refused):
    return f"""
    CREATE TRIGGER tollkeeper_keep_ledger_delete BEFORE DELETE ON {LEDGER} WHEN {is_refused}
    BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
    """


def _run(schema_editor, postgres, sqlite):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(postgres)
        return
    schema_editor.execute("DROP TRIGGER tollkeeper_keep_ledger_delete")
    schema_editor.execute(sqlite)


def spare_the_demo(apps, schema_editor):
    young = f"({BEFORE} IS NULL OR OLD.started_at >= {BEFORE})"
    _run(schema_editor, _postgres(f"OLD.started_at < {BEFORE} OR {DEMO}"), _sqlite(f"{young} AND NOT {DEMO}"))


def spare_nothing(apps, schema_editor):
    young = f"{BEFORE} IS NULL OR OLD.started_at >= {BEFORE}"
    _run(schema_editor, _postgres(f"OLD.started_at < {BEFORE}"), _sqlite(young))


class Migration(migrations.Migration):
    dependencies = [("budgets", "0002_append_only")]
    operations = [migrations.RunPython(spare_the_demo, spare_nothing)]
