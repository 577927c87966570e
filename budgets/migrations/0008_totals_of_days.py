"""Totals of what has few values are those of days now, and no longer of months."""

from django.db import migrations

SUMS = (
    "amount_nano", "requests", "failures", "prompt_tokens", "completion_tokens", "cached_tokens",
    "cache_creation_tokens", "milliseconds",
)
COLUMNS = ("model_group", "model", "provider", "deployment_id", "call_type")


def statements():
    names, sums = ", ".join(SUMS), ", ".join(f"sum({name})" for name in SUMS)
    yield f"DELETE FROM budgets_spendtotal WHERE dimension IN ({', '.join(repr(column) for column in COLUMNS)})"
    for column in COLUMNS:
        yield (
            f"INSERT INTO budgets_spendtotal (dimension, begins, value, {names}) "
            f"SELECT '{column}', day, {column}, {sums} FROM budgets_dailyspend WHERE facet = '' GROUP BY 2, 3"
        )


def add_up(apps, editor):
    with editor.connection.cursor() as cursor:
        for statement in statements():
            cursor.execute(statement)


class Migration(migrations.Migration):

    dependencies = [
        ('budgets', '0007_ledger_search'),
    ]

    operations = [
        migrations.RunPython(add_up, migrations.RunPython.noop),
    ]
