import alerts.shapes
import budgets.models.prices
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
import teams.models.grants
from django.db import migrations, models


class Migration(migrations.Migration):

    # One step for a new database instead of one a feature; those who have taken all the steps have taken this.
    replaces = [
        ("budgets", "0001_initial"),
        ("budgets", "0002_budgets_move_to_teams"),
        ("budgets", "0003_spend_adjustments"),
        ("budgets", "0004_member_adjustments"),
        ("budgets", "0005_ledger_units"),
        ("budgets", "0006_balances"),
        ("budgets", "0007_gateway_budgets"),
        ("budgets", "0009_counter_holds"),
        ("budgets", "0010_model_prices"),
        ("budgets", "0011_call_totals"),
        ("budgets", "0012_deprecation_dates"),
    ]
    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='LedgerHorizon',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('before', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='PriceSnapshot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('provider', models.CharField(max_length=64)),
                ('model', models.CharField(max_length=255)),
                ('source', models.CharField(help_text='Where the price comes from: deployment, table or genai-prices.', max_length=32)),
                ('rates', models.JSONField(help_text='Nano-dollars per million tokens, images, milliseconds, characters, queries.')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='UnrolledBatch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('entry_ids', models.JSONField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='Balance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(choices=[('proxy', 'Everybody'), ('organization', 'Organization'), ('team', 'Team'), ('user', 'User'), ('member', 'Team member'), ('key', 'Virtual key'), ('key_model', 'Virtual key and model'), ('team_model', 'Team and model'), ('customer', 'Customer'), ('tag', 'Tag'), ('model', 'Model group'), ('provider', 'Provider'), ('deployment', 'Deployment')], max_length=16)),
                ('entity_id', models.CharField(max_length=512)),
                ('window', models.CharField(blank=True, help_text='A duration such as "30d".', max_length=32)),
                ('period_start', models.DateTimeField()),
                ('spent_nano', models.BigIntegerField(default=0, verbose_name='spent, nano-dollars')),
                ('adjusted_nano', models.BigIntegerField(default=0, verbose_name='adjusted, nano-dollars')),
                ('last_at', models.DateTimeField(help_text='When the last call began.', null=True)),
                ('told', models.JSONField(default=list)),
            ],
            options={
                'ordering': ['scope', 'entity_id', 'window'],
                'constraints': [models.UniqueConstraint(fields=('scope', 'entity_id', 'window'), name='one_balance_per_window')],
            },
        ),
        migrations.CreateModel(
            name='CallTotal',
            fields=[
                ('id', models.UUIDField(editable=False, help_text='Made from the labels.', primary_key=True, serialize=False)),
                ('labels', models.JSONField()),
                ('version', models.BigIntegerField(help_text='Of the roll-up that added to it last; later ones are higher.')),
                ('calls', models.PositiveBigIntegerField(default=0)),
                ('amount_nano', models.BigIntegerField(default=0, verbose_name='amount, nano-dollars')),
                ('prompt_tokens', models.PositiveBigIntegerField(default=0)),
                ('completion_tokens', models.PositiveBigIntegerField(default=0)),
                ('cached_tokens', models.PositiveBigIntegerField(default=0)),
                ('cache_creation_tokens', models.PositiveBigIntegerField(default=0)),
                ('reasoning_tokens', models.PositiveBigIntegerField(default=0)),
                ('images', models.PositiveBigIntegerField(default=0)),
                ('unpriced', models.PositiveBigIntegerField(default=0, help_text='Calls that were served at no known price.')),
            ],
            options={
                'ordering': ['version', 'id'],
                'indexes': [models.Index(fields=['version'], name='call_total_version')],
            },
        ),
        migrations.CreateModel(
            name='CounterHold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('process', models.CharField(max_length=64)),
                ('key', models.CharField(blank=True, max_length=1024)),
                ('held_nano', models.BigIntegerField(default=0, verbose_name='held, nano-dollars')),
                ('seen_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'ordering': ['process', 'key'],
                'indexes': [models.Index(fields=['key'], name='hold_of_counter')],
                'constraints': [models.UniqueConstraint(fields=('process', 'key'), name='one_hold_per_process_and_counter')],
            },
        ),
        migrations.CreateModel(
            name='DailySpend',
            fields=[
                ('id', models.UUIDField(editable=False, help_text='Made from the columns that must agree.', primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('facet', models.CharField(blank=True, choices=[('', 'Calls'), ('customer', 'Customer'), ('tag', 'Tag')], max_length=16)),
                ('facet_value', models.CharField(blank=True, max_length=255)),
                ('key_hash', models.CharField(max_length=64)),
                ('user_id', models.CharField(blank=True, max_length=255)),
                ('team_id', models.CharField(blank=True, max_length=255)),
                ('organization_id', models.CharField(blank=True, max_length=255)),
                ('call_type', models.CharField(max_length=32)),
                ('model_group', models.CharField(max_length=255)),
                ('model', models.CharField(max_length=255)),
                ('provider', models.CharField(max_length=64)),
                ('deployment_id', models.CharField(max_length=255)),
                ('amount_nano', models.BigIntegerField(default=0, verbose_name='amount, nano-dollars')),
                ('requests', models.PositiveBigIntegerField(default=0)),
                ('failures', models.PositiveBigIntegerField(default=0)),
                ('prompt_tokens', models.PositiveBigIntegerField(default=0)),
                ('completion_tokens', models.PositiveBigIntegerField(default=0)),
                ('cached_tokens', models.PositiveBigIntegerField(default=0)),
                ('cache_creation_tokens', models.PositiveBigIntegerField(default=0)),
                ('milliseconds', models.PositiveBigIntegerField(default=0, help_text="From asking to the answer's end, of successes.")),
            ],
            options={
                'verbose_name_plural': 'daily spend',
                'ordering': ['-day', 'id'],
                'indexes': [models.Index(fields=['facet', 'day'], name='daily_facet'), models.Index(fields=['facet', 'facet_value', 'day'], name='daily_facet_value'), models.Index(fields=['team_id', 'day'], name='daily_team'), models.Index(fields=['key_hash', 'day'], name='daily_key'), models.Index(fields=['user_id', 'day'], name='daily_user')],
            },
        ),
        migrations.CreateModel(
            name='GatewayBudget',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('created_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('updated_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('scope', models.CharField(choices=[('proxy', 'Everybody'), ('tag', 'Tag'), ('model', 'Model group'), ('provider', 'Provider'), ('deployment', 'Deployment')], max_length=16)),
                ('entity_id', models.CharField(blank=True, help_text='Of the tag, model group, provider or deployment; empty: everybody.', max_length=255, verbose_name='name')),
                ('window', models.CharField(blank=True, help_text='Such as "30d"; empty: ever.', max_length=32, validators=[teams.models.grants.validate_duration], verbose_name='duration')),
                ('max_budget_nano', teams.models.grants.NanoDollarsField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='max budget')),
                ('soft_budget_nano', teams.models.grants.NanoDollarsField(blank=True, help_text='US dollars; crossing it is told and refuses nothing.', null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='soft budget')),
                ('started_at', models.DateTimeField(editable=False, help_text='No period begins before.')),
                ('source', models.CharField(choices=[('config', 'config.yaml'), ('admin', 'Admin'), ('api', 'API')], default='admin', editable=False, max_length=16)),
            ],
            options={
                'ordering': ['scope', 'entity_id', 'window'],
                'constraints': [models.UniqueConstraint(fields=('scope', 'entity_id', 'window'), name='one_gateway_budget_per_window'), models.CheckConstraint(condition=models.Q(('max_budget_nano__isnull', False), ('soft_budget_nano__isnull', False), _connector='OR'), name='gateway_budget_limits_something'), models.CheckConstraint(condition=models.Q(models.Q(('entity_id', ''), ('scope', 'proxy')), models.Q(('scope', 'proxy'), ('entity_id', ''), _connector='OR', _negated=True), _connector='OR'), name='gateway_budget_names_its_entity')],
            },
        ),
        migrations.CreateModel(
            name='ModelPrice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('created_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('updated_by', models.CharField(blank=True, editable=False, max_length=255)),
                ('provider', models.CharField(help_text='As in litellm_params.model: openai, azure, bedrock, ....', max_length=64)),
                ('model', models.CharField(help_text='As the provider calls it; * stands for anything, as in gpt-4o*. The exact name wins.', max_length=255)),
                ('prices', alerts.shapes.ObjectField(blank=True, default=dict, help_text='LiteLLM\'s price fields, in dollars for one token, image, second, ..., such as {"input_cost_per_token": 2.5e-6, "output_cost_per_token": 1e-5}. Empty: from then on, as published.', validators=[budgets.models.prices.validate_prices])),
                ('effective_from', models.DateTimeField(default=django.utils.timezone.now)),
                ('max_tokens', models.PositiveBigIntegerField(blank=True, null=True)),
                ('max_input_tokens', models.PositiveBigIntegerField(blank=True, null=True)),
                ('max_output_tokens', models.PositiveBigIntegerField(blank=True, null=True)),
                ('deprecation_date', models.DateField(blank=True, help_text='When the provider takes the model out of service: warned of in time.', null=True)),
                ('note', models.CharField(blank=True, max_length=255)),
                ('source', models.CharField(choices=[('admin', 'Admin'), ('import', 'Import')], default='admin', editable=False, max_length=16)),
            ],
            options={
                'ordering': ['provider', 'model', '-effective_from'],
                'indexes': [models.Index(fields=['effective_from'], name='price_effective_from')],
                'constraints': [models.UniqueConstraint(fields=('provider', 'model', 'effective_from'), name='one_price_at_a_time')],
            },
        ),
        migrations.CreateModel(
            name='SpendAdjustment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(choices=[('proxy', 'Everybody'), ('organization', 'Organization'), ('team', 'Team'), ('user', 'User'), ('member', 'Team member'), ('key', 'Virtual key'), ('key_model', 'Virtual key and model'), ('team_model', 'Team and model'), ('customer', 'Customer'), ('tag', 'Tag'), ('model', 'Model group'), ('provider', 'Provider'), ('deployment', 'Deployment')], max_length=16)),
                ('entity_id', models.CharField(help_text="A key's is its number, which regeneration keeps.", max_length=512)),
                ('amount_nano', models.BigIntegerField(verbose_name='amount, nano-dollars')),
                ('at', models.DateTimeField()),
                ('actor_id', models.CharField(blank=True, max_length=255)),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['scope', 'entity_id', 'at'], name='adjustment_of')],
            },
        ),
        migrations.CreateModel(
            name='LedgerEntry',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('request_id', models.UUIDField(help_text="Our own id of the client's request; attempts of one request share it.")),
                ('attempt', models.PositiveSmallIntegerField(default=0)),
                ('call_id', models.CharField(help_text='x-litellm-call-id; the client may choose it.', max_length=128)),
                ('upstream_id', models.CharField(blank=True, help_text="The provider's id of the answer.", max_length=255)),
                ('call_type', models.CharField(max_length=32)),
                ('status', models.CharField(choices=[('success', 'Success'), ('failure', 'Failure')], max_length=16)),
                ('status_code', models.PositiveSmallIntegerField()),
                ('error_class', models.CharField(blank=True, max_length=64)),
                ('started_at', models.DateTimeField()),
                ('first_token_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField()),
                ('key_hash', models.CharField(max_length=64)),
                ('key_alias', models.CharField(blank=True, max_length=255)),
                ('user_id', models.CharField(blank=True, max_length=255)),
                ('team_id', models.CharField(blank=True, max_length=255)),
                ('organization_id', models.CharField(blank=True, db_default='', default='', max_length=255)),
                ('end_user', models.CharField(blank=True, max_length=255)),
                ('tags', models.JSONField(default=list)),
                ('labels', models.JSONField(help_text='Of metrics: what the settings make labels of. Empty: nothing.', null=True)),
                ('requested_model', models.CharField(max_length=255)),
                ('model_group', models.CharField(max_length=255)),
                ('deployment_id', models.CharField(max_length=255)),
                ('provider', models.CharField(max_length=64)),
                ('model', models.CharField(help_text='The model asked of the provider.', max_length=255)),
                ('stream', models.BooleanField()),
                ('prompt_tokens', models.PositiveBigIntegerField()),
                ('completion_tokens', models.PositiveBigIntegerField()),
                ('cached_tokens', models.PositiveBigIntegerField()),
                ('cache_creation_tokens', models.PositiveBigIntegerField()),
                ('reasoning_tokens', models.PositiveBigIntegerField()),
                ('units', models.PositiveBigIntegerField(db_default=0, default=0, help_text='What was counted beside tokens, or instead of them.')),
                ('unit', models.CharField(blank=True, choices=[('image', 'Image'), ('millisecond', 'Millisecond'), ('character', 'Character'), ('query', 'Query')], db_default='', default='', max_length=16)),
                ('service_tier', models.CharField(blank=True, db_default='', default='', max_length=16)),
                ('amount_nano', models.BigIntegerField(verbose_name='amount, nano-dollars')),
                ('original_nano', models.BigIntegerField(help_text='Empty: the same as the amount.', null=True, verbose_name='before discount and margin, nano-dollars')),
                ('corrects', models.UUIDField(help_text='Of a correction: the entry whose amount it adds to; such an entry is no call of its own.', null=True)),
                ('basis', models.CharField(choices=[('usage', 'Reported'), ('estimated', 'Estimated'), ('correction', 'Correction'), ('none', 'Nothing served')], help_text='Where the token counts come from.', max_length=16)),
                ('price', models.ForeignKey(db_index=False, help_text='Empty: no price was known.', null=True, on_delete=django.db.models.deletion.PROTECT, to='budgets.pricesnapshot')),
            ],
            options={
                'verbose_name_plural': 'ledger entries',
                'ordering': ['-started_at', '-id'],
                'indexes': [models.Index(fields=['call_id'], name='ledger_call_id'), models.Index(fields=['started_at'], name='ledger_started_at')],
                'constraints': [models.UniqueConstraint(fields=('request_id', 'attempt'), name='one_entry_per_attempt')],
            },
        ),
    ]
