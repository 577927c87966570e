"""Entries of the demo may be deleted again: those of a key hash that is no hash, which no actor can have."""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION teams_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - 'told') = (to_jsonb(OLD) - 'told') THEN
        RETURN NEW;
    END IF;
    %s
    RAISE EXCEPTION 'the audit trail is append-only';
END $$;
"""
DEMO = """
    IF TG_OP = 'DELETE' AND substr(OLD.actor_key_hash, 1, 5) = 'demo.' THEN
        RETURN OLD;
    END IF;
"""


def spare_the_demo(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION % DEMO)


def spare_nothing(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION % "")


class Migration(migrations.Migration):
    dependencies = [("teams", "0002_append_only")]
    operations = [migrations.RunPython(spare_the_demo, spare_nothing)]
