"""Totals of days and months, and what those were that are there already."""

from django.db import migrations, models

SUMS = (
    "amount_nano", "requests", "failures", "prompt_tokens", "completion_tokens", "cached_tokens",
    "cache_creation_tokens", "milliseconds",
)
COLUMNS = (
    "key_hash", "user_id", "team_id", "organization_id", "model_group", "model", "provider", "deployment_id",
    "call_type",
)


def statements(*, on_server):
    month = "date_trunc('month', day)::date" if on_server else "date(day, 'start of month')"
    wanted = [("", "day", "''", "")]
    wanted += [(column, month, column, "") for column in COLUMNS]
    wanted += [(facet, month, "facet_value", facet) for facet in ("customer", "tag")]
    sums = ", ".join(f"sum({name})" for name in SUMS)
    return [
        f"INSERT INTO budgets_spendtotal (dimension, begins, value, {', '.join(SUMS)}) "
        f"SELECT '{dimension}', {begins}, {value}, {sums} FROM budgets_dailyspend WHERE facet = '{facet}' GROUP BY 2, 3"
        for dimension, begins, value, facet in wanted
    ]


def add_up(apps, editor):
    with editor.connection.cursor() as cursor:
        for statement in statements(on_server=editor.connection.vendor == "postgresql"):
            cursor.execute(statement)


class Migration(migrations.Migration):

    dependencies = [
        ('budgets', '0005_rare_entries'),
    ]

    operations = [
        migrations.CreateModel(
            name='SpendTotal',
            fields=[
                ('pk', models.CompositePrimaryKey('dimension', 'begins', 'value', blank=True, editable=False, primary_key=True, serialize=False)),
                ('dimension', models.CharField(blank=True, max_length=16)),
                ('begins', models.DateField()),
                ('value', models.CharField(blank=True, max_length=255)),
                ('amount_nano', models.BigIntegerField(default=0, verbose_name='amount, nano-dollars')),
                ('requests', models.BigIntegerField(default=0)),
                ('failures', models.BigIntegerField(default=0)),
                ('prompt_tokens', models.BigIntegerField(default=0)),
                ('completion_tokens', models.BigIntegerField(default=0)),
                ('cached_tokens', models.BigIntegerField(default=0)),
                ('cache_creation_tokens', models.BigIntegerField(default=0)),
                ('milliseconds', models.BigIntegerField(default=0)),
            ],
            options={
                'ordering': ['dimension', 'begins', 'value'],
                'indexes': [models.Index(fields=['dimension', 'begins', '-amount_nano', 'value'], name='spend_total_dearest')],
            },
        ),
        migrations.RunPython(add_up, migrations.RunPython.noop),
    ]
