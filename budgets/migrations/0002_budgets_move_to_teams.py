"""Budgets became rows of `teams`, beside whom they bind."""

from django.db import migrations

OWNERS = {"team": "Team", "user": "User", "key": "VirtualKey"}


def move(apps, schema_editor):
    Budget = apps.get_model("teams", "Budget")
    for old in apps.get_model("budgets", "Budget").objects.all():
        limits = {"max_budget_nano": old.max_nano, "soft_budget_nano": old.soft_nano, "budget_duration": old.duration}
        Budget.objects.create(id=old.id, created_at=old.created_at, budget_started_at=old.created_at, **limits)
        for assignment in old.assignments.all():
            if model := OWNERS.get(assignment.scope):
                by = "token_hash" if assignment.scope == "key" else "pk"
                owners = apps.get_model("teams", model).objects.filter(**{by: assignment.entity_id})
                owners.update(budget_started_at=old.created_at, **limits)


class Migration(migrations.Migration):

    dependencies = [
        ("budgets", "0001_initial"),
        ("teams", "0002_management"),
    ]

    operations = [
        migrations.RunPython(move, migrations.RunPython.noop),
        migrations.DeleteModel(name="BudgetAssignment"),
        migrations.DeleteModel(name="Budget"),
    ]
