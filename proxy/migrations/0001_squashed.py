import alerts.encrypted
import alerts.shapes
import django.utils.timezone
import proxy.models.deployments
import teams.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    # One step for a new database instead of one a feature; those who have taken all the steps have taken this.
    replaces = [
        ("proxy", "0001_initial"),
        ("proxy", "0002_deployment_stamps"),
        ("proxy", "0003_request_traces"),
        ("proxy", "0004_health_checks"),
    ]
    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Deployment',
            fields=[
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('created_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('updated_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('id', models.CharField(default=teams.ids.new_id, max_length=255, primary_key=True, serialize=False, verbose_name='deployment id')),
                ('model_name', models.CharField(db_index=True, max_length=255, verbose_name='model group')),
                ('litellm_params', alerts.shapes.ObjectField(default=dict, help_text='LiteLLM\'s litellm_params, such as {"model": "openai/gpt-4o"}.', validators=[proxy.models.deployments.validate_params])),
                ('credentials', alerts.encrypted.EncryptedTextField(blank=True, help_text="The provider's API key, or a JSON object of all secret parameters; os.environ/NAME is a variable.")),
                ('model_info', alerts.shapes.ObjectField(blank=True, default=dict)),
                ('blocked', models.BooleanField(default=False, help_text='Takes no requests.')),
                ('source', models.CharField(choices=[('config', 'config.yaml'), ('admin', 'Admin'), ('api', 'API')], default='admin', editable=False, max_length=16)),
            ],
            options={
                'ordering': ['model_name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='HealthRun',
            fields=[
                ('name', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('began_at', models.DateTimeField()),
                ('leased_until', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='ConfigField',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('section', models.CharField(choices=[('general_settings', 'general_settings'), ('litellm_settings', 'litellm_settings'), ('router_settings', 'router_settings')], max_length=32)),
                ('name', models.CharField(max_length=128)),
                ('value', models.JSONField(blank=True, null=True)),
                ('source', models.CharField(choices=[('config', 'config.yaml'), ('admin', 'Admin'), ('api', 'API')], default='admin', editable=False, max_length=16)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ['section', 'name'],
                'constraints': [models.UniqueConstraint(fields=('section', 'name'), name='one_row_per_config_field')],
            },
        ),
        migrations.CreateModel(
            name='HealthCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('deployment_id', models.CharField(max_length=255)),
                ('model_name', models.CharField(max_length=255, verbose_name='model group')),
                ('healthy', models.BooleanField()),
                ('status', models.PositiveSmallIntegerField(help_text="The upstream's HTTP status; 0: it was not asked.")),
                ('error', models.CharField(blank=True, max_length=500)),
                ('response_ms', models.PositiveIntegerField()),
                ('checked_by', models.CharField(max_length=255)),
                ('checked_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-checked_at', '-id'],
                'indexes': [models.Index(fields=['deployment_id', '-checked_at'], name='health_of_deployment'), models.Index(fields=['checked_at'], name='health_checked_at')],
            },
        ),
        migrations.CreateModel(
            name='RequestTrace',
            fields=[
                ('id', models.UUIDField(editable=False, help_text="The ledger's request_id.", primary_key=True, serialize=False, verbose_name='request id')),
                ('call_id', models.CharField(help_text='x-litellm-call-id; the client may choose it.', max_length=128)),
                ('at', models.DateTimeField(help_text='When the request arrived.', verbose_name='time')),
                ('route', models.CharField(max_length=255)),
                ('operation', models.CharField(blank=True, max_length=32)),
                ('model', models.CharField(blank=True, max_length=255, verbose_name='model asked for')),
                ('model_group', models.CharField(blank=True, max_length=255)),
                ('deployment', models.CharField(blank=True, help_text='The id of the one that answered.', max_length=255)),
                ('status', models.PositiveSmallIntegerField()),
                ('error_class', models.CharField(blank=True, max_length=64)),
                ('message', models.CharField(blank=True, help_text='What the client was told.', max_length=500)),
                ('key_hash', models.CharField(max_length=64)),
                ('key_alias', models.CharField(blank=True, max_length=255)),
                ('user_id', models.CharField(blank=True, max_length=255)),
                ('team_id', models.CharField(blank=True, max_length=255)),
                ('end_user', models.CharField(blank=True, max_length=255)),
                ('tags', models.JSONField(default=list)),
                ('stream', models.BooleanField()),
                ('seconds', models.FloatField(help_text="From the request's arrival to its end.")),
                ('amount_nano', models.BigIntegerField(help_text='Of all attempts together.', verbose_name='amount, nano-dollars')),
                ('price', models.CharField(blank=True, max_length=255)),
                ('attempts', models.PositiveSmallIntegerField()),
                ('eventful', models.BooleanField(help_text='It failed, or was answered only after a retry or a fallback.')),
                ('steps', models.JSONField(default=list)),
            ],
            options={
                'verbose_name': 'request',
                'ordering': ['-at', '-id'],
                'indexes': [models.Index(fields=['call_id'], name='trace_call_id'), models.Index(fields=['at'], name='trace_at'), models.Index(fields=['team_id', 'at'], name='trace_team'), models.Index(fields=['key_alias', 'at'], name='trace_key'), models.Index(fields=['model', 'at'], name='trace_model'), models.Index(condition=models.Q(('eventful', True)), fields=['at'], name='trace_eventful')],
            },
        ),
    ]
