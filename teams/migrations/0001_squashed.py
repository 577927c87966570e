import alerts.encrypted
import alerts.shapes
import django.contrib.auth.models
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import teams.ids
import teams.models.grants
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    # One step for a new database instead of one a feature; those who have taken all the steps have taken this.
    replaces = [
        ("teams", "0001_initial"),
        ("teams", "0002_management"),
        ("teams", "0004_permissions"),
        ("teams", "0005_invitations"),
    ]
    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='Budget',
            fields=[
                ('max_budget_nano', teams.models.grants.NanoDollarsField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='max budget')),
                ('soft_budget_nano', teams.models.grants.NanoDollarsField(blank=True, help_text='US dollars; crossing it is told and refuses nothing.', null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='soft budget')),
                ('budget_duration', models.CharField(blank=True, help_text='Such as "30d"; empty: never reset.', max_length=32, validators=[teams.models.grants.validate_duration])),
                ('budget_started_at', models.DateTimeField(editable=False, null=True)),
                ('budget_limits', models.JSONField(blank=True, default=list, help_text='Such as [{"budget_duration": "1h", "max_budget": 1.0}], in dollars, beside the one above.', validators=[teams.models.grants.validate_windows], verbose_name='further budgets')),
                ('model_max_budget', alerts.shapes.ObjectField(blank=True, default=dict, help_text='Such as {"gpt-4o": {"budget_limit": 1, "time_period": "1d"}}.', verbose_name='budgets by model')),
                ('temp_budget_increase_nano', teams.models.grants.NanoDollarsField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='temporary increase')),
                ('temp_budget_expiry', models.DateTimeField(blank=True, null=True, verbose_name='increase ends')),
                ('tpm_limit', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='tokens per minute')),
                ('rpm_limit', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='requests per minute')),
                ('tpd_limit', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='tokens per day')),
                ('max_parallel_requests', models.PositiveBigIntegerField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('created_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('updated_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('id', models.CharField(default=teams.ids.new_id, max_length=255, primary_key=True, serialize=False, verbose_name='budget id')),
                ('allowed_models', alerts.shapes.NamesField(blank=True, default=list, help_text="Model groups a team member may call; empty: all of the team's.")),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='Revision',
            fields=[
                ('name', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('number', models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='email address')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('max_budget_nano', teams.models.grants.NanoDollarsField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='max budget')),
                ('soft_budget_nano', teams.models.grants.NanoDollarsField(blank=True, help_text='US dollars; crossing it is told and refuses nothing.', null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='soft budget')),
                ('budget_duration', models.CharField(blank=True, help_text='Such as "30d"; empty: never reset.', max_length=32, validators=[teams.models.grants.validate_duration])),
                ('budget_started_at', models.DateTimeField(editable=False, null=True)),
                ('budget_limits', models.JSONField(blank=True, default=list, help_text='Such as [{"budget_duration": "1h", "max_budget": 1.0}], in dollars, beside the one above.', validators=[teams.models.grants.validate_windows], verbose_name='further budgets')),
                ('model_max_budget', alerts.shapes.ObjectField(blank=True, default=dict, help_text='Such as {"gpt-4o": {"budget_limit": 1, "time_period": "1d"}}.', verbose_name='budgets by model')),
                ('temp_budget_increase_nano', teams.models.grants.NanoDollarsField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='temporary increase')),
                ('temp_budget_expiry', models.DateTimeField(blank=True, null=True, verbose_name='increase ends')),
                ('tpm_limit', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='tokens per minute')),
                ('rpm_limit', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='requests per minute')),
                ('tpd_limit', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='tokens per day')),
                ('max_parallel_requests', models.PositiveBigIntegerField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('created_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('updated_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('id', models.CharField(default=teams.ids.new_id, max_length=255, primary_key=True, serialize=False, verbose_name='user id')),
                ('username', models.CharField(help_text='For the login; the user id unless chosen.', max_length=255, unique=True)),
                ('alias', models.CharField(blank=True, max_length=255)),
                ('role', models.CharField(choices=[('proxy_admin', 'Proxy admin'), ('proxy_admin_viewer', 'Proxy admin, read only'), ('internal_user', 'Internal user'), ('internal_user_viewer', 'Internal user, read only')], default='internal_user', max_length=32)),
                ('allowed_models', alerts.shapes.NamesField(blank=True, default=list, help_text="Model groups this user's own keys may call; empty: all.")),
                ('metadata', alerts.shapes.ObjectField(blank=True, default=dict)),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'ordering': ['-created_at', 'id'],
            },
            managers=[
                ('objects', django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('change_id', models.UUIDField()),
                ('action', models.CharField(max_length=32)),
                ('object_type', models.CharField(max_length=64)),
                ('object_id', models.CharField(max_length=255)),
                ('object_label', models.CharField(blank=True, max_length=255)),
                ('source', models.CharField(choices=[('admin', 'Admin'), ('api', 'API'), ('config', 'config.yaml'), ('command', 'Command'), ('system', 'Scheduled job')], max_length=16, verbose_name='from')),
                ('actor_id', models.CharField(blank=True, max_length=255, verbose_name='by')),
                ('actor_role', models.CharField(blank=True, max_length=32)),
                ('actor_key', models.CharField(blank=True, help_text='Its alias or masked name.', max_length=255, verbose_name='with key')),
                ('actor_key_hash', models.CharField(blank=True, max_length=64)),
                ('address', models.CharField(blank=True, max_length=64)),
                ('changed_by', models.CharField(blank=True, help_text='Whom the caller says it acts for (litellm-changed-by).', max_length=255)),
                ('before', models.JSONField(null=True)),
                ('after', models.JSONField(null=True)),
                ('told', models.BooleanField(default=False, editable=False)),
            ],
            options={
                'verbose_name_plural': 'audit trail',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['object_type', 'object_id', '-id'], name='audit_object'), models.Index(fields=['object_type', 'action', '-id'], name='audit_action'), models.Index(fields=['actor_id', '-id'], name='audit_actor'), models.Index(fields=['-at'], name='audit_time'), models.Index(condition=models.Q(('told', False)), fields=['id'], name='audit_untold')],
            },
        ),
        migrations.CreateModel(
            name='Change',
            fields=[
                ('number', models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=32)),
                ('object_id', models.CharField(blank=True, max_length=255)),
                ('at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['number'],
                'indexes': [models.Index(fields=['at'], name='change_time')],
            },
        ),
        migrations.CreateModel(
            name='Customer',
            fields=[
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('created_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('updated_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('id', models.CharField(max_length=255, primary_key=True, serialize=False, verbose_name='customer id')),
                ('alias', models.CharField(blank=True, max_length=255)),
                ('blocked', models.BooleanField(default=False)),
                ('allowed_models', alerts.shapes.NamesField(blank=True, default=list, help_text='Model groups this customer may be served by; empty: all.')),
                ('allowed_model_region', models.CharField(blank=True, choices=[('eu', 'EU'), ('us', 'US')], max_length=8)),
                ('default_model', models.CharField(blank=True, max_length=255)),
                ('budget', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='customers', to='teams.budget')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('created_by', models.CharField(blank=True, max_length=255)),
                ('expires_at', models.DateTimeField()),
                ('accepted_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-created_at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('admin', 'Team admin'), ('user', 'Member')], default='user', max_length=16)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('budget', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='memberships', to='teams.budget')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['team', 'user'],
            },
        ),
        migrations.CreateModel(
            name='Organization',
            fields=[
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('created_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('updated_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('id', models.CharField(default=teams.ids.new_id, max_length=255, primary_key=True, serialize=False, verbose_name='organization id')),
                ('alias', models.CharField(max_length=255)),
                ('allowed_models', alerts.shapes.NamesField(blank=True, default=list, help_text='Model groups its teams may call; empty: all.')),
                ('metadata', alerts.shapes.ObjectField(blank=True, default=dict)),
                ('budget', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='organizations', to='teams.budget')),
            ],
            options={
                'ordering': ['alias', 'id'],
            },
        ),
        migrations.CreateModel(
            name='OrganizationMembership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('org_admin', 'Organization admin'), ('internal_user', 'Member'), ('internal_user_viewer', 'Member, read only')], default='internal_user', max_length=32)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('budget', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='teams.budget')),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='teams.organization')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='organization_memberships', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['organization', 'user'],
            },
        ),
        migrations.AddField(
            model_name='organization',
            name='members',
            field=models.ManyToManyField(blank=True, related_name='organizations', through='teams.OrganizationMembership', to=settings.AUTH_USER_MODEL),
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('created_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('updated_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('name', models.CharField(max_length=255, primary_key=True, serialize=False)),
                ('description', models.TextField(blank=True)),
                ('deployment_ids', alerts.shapes.NamesField(blank=True, default=list, verbose_name='deployments')),
                ('model_info', alerts.shapes.ObjectField(blank=True, default=dict)),
                ('budget', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='tags', to='teams.budget')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Team',
            fields=[
                ('max_budget_nano', teams.models.grants.NanoDollarsField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='max budget')),
                ('soft_budget_nano', teams.models.grants.NanoDollarsField(blank=True, help_text='US dollars; crossing it is told and refuses nothing.', null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='soft budget')),
                ('budget_duration', models.CharField(blank=True, help_text='Such as "30d"; empty: never reset.', max_length=32, validators=[teams.models.grants.validate_duration])),
                ('budget_started_at', models.DateTimeField(editable=False, null=True)),
                ('budget_limits', models.JSONField(blank=True, default=list, help_text='Such as [{"budget_duration": "1h", "max_budget": 1.0}], in dollars, beside the one above.', validators=[teams.models.grants.validate_windows], verbose_name='further budgets')),
                ('model_max_budget', alerts.shapes.ObjectField(blank=True, default=dict, help_text='Such as {"gpt-4o": {"budget_limit": 1, "time_period": "1d"}}.', verbose_name='budgets by model')),
                ('temp_budget_increase_nano', teams.models.grants.NanoDollarsField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='temporary increase')),
                ('temp_budget_expiry', models.DateTimeField(blank=True, null=True, verbose_name='increase ends')),
                ('tpm_limit', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='tokens per minute')),
                ('rpm_limit', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='requests per minute')),
                ('tpd_limit', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='tokens per day')),
                ('max_parallel_requests', models.PositiveBigIntegerField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('created_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('updated_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('id', models.CharField(default=teams.ids.new_id, max_length=255, primary_key=True, serialize=False, verbose_name='team id')),
                ('alias', models.CharField(blank=True, max_length=255)),
                ('allowed_models', alerts.shapes.NamesField(blank=True, default=list, help_text='Model groups this team may call; empty: all.')),
                ('model_aliases', alerts.shapes.ObjectField(blank=True, default=dict, help_text='Other names for model groups, such as {"fast": "gpt-4o-mini"}.')),
                ('member_permissions', alerts.shapes.NamesField(blank=True, default=list, help_text='What members may do with keys, such as ["/key/generate"].')),
                ('default_member_models', alerts.shapes.NamesField(blank=True, default=list, help_text='Model groups of a member without a list of their own.')),
                ('metadata', alerts.shapes.ObjectField(blank=True, default=dict)),
                ('router_settings', alerts.shapes.ObjectField(blank=True, default=dict)),
                ('blocked', models.BooleanField(default=False, help_text='No key of this team may call a model.')),
                ('member_budget', models.ForeignKey(blank=True, help_text='Binds each member who has none of their own.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='default_of_teams', to='teams.budget')),
                ('members', models.ManyToManyField(blank=True, related_name='teams', through='teams.Membership', to=settings.AUTH_USER_MODEL)),
                ('organization', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='teams', to='teams.organization')),
            ],
            options={
                'ordering': ['alias', 'id'],
            },
        ),
        migrations.AddField(
            model_name='membership',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='teams.team'),
        ),
        migrations.CreateModel(
            name='VirtualKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('max_budget_nano', teams.models.grants.NanoDollarsField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='max budget')),
                ('soft_budget_nano', teams.models.grants.NanoDollarsField(blank=True, help_text='US dollars; crossing it is told and refuses nothing.', null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='soft budget')),
                ('budget_duration', models.CharField(blank=True, help_text='Such as "30d"; empty: never reset.', max_length=32, validators=[teams.models.grants.validate_duration])),
                ('budget_started_at', models.DateTimeField(editable=False, null=True)),
                ('budget_limits', models.JSONField(blank=True, default=list, help_text='Such as [{"budget_duration": "1h", "max_budget": 1.0}], in dollars, beside the one above.', validators=[teams.models.grants.validate_windows], verbose_name='further budgets')),
                ('model_max_budget', alerts.shapes.ObjectField(blank=True, default=dict, help_text='Such as {"gpt-4o": {"budget_limit": 1, "time_period": "1d"}}.', verbose_name='budgets by model')),
                ('temp_budget_increase_nano', teams.models.grants.NanoDollarsField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='temporary increase')),
                ('temp_budget_expiry', models.DateTimeField(blank=True, null=True, verbose_name='increase ends')),
                ('tpm_limit', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='tokens per minute')),
                ('rpm_limit', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='requests per minute')),
                ('tpd_limit', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='tokens per day')),
                ('max_parallel_requests', models.PositiveBigIntegerField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('created_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('updated_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('token_hash', models.CharField(editable=False, max_length=64, unique=True)),
                ('name', models.CharField(editable=False, help_text='The key, masked.', max_length=32)),
                ('alias', models.CharField(blank=True, max_length=255, null=True, unique=True)),
                ('key_type', models.CharField(choices=[('default', 'Everything its owner may do'), ('llm_api', 'Models only'), ('management', 'Management only'), ('read_only', 'Reading only')], default='default', max_length=16)),
                ('allowed_models', alerts.shapes.NamesField(blank=True, default=list, help_text="Model groups this key may call; empty: all of its owner's.")),
                ('allowed_routes', alerts.shapes.NamesField(blank=True, default=list, help_text='Routes this key may call, such as ["/chat/completions", "info_routes"]; empty: all.')),
                ('aliases', alerts.shapes.ObjectField(blank=True, default=dict, help_text='Other names for model groups, such as {"mine": "gpt-4o"}.')),
                ('budget_fallbacks', alerts.shapes.ObjectField(blank=True, default=dict, help_text='Such as {"gpt-4o": ["gpt-4o-mini"]}.')),
                ('metadata', alerts.shapes.ObjectField(blank=True, default=dict)),
                ('permissions', alerts.shapes.ObjectField(blank=True, default=dict)),
                ('config', alerts.shapes.ObjectField(blank=True, default=dict)),
                ('router_settings', alerts.shapes.ObjectField(blank=True, default=dict)),
                ('allowed_cache_controls', alerts.shapes.NamesField(blank=True, default=list)),
                ('blocked', models.BooleanField(default=False)),
                ('expires_at', models.DateTimeField(blank=True, help_text='Empty: never.', null=True)),
                ('auto_rotate', models.BooleanField(default=False)),
                ('rotation_interval', models.CharField(blank=True, max_length=32, validators=[teams.models.grants.validate_duration])),
                ('rotation_count', models.PositiveIntegerField(default=0, editable=False)),
                ('last_rotation_at', models.DateTimeField(editable=False, null=True)),
                ('rotates_at', models.DateTimeField(editable=False, null=True)),
                ('uncollected_key', alerts.encrypted.EncryptedTextField(blank=True, default='', editable=False, help_text='After an automatic rotation: the new key, until its owner has collected it.')),
                ('budget', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='keys', to='teams.budget', verbose_name='shared budget')),
                ('organization', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='keys', to='teams.organization')),
                ('team', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='keys', to='teams.team')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='keys', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'permissions': [('view_everything', 'Can see what belongs to others'), ('manage_everything', 'Can change what belongs to others'), ('block_virtualkey', 'Can block and unblock keys')],
            },
        ),
        migrations.CreateModel(
            name='RetiredToken',
            fields=[
                ('token_hash', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('valid_until', models.DateTimeField()),
                ('key', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='retired_tokens', to='teams.virtualkey')),
            ],
            options={
                'ordering': ['-valid_until'],
            },
        ),
        migrations.AddIndex(
            model_name='user',
            index=models.Index(fields=['-created_at', 'id'], name='user_newest'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('email'), condition=models.Q(('email', ''), _negated=True), name='one_user_per_email'),
        ),
        migrations.AddConstraint(
            model_name='organizationmembership',
            constraint=models.UniqueConstraint(fields=('organization', 'user'), name='one_membership_per_organization_and_user'),
        ),
        migrations.AddIndex(
            model_name='team',
            index=models.Index(fields=['-created_at', 'id'], name='team_newest'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.UniqueConstraint(fields=('team', 'user'), name='one_membership_per_team_and_user'),
        ),
        migrations.AddIndex(
            model_name='virtualkey',
            index=models.Index(fields=['-created_at', '-id'], name='key_newest'),
        ),
        migrations.AddIndex(
            model_name='virtualkey',
            index=models.Index(fields=['-updated_at', '-id'], name='key_changed'),
        ),
        migrations.AddIndex(
            model_name='virtualkey',
            index=models.Index(fields=['max_budget_nano'], name='key_max_budget'),
        ),
        migrations.AddIndex(
            model_name='virtualkey',
            index=models.Index(condition=models.Q(('rotates_at__isnull', False)), fields=['rotates_at'], name='key_rotation_due'),
        ),
    ]
