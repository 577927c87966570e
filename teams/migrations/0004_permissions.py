"""Permissions that reach beyond one's own teams."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("teams", "0003_append_only_audit")]
    operations = [
        migrations.AlterModelOptions(
            name="virtualkey",
            options={
                "ordering": ["-created_at", "-id"],
                "permissions": [
                    ("view_everything", "Can see what belongs to others"),
                    ("manage_everything", "Can change what belongs to others"),
                    ("block_virtualkey", "Can block and unblock keys"),
                ],
            },
        ),
    ]
