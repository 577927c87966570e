import alerts.encrypted
import alerts.models.routes
import alerts.models.settings
import alerts.shapes
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    # One step for a new database instead of one a feature; those who have taken all the steps have taken this.
    replaces = [
        ("alerts", "0001_initial"),
        ("alerts", "0002_management"),
        ("alerts", "0003_life_cycle"),
        ("alerts", "0004_scheduled_runs"),
        ("alerts", "0005_alert_guard"),
        ("alerts", "0006_indexes_for_many_rows"),
        ("alerts", "0007_letters"),
    ]
    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='AlertChannel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255, unique=True)),
                ('kind', models.CharField(choices=[('slack', 'Slack (also Mattermost, and Discord by /slack)'), ('discord', 'Discord'), ('ms_teams', 'Microsoft Teams (Workflows)'), ('pagerduty', 'PagerDuty Events v2'), ('email', 'E-mail'), ('webhook', 'Webhook (JSON)'), ('alertmanager', 'Prometheus Alertmanager'), ('apprise', 'Apprise')], max_length=32)),
                ('url', alerts.encrypted.EncryptedTextField(blank=True, help_text="The webhook's address. It is a credential and is never shown.", verbose_name='address')),
                ('secret', alerts.encrypted.EncryptedTextField(blank=True, help_text="PagerDuty's integration key, a webhook's signing secret or a bearer token; never shown.")),
                ('options', alerts.shapes.ObjectField(blank=True, default=dict, help_text='What the kind of channel knows beside its address; see docs/alerts.md.')),
                ('most_per_minute', models.PositiveSmallIntegerField(default=60, help_text='More than so many messages in a minute are merged into one. 0 means no bound.')),
                ('enabled', models.BooleanField(default=True)),
                ('team_id', models.CharField(blank=True, db_index=True, max_length=255, verbose_name='team')),
                ('source', models.CharField(choices=[('config', 'config.yaml or environment'), ('admin', 'Admin'), ('api', 'API')], default='admin', editable=False, max_length=16)),
                ('private_address_allowed', models.BooleanField(default=False, editable=False, help_text='Written by the operator, so it may be on this machine or network.')),
                ('not_before', models.DateTimeField(editable=False, help_text='The channel asked for quiet until then.', null=True)),
                ('delivered_at', models.DateTimeField(editable=False, null=True, verbose_name='last delivery')),
                ('failing_since', models.DateTimeField(editable=False, null=True)),
                ('last_error', models.TextField(blank=True, editable=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='AlertProcess',
            fields=[
                ('id', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('host', models.CharField(max_length=255)),
                ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('seen_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'alert processes',
                'ordering': ['-seen_at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='AlertRoute',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255, unique=True)),
                ('position', models.PositiveIntegerField(default=100, help_text='Lower ones are asked first.')),
                ('enabled', models.BooleanField(default=True)),
                ('alert_types', alerts.shapes.NamesField(blank=True, default=list, help_text='Empty means every type.', validators=[alerts.models.settings.validate_alert_types])),
                ('levels', alerts.shapes.NamesField(blank=True, default=list, help_text='Empty means every level.', validators=[alerts.models.routes.validate_levels])),
                ('matchers', alerts.shapes.ObjectField(blank=True, default=dict, help_text='Labels an alert must have, such as {"model": "gpt-4o", "team": "research-*", "region": "!us-*"}.', validators=[alerts.models.routes.validate_matchers])),
                ('goes_on', models.BooleanField(default=False, verbose_name='ask further routes too')),
                ('schedule', alerts.shapes.ObjectField(blank=True, default=dict, help_text='When it applies, such as {"timezone": "Europe/Paris", "windows": [{"days": ["mon-fri"], "from": "08:00", "to": "18:00"}], "outside": "hold"}: outside of the hours "skip" asks the next route, "hold" keeps alerts until the hours begin.', validators=[alerts.models.routes.validate_schedule])),
                ('level', models.CharField(blank=True, choices=[('Low', 'Low'), ('Medium', 'Medium'), ('High', 'High')], max_length=16, verbose_name='tell as level')),
                ('repeat_seconds', models.PositiveIntegerField(blank=True, help_text="While it is still firing, told again after so long; empty means the type's own.", null=True)),
                ('escalate_after_seconds', models.PositiveIntegerField(blank=True, help_text='Not acknowledged for so long, the further channels are told too.', null=True)),
                ('runbook_url', models.URLField(blank=True, verbose_name='runbook')),
                ('dashboard_url', models.URLField(blank=True, verbose_name='dashboard')),
                ('team_id', models.CharField(blank=True, db_index=True, max_length=255, verbose_name='team')),
                ('source', models.CharField(choices=[('config', 'config.yaml or environment'), ('admin', 'Admin'), ('api', 'API')], default='admin', editable=False, max_length=16)),
                ('channels', models.ManyToManyField(blank=True, related_name='routes', to='alerts.alertchannel')),
                ('escalate_to', models.ManyToManyField(blank=True, related_name='escalations', to='alerts.alertchannel')),
            ],
            options={
                'ordering': ['position', 'id'],
            },
        ),
        migrations.CreateModel(
            name='AlertSettings',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ('alert_types', alerts.shapes.NamesField(blank=True, default=alerts.models.settings.default_alert_types, help_text='The alert types that are told.', validators=[alerts.models.settings.validate_alert_types])),
                ('alerting_threshold', models.FloatField(default=300, help_text='Seconds after which an answer is slow or a request hangs.')),
                ('alerting_args', alerts.shapes.ObjectField(blank=True, default=dict)),
                ('alert_type_config', alerts.shapes.ObjectField(blank=True, default=dict, help_text='Digests, such as {"llm_too_slow": {"digest": true, "digest_interval": 86400}}.')),
                ('spend_report_frequency', models.CharField(default='7d', help_text='Days, such as "1d" or "7d".', max_length=8)),
                ('heartbeat_url', alerts.encrypted.EncryptedTextField(blank=True, help_text='Called again and again while alerts are truly told, so that its receiver notices when they are not. It is a credential and is never shown.', verbose_name='heartbeat address')),
                ('heartbeat_private_address_allowed', models.BooleanField(default=False, editable=False)),
                ('email_settings', alerts.shapes.ObjectField(blank=True, default=dict, help_text='Which mails people get, such as {"Virtual Key Rotated": false}; others are on.')),
                ('configured', alerts.shapes.NamesField(blank=True, default=list, editable=False, help_text='What config.yaml says, which cannot be changed elsewhere.')),
            ],
            options={
                'verbose_name': 'alert settings',
                'verbose_name_plural': 'alert settings',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_row_of_alert_settings')],
            },
        ),
        migrations.CreateModel(
            name='EngineState',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ('ticked_at', models.DateTimeField(null=True)),
                ('next_audit_at', models.DateTimeField(null=True)),
                ('audited_at', models.DateTimeField(null=True)),
                ('findings', models.JSONField(default=list)),
                ('next_ping_at', models.DateTimeField(null=True)),
                ('pinged_at', models.DateTimeField(null=True)),
                ('ping_status', models.PositiveSmallIntegerField(null=True)),
                ('ping_answer', models.TextField(blank=True)),
                ('ping_error', models.TextField(blank=True)),
                ('ping_failing_since', models.DateTimeField(null=True)),
                ('ping_withheld', models.TextField(blank=True)),
                ('stall_told_at', models.DateTimeField(null=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_row_of_engine_state')],
            },
        ),
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('fingerprint', models.CharField(editable=False, max_length=64)),
                ('status', models.CharField(choices=[('open', 'Firing'), ('acknowledged', 'Acknowledged'), ('resolved', 'Resolved'), ('dismissed', 'Dismissed')], default='open', max_length=16)),
                ('alert_type', models.CharField(choices=alerts.models.settings.alert_type_choices, max_length=64)),
                ('level', models.CharField(choices=[('Low', 'Low'), ('Medium', 'Medium'), ('High', 'High')], max_length=16)),
                ('title', models.TextField()),
                ('details', models.JSONField(default=dict)),
                ('labels', models.JSONField(default=dict)),
                ('team_id', models.CharField(blank=True, editable=False, help_text='Its label of that name.', max_length=255)),
                ('body', models.JSONField(default=dict, help_text='What a channel of another format needs: compatibility and report.')),
                ('count', models.PositiveBigIntegerField(default=1)),
                ('reason', models.CharField(help_text='Why it was told last, or was not.', max_length=32)),
                ('opened_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField()),
                ('told_at', models.DateTimeField(null=True)),
                ('next_notify_at', models.DateTimeField()),
                ('quiet_seconds', models.PositiveIntegerField(help_text='Not seen for so many seconds, it counts as resolved.')),
                ('escalate_at', models.DateTimeField(null=True)),
                ('acknowledged_at', models.DateTimeField(null=True)),
                ('acknowledged_by', models.CharField(blank=True, max_length=255)),
                ('silenced_until', models.DateTimeField(null=True)),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
                ('resolved_by', models.CharField(blank=True, max_length=255)),
            ],
            options={
                'ordering': ['-last_seen_at', '-id'],
                'indexes': [models.Index(fields=['status', 'last_seen_at'], name='incident_status_seen'), models.Index(fields=['-last_seen_at', '-id'], name='incident_last_seen'), models.Index(fields=['fingerprint', 'opened_at'], name='incident_fingerprint_opened'), models.Index(condition=models.Q(('team_id', ''), _negated=True), fields=['team_id', '-opened_at'], name='incident_team_opened'), models.Index(condition=models.Q(('escalate_at__isnull', False)), fields=['escalate_at'], name='incident_escalation')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status__in', ['open', 'acknowledged'])), fields=('fingerprint',), name='one_live_incident_per_fingerprint')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('firing', 'Firing'), ('repeat', 'Still firing'), ('escalated', 'Escalated'), ('acknowledged', 'Acknowledged'), ('resolved', 'Resolved'), ('notice', 'Notice'), ('digest', 'Digest')], max_length=16)),
                ('message', models.JSONField()),
                ('sealed', alerts.encrypted.EncryptedTextField(blank=True, default='', editable=False, help_text='What of the message is a secret; empty once it is delivered.')),
                ('state', models.CharField(choices=[('pending', 'Waiting'), ('sending', 'Sending'), ('delivered', 'Delivered'), ('merged', 'In another message'), ('dead', 'Given up')], default='pending', max_length=16)),
                ('is_digest', models.BooleanField(default=False, help_text='Waits to be told together with others of its type.')),
                ('attempt', models.PositiveSmallIntegerField(default=0)),
                ('created_at', models.DateTimeField()),
                ('next_attempt_at', models.DateTimeField()),
                ('lease', models.UUIDField(help_text='Who is sending it now.', null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('last_status', models.PositiveSmallIntegerField(null=True)),
                ('last_error', models.TextField(blank=True)),
                ('latency_ms', models.PositiveIntegerField(null=True)),
                ('channel', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='alerts.alertchannel')),
                ('merged_into', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='merged', to='alerts.delivery')),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='alerts.incident')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'ordering': ['-created_at', '-id'],
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
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='entries', to='alerts.incident')),
            ],
            options={
                'verbose_name_plural': 'incident entries',
                'ordering': ['at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='ScheduledRun',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('job', models.CharField(max_length=64)),
                ('period_key', models.CharField(max_length=128)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('claimed', 'Being made'), ('done', 'Done')], default='claimed', max_length=16)),
                ('lease', models.UUIDField(help_text='Who is making it now.', null=True)),
                ('lease_until', models.DateTimeField(null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=1)),
                ('last_error', models.TextField(blank=True)),
                ('made_at', models.DateTimeField(null=True)),
                ('outcome', models.CharField(blank=True, help_text='Why it was told, or was not.', max_length=255)),
                ('content', models.JSONField(default=dict)),
                ('csv', models.TextField(blank=True)),
                ('told', models.JSONField(default=list)),
                ('incident_id', models.UUIDField(help_text='Of the first event that was told.', null=True)),
            ],
            options={
                'ordering': ['-ends_at', '-id'],
                'indexes': [models.Index(fields=['job', 'ends_at'], name='run_job_ends')],
                'constraints': [models.UniqueConstraint(fields=('job', 'period_key'), name='one_run_per_job_and_period')],
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
                ('team_id', models.CharField(blank=True, db_index=True, help_text="A team's own silence keeps the team's own channels quiet, and nobody else's.", max_length=255, verbose_name='team')),
                ('created_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['-ends_at', '-id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='silence_ends_after_start')],
            },
        ),
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
                ('delivery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='alerts.delivery')),
            ],
            options={
                'ordering': ['began_at', 'id'],
                'indexes': [models.Index(fields=['began_at'], name='attempt_began')],
            },
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['state', 'channel', 'next_attempt_at'], name='delivery_due'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['channel', 'finished_at'], name='delivery_finished'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['-created_at', '-id'], name='delivery_created'),
        ),
    ]
