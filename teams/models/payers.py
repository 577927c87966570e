"""Whom spend is counted for without being a caller: customers and tags."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from alerts.shapes import NamesField, ObjectField
from teams.models.grants import Budget, Stamps


class Customer(Stamps):
    """An end user of somebody's application: the `user` of a request. `id` is LiteLLM's `user_id` of a customer."""

    id = models.CharField(_("customer id"), primary_key=True, max_length=255)
    alias = models.CharField(max_length=255, blank=True)
    blocked = models.BooleanField(default=False)
    budget = models.ForeignKey(Budget, null=True, blank=True, on_delete=models.SET_NULL, related_name="customers")
    allowed_models = NamesField(blank=True, help_text=_("Model groups this customer may be served by; empty: all."))
    allowed_model_region = models.CharField(max_length=8, blank=True, choices=[("eu", _("EU")), ("us", _("US"))])
    default_model = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.alias or self.id


class Tag(Stamps):
    """A word on requests that has a budget or chooses deployments."""

    name = models.CharField(primary_key=True, max_length=255)
    description = models.TextField(blank=True)
    deployment_ids = NamesField(_("deployments"), blank=True)
    model_info = ObjectField(blank=True)
    budget = models.ForeignKey(Budget, null=True, blank=True, on_delete=models.SET_NULL, related_name="tags")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
