"""On PostgreSQL the database itself refuses to change or delete an audit entry; `told` is the one exception."""

from django.db import migrations

ON = """
CREATE FUNCTION teams_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - 'told') = (to_jsonb(OLD) - 'told') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON teams_auditentry
    FOR EACH ROW EXECUTE FUNCTION teams_audit_is_append_only();
"""
OFF = "DROP TRIGGER append_only ON teams_auditentry; DROP FUNCTION teams_audit_is_append_only();"


def on(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(ON)


def off(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(OFF)


class Migration(migrations.Migration):
    replaces = [("teams", "0003_append_only_audit")]
    dependencies = [("teams", "0001_squashed")]
    operations = [migrations.RunPython(on, off)]
