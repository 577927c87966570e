"""What became of a client's request, as a row."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class RequestTrace(models.Model):
    """One request's way: who was asked, who was passed over and why, and the outcome. Written by proxy.traces.

    For finding out what happened, and gone after some days; what was spent stands in the ledger. Holds no prompt, no
    answer and no secret. Names are kept as they were at the time.
    """

    id = models.UUIDField(_("request id"), primary_key=True, editable=False, help_text=_("The ledger's request_id."))
    call_id = models.CharField(max_length=128, help_text=_("x-litellm-call-id; the client may choose it."))
    at = models.DateTimeField(_("time"), help_text=_("When the request arrived."))
    route = models.CharField(max_length=255)
    operation = models.CharField(max_length=32, blank=True)
    model = models.CharField(_("model asked for"), max_length=255, blank=True)
    model_group = models.CharField(max_length=255, blank=True)
    deployment = models.CharField(max_length=255, blank=True, help_text=_("The id of the one that answered."))
    status = models.PositiveSmallIntegerField()
    error_class = models.CharField(max_length=64, blank=True)
    message = models.CharField(max_length=500, blank=True, help_text=_("What the client was told."))
    key_hash = models.CharField(max_length=64)
    key_alias = models.CharField(max_length=255, blank=True)
    user_id = models.CharField(max_length=255, blank=True)
    team_id = models.CharField(max_length=255, blank=True)
    end_user = models.CharField(max_length=255, blank=True)
    tags = models.JSONField(default=list)
    stream = models.BooleanField()
    seconds = models.FloatField(help_text=_("From the request's arrival to its end."))
    amount_nano = models.BigIntegerField(_("amount, nano-dollars"), help_text=_("Of all attempts together."))
    price = models.CharField(max_length=255, blank=True)
    attempts = models.PositiveSmallIntegerField()
    eventful = models.BooleanField(help_text=_("It failed, or was answered only after a retry or a fallback."))
    steps = models.JSONField(default=list)

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name = _("request")
        # Every request pays for each of these.
        indexes = [
            models.Index(fields=["call_id"], name="trace_call_id"),
            models.Index(fields=["at"], name="trace_at"),
            models.Index(fields=["team_id", "at"], name="trace_team"),
            models.Index(fields=["key_alias", "at"], name="trace_key"),
            models.Index(fields=["model", "at"], name="trace_model"),
            models.Index(fields=["at"], condition=models.Q(eventful=True), name="trace_eventful"),
        ]

    def __str__(self) -> str:
        return f"{self.model or 'request'} ({self.call_id})"
