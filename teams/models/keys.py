"""Virtual keys: the credentials we issue."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from alerts.encrypted import EncryptedTextField
from alerts.shapes import NamesField, ObjectField
from teams.models.grants import Budget, Limits, OrEmpty, OrLeast, Stamps, validate_duration
from teams.models.people import Organization, Team, User


class KeyType(models.TextChoices):
    DEFAULT = "default", _("Everything its owner may do")
    LLM_API = "llm_api", _("Models only")
    MANAGEMENT = "management", _("Management only")
    READ_ONLY = "read_only", _("Reading only")


class VirtualKey(Limits, Stamps):
    """Only the key's hash is kept; the key itself is shown once, when it is made.

    What it spent is not here: counters never live on audited rows.
    """

    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    name = models.CharField(max_length=32, editable=False, help_text=_("The key, masked."))
    alias = models.CharField(max_length=255, null=True, blank=True, unique=True)
    key_type = models.CharField(max_length=16, choices=KeyType, default=KeyType.DEFAULT)
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="keys")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.CASCADE, related_name="keys")
    organization = models.ForeignKey(Organization, null=True, blank=True, on_delete=models.CASCADE, related_name="keys")
    budget = models.ForeignKey(
        Budget, null=True, blank=True, on_delete=models.SET_NULL, related_name="keys", verbose_name=_("shared budget")
    )
    allowed_models = NamesField(blank=True, help_text=_("Model groups this key may call; empty: all of its owner's."))
    allowed_routes = NamesField(
        blank=True, help_text=_('Routes this key may call, such as ["/chat/completions", "info_routes"]; empty: all.')
    )
    aliases = ObjectField(blank=True, help_text=_('Other names for model groups, such as {"mine": "gpt-4o"}.'))
    budget_fallbacks = ObjectField(blank=True, help_text=_('Such as {"gpt-4o": ["gpt-4o-mini"]}.'))
    metadata = ObjectField(blank=True)
    permissions = ObjectField(blank=True)
    config = ObjectField(blank=True)
    router_settings = ObjectField(blank=True)
    allowed_cache_controls = NamesField(blank=True)
    blocked = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text=_("Empty: never."))
    auto_rotate = models.BooleanField(default=False)
    rotation_interval = models.CharField(max_length=32, blank=True, validators=[validate_duration])
    rotation_count = models.PositiveIntegerField(default=0, editable=False)
    last_rotation_at = models.DateTimeField(null=True, editable=False)
    rotates_at = models.DateTimeField(null=True, editable=False)
    uncollected_key = EncryptedTextField(
        blank=True,
        default="",
        editable=False,
        help_text=_("After an automatic rotation: the new key, until its owner has collected it."),
    )

    class Meta:
        ordering = ["-created_at", "-id"]
        # They widen what the admin's pages show and let change, beyond one's own teams; see teams.access.
        permissions = [
            ("view_everything", "Can see what belongs to others"),
            ("manage_everything", "Can change what belongs to others"),
            ("block_virtualkey", "Can block and unblock keys"),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="key_newest"),
            models.Index(fields=["-updated_at", "-id"], name="key_changed"),
            models.Index(OrLeast("max_budget_nano"), "id", name="key_budget_order"),
            models.Index(OrEmpty("alias"), "id", name="key_alias_order"),
            models.Index(fields=["rotates_at"], condition=models.Q(rotates_at__isnull=False), name="key_rotation_due"),
        ]

    def __str__(self) -> str:
        return self.alias or self.name

    def clean(self) -> None:
        super().clean()
        if self.auto_rotate and not self.rotation_interval:
            raise ValidationError({"rotation_interval": _("A key that rotates by itself needs an interval.")})


class RetiredToken(models.Model):
    """A hash that a key had before it was regenerated: good until the grace period ends, and its history for ever."""

    token_hash = models.CharField(primary_key=True, max_length=64)
    key = models.ForeignKey(VirtualKey, on_delete=models.CASCADE, related_name="retired_tokens")
    valid_until = models.DateTimeField()

    class Meta:
        ordering = ["-valid_until"]

    def __str__(self) -> str:
        return f"former hash of {self.key}"
