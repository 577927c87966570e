"""How the models and their columns are called on pages."""

from django.utils.translation import gettext_lazy as _

from alerts.labels import label_columns, label_models
from budgets.models.balances import DailySpend, SpendAdjustment
from budgets.models.gateway_budgets import GatewayBudget
from budgets.models.ledger import LedgerEntry, PriceSnapshot
from budgets.models.prices import ModelPrice

_MODELS = {
    DailySpend: (_("daily spend"), _("daily spend")),
    GatewayBudget: (_("gateway budget"), _("gateway budgets")),
    LedgerEntry: (_("ledger entry"), _("ledger entries")),
    ModelPrice: (_("model price"), _("model prices")),
    PriceSnapshot: (_("price snapshot"), _("price snapshots")),
    SpendAdjustment: (_("spend adjustment"), _("spend adjustments")),
}
_COLUMNS = {
    "actor_id": _("actor id"),
    "at": _("at"),
    "attempt": _("attempt"),
    "basis": _("basis"),
    "cache_creation_tokens": _("cache creation tokens"),
    "cached_tokens": _("cached tokens"),
    "call_id": _("call id"),
    "call_type": _("call type"),
    "completion_tokens": _("completion tokens"),
    "corrects": _("corrects"),
    "created_at": _("created at"),
    "created_by": _("created by"),
    "deployment_id": _("deployment id"),
    "deprecation_date": _("deprecation date"),
    "digest": _("digest"),
    "effective_from": _("effective from"),
    "end_user": _("end user"),
    "ended_at": _("ended at"),
    "entity_id": _("entity id"),
    "error_class": _("error class"),
    "first_token_at": _("first token at"),
    "key_alias": _("key alias"),
    "key_hash": _("key hash"),
    "labels": _("labels"),
    "max_input_tokens": _("max input tokens"),
    "max_output_tokens": _("max output tokens"),
    "max_tokens": _("max tokens"),
    "model": _("model"),
    "model_group": _("model group"),
    "note": _("note"),
    "organization_id": _("organization id"),
    "price": _("price"),
    "prices": _("prices"),
    "prompt_tokens": _("prompt tokens"),
    "provider": _("provider"),
    "rates": _("rates"),
    "reasoning_tokens": _("reasoning tokens"),
    "request_id": _("request id"),
    "requested_model": _("requested model"),
    "scope": _("scope"),
    "service_tier": _("service tier"),
    "source": _("source"),
    "started_at": _("started at"),
    "status": _("status"),
    "status_code": _("status code"),
    "stream": _("stream"),
    "tags": _("tags"),
    "team_id": _("team id"),
    "unit": _("unit"),
    "units": _("units"),
    "updated_at": _("updated at"),
    "updated_by": _("updated by"),
    "upstream_id": _("upstream id"),
    "user_id": _("user id"),
}

label_models(_MODELS)
label_columns(_MODELS, _COLUMNS)
