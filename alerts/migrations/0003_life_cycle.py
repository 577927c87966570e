import alerts.encrypted
import alerts.models.routes
import alerts.models.settings
import alerts.shapes
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def name_routes(apps, schema_editor):
    """A route of one type, or of every other, becomes one that says so and is asked in that order."""
    for route in apps.get_model("alerts", "AlertRoute").objects.all():
        route.name = route.alert_type or "everything else"
        route.alert_types = [route.alert_type] if route.alert_type else []
        route.position = 100 if route.alert_type else 1000
        route.save()


def type_routes(apps, schema_editor):
    """Only one route of a type can be told by its type alone."""
    seen = set()
    for route in apps.get_model("alerts", "AlertRoute").objects.order_by("position", "id"):
        alert_type = route.alert_types[0] if route.alert_types else ""
        if alert_type in seen:
            route.delete()
            continue
        seen.add(alert_type)
        route.alert_type = alert_type
        route.save()


class Migration(migrations.Migration):

    dependencies = [
        ('alerts', '0002_management'),
    ]

    operations = [
        migrations.CreateModel(
            name='DeliveryAttempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField()),
                ('began_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('error', models.TextField(blank=True)),
                ('response', models.TextField(blank=True)),
                ('latency_ms', models.PositiveIntegerField(null=True)),
            ],
            options={
                'ordering': ['began_at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='IncidentEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('what', models.CharField(choices=[('opened', 'Opened'), ('told', 'Told'), ('withheld', 'Not told'), ('escalated', 'Escalated'), ('acknowledged', 'Acknowledged'), ('unacknowledged', 'Acknowledgement taken back'), ('silenced', 'Silenced'), ('resent', 'Sent again'), ('resolved', 'Resolved'), ('dismissed', 'Dismissed'), ('reopened', 'Reopened'), ('note', 'Note')], max_length=16)),
                ('actor', models.CharField(blank=True, max_length=255)),
                ('text', models.TextField(blank=True)),
            ],
            options={
                'verbose_name_plural': 'incident entries',
                'ordering': ['at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Silence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('alert_types', alerts.shapes.NamesField(blank=True, default=list, help_text='Empty means every type.', validators=[alerts.models.settings.validate_alert_types])),
                ('matchers', alerts.shapes.ObjectField(blank=True, default=dict, help_text='Labels an alert must have, such as {"model": "gpt-4o", "team": "research-*", "region": "!us-*"}.', validators=[alerts.models.routes.validate_matchers])),
                ('starts_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ends_at', models.DateTimeField()),
                ('is_weekly', models.BooleanField(default=False, verbose_name='every week')),
                ('comment', models.CharField(max_length=500)),
                ('created_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['-ends_at', '-id'],
            },
        ),
        migrations.AlterModelOptions(
            name='alertroute',
            options={'ordering': ['position', 'id']},
        ),
        migrations.AlterModelOptions(
            name='incident',
            options={'ordering': ['-last_seen_at', '-id']},
        ),
        migrations.RemoveConstraint(
            model_name='incident',
            name='one_open_incident_per_fingerprint',
        ),
        migrations.AddField(
            model_name='alertchannel',
            name='delivered_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='last delivery'),
        ),
        migrations.AddField(
            model_name='alertchannel',
            name='failing_since',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='alertchannel',
            name='last_error',
            field=models.TextField(blank=True, editable=False),
        ),
        migrations.AddField(
            model_name='alertchannel',
            name='most_per_minute',
            field=models.PositiveSmallIntegerField(default=60, help_text='More than so many messages in a minute are merged into one. 0 means no bound.'),
        ),
        migrations.AddField(
            model_name='alertchannel',
            name='options',
            field=alerts.shapes.ObjectField(blank=True, default=dict, help_text='What the kind of channel knows beside its address; see docs/alerts.md.'),
        ),
        migrations.AddField(
            model_name='alertchannel',
            name='secret',
            field=alerts.encrypted.EncryptedTextField(blank=True, help_text="PagerDuty's integration key, a webhook's signing secret or a bearer token; never shown."),
        ),
        migrations.AddField(
            model_name='alertchannel',
            name='team_id',
            field=models.CharField(blank=True, db_index=True, max_length=255, verbose_name='team'),
        ),
        migrations.AddField(
            model_name='alertroute',
            name='alert_types',
            field=alerts.shapes.NamesField(blank=True, default=list, help_text='Empty means every type.', validators=[alerts.models.settings.validate_alert_types]),
        ),
        migrations.AddField(
            model_name='alertroute',
            name='dashboard_url',
            field=models.URLField(blank=True, verbose_name='dashboard'),
        ),
        migrations.AddField(
            model_name='alertroute',
            name='enabled',
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name='alertroute',
            name='escalate_after_seconds',
            field=models.PositiveIntegerField(blank=True, help_text='Not acknowledged for so long, the further channels are told too.', null=True),
        ),
        migrations.AddField(
            model_name='alertroute',
            name='escalate_to',
            field=models.ManyToManyField(blank=True, related_name='escalations', to='alerts.alertchannel'),
        ),
        migrations.AddField(
            model_name='alertroute',
            name='goes_on',
            field=models.BooleanField(default=False, verbose_name='ask further routes too'),
        ),
        migrations.AddField(
            model_name='alertroute',
            name='level',
            field=models.CharField(blank=True, choices=[('Low', 'Low'), ('Medium', 'Medium'), ('High', 'High')], max_length=16, verbose_name='tell as level'),
        ),
        migrations.AddField(
            model_name='alertroute',
            name='levels',
            field=alerts.shapes.NamesField(blank=True, default=list, help_text='Empty means every level.', validators=[alerts.models.routes.validate_levels]),
        ),
        migrations.AddField(
            model_name='alertroute',
            name='matchers',
            field=alerts.shapes.ObjectField(blank=True, default=dict, help_text='Labels an alert must have, such as {"model": "gpt-4o", "team": "research-*", "region": "!us-*"}.', validators=[alerts.models.routes.validate_matchers]),
        ),
        migrations.AddField(
            model_name='alertroute',
            name='name',
            field=models.CharField(default='', max_length=255),
        ),
        migrations.AddField(
            model_name='alertroute',
            name='position',
            field=models.PositiveIntegerField(default=100, help_text='Lower ones are asked first.'),
        ),
        migrations.RunPython(name_routes, type_routes),
        migrations.RemoveField(
            model_name='alertroute',
            name='alert_type',
        ),
        migrations.AlterField(
            model_name='alertroute',
            name='name',
            field=models.CharField(max_length=255, unique=True),
        ),
        migrations.AddField(
            model_name='alertroute',
            name='repeat_seconds',
            field=models.PositiveIntegerField(blank=True, help_text="While it is still firing, told again after so long; empty means the type's own.", null=True),
        ),
        migrations.AddField(
            model_name='alertroute',
            name='runbook_url',
            field=models.URLField(blank=True, verbose_name='runbook'),
        ),
        migrations.AddField(
            model_name='alertroute',
            name='schedule',
            field=alerts.shapes.ObjectField(blank=True, default=dict, help_text='When it applies, such as {"timezone": "Europe/Paris", "windows": [{"days": ["mon-fri"], "from": "08:00", "to": "18:00"}], "outside": "hold"}: outside of the hours "skip" asks the next route, "hold" keeps alerts until the hours begin.', validators=[alerts.models.routes.validate_schedule]),
        ),
        migrations.AddField(
            model_name='alertroute',
            name='team_id',
            field=models.CharField(blank=True, db_index=True, max_length=255, verbose_name='team'),
        ),
        migrations.AddField(
            model_name='alertsettings',
            name='alert_type_config',
            field=alerts.shapes.ObjectField(blank=True, default=dict, help_text='Digests, such as {"llm_too_slow": {"digest": true, "digest_interval": 86400}}.'),
        ),
        migrations.AddField(
            model_name='alertsettings',
            name='configured',
            field=alerts.shapes.NamesField(blank=True, default=list, editable=False, help_text='What config.yaml says, which cannot be changed elsewhere.'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='is_digest',
            field=models.BooleanField(default=False, help_text='Waits to be told together with others of its type.'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='merged_into',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='merged', to='alerts.delivery'),
        ),
        migrations.AddField(
            model_name='incident',
            name='acknowledged_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='incident',
            name='acknowledged_by',
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AddField(
            model_name='incident',
            name='body',
            field=models.JSONField(default=dict, help_text='What a channel of another format needs: compatibility and report.'),
        ),
        migrations.AddField(
            model_name='incident',
            name='escalate_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='incident',
            name='resolved_by',
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AddField(
            model_name='incident',
            name='silenced_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='incident',
            name='told_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='alertchannel',
            name='kind',
            field=models.CharField(choices=[('slack', 'Slack (also Mattermost, and Discord by /slack)'), ('discord', 'Discord'), ('ms_teams', 'Microsoft Teams (Workflows)'), ('pagerduty', 'PagerDuty Events v2'), ('email', 'E-mail'), ('webhook', 'Webhook (JSON)'), ('alertmanager', 'Prometheus Alertmanager'), ('apprise', 'Apprise')], max_length=32),
        ),
        migrations.AlterField(
            model_name='alertchannel',
            name='url',
            field=alerts.encrypted.EncryptedTextField(blank=True, help_text="The webhook's address. It is a credential and is never shown.", verbose_name='address'),
        ),
        migrations.AlterField(
            model_name='alertroute',
            name='channels',
            field=models.ManyToManyField(blank=True, related_name='routes', to='alerts.alertchannel'),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='kind',
            field=models.CharField(choices=[('firing', 'Firing'), ('repeat', 'Still firing'), ('escalated', 'Escalated'), ('acknowledged', 'Acknowledged'), ('resolved', 'Resolved'), ('notice', 'Notice'), ('digest', 'Digest')], max_length=16),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='state',
            field=models.CharField(choices=[('pending', 'Waiting'), ('sending', 'Sending'), ('delivered', 'Delivered'), ('merged', 'In another message'), ('dead', 'Given up')], default='pending', max_length=16),
        ),
        migrations.AlterField(
            model_name='incident',
            name='reason',
            field=models.CharField(help_text='Why it was told last, or was not.', max_length=32),
        ),
        migrations.AlterField(
            model_name='incident',
            name='status',
            field=models.CharField(choices=[('open', 'Firing'), ('acknowledged', 'Acknowledged'), ('resolved', 'Resolved'), ('dismissed', 'Dismissed')], default='open', max_length=16),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['channel', 'finished_at'], name='delivery_finished'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['fingerprint', 'opened_at'], name='incident_fingerprint_opened'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(condition=models.Q(('escalate_at__isnull', False)), fields=['escalate_at'], name='incident_escalation'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['open', 'acknowledged'])), fields=('fingerprint',), name='one_live_incident_per_fingerprint'),
        ),
        migrations.AddField(
            model_name='deliveryattempt',
            name='delivery',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='alerts.delivery'),
        ),
        migrations.AddField(
            model_name='incidententry',
            name='incident',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='entries', to='alerts.incident'),
        ),
        migrations.AddConstraint(
            model_name='silence',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='silence_ends_after_start'),
        ),
    ]
