"""What happened to the rows above: the audit trail, and the changes that snapshots have to follow."""

from typing import Any, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _


class ActorSource(models.TextChoices):
    ADMIN = "admin", _("Admin")
    API = "api", _("API")
    CONFIG = "config", "config.yaml"
    COMMAND = "command", _("Command")
    SYSTEM = "system", _("Scheduled job")


class AuditEntry(models.Model):
    """One change of one object. Append-only; `before` and `after` hold what changed, without secrets.

    `change_id` is shared by the entries of one transaction. `told` says that the management alert was decided: the
    one column that changes, so that a crash between commit and alert loses nothing.
    """

    at = models.DateTimeField()
    change_id = models.UUIDField()
    action = models.CharField(max_length=32)
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=255)
    object_label = models.CharField(max_length=255, blank=True)
    source = models.CharField(_("from"), max_length=16, choices=ActorSource)
    actor_id = models.CharField(_("by"), max_length=255, blank=True)
    actor_role = models.CharField(max_length=32, blank=True)
    actor_key = models.CharField(_("with key"), max_length=255, blank=True, help_text=_("Its alias or masked name."))
    actor_key_hash = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=64, blank=True)
    changed_by = models.CharField(
        max_length=255, blank=True, help_text=_("Whom the caller says it acts for (litellm-changed-by).")
    )
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    told = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit trail"
        indexes = [
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_object"),
            models.Index(fields=["object_type", "action", "-id"], name="audit_action"),
            models.Index(fields=["actor_id", "-id"], name="audit_actor"),
            models.Index(fields=["-at"], name="audit_time"),
            models.Index(fields=["id"], condition=models.Q(told=False), name="audit_untold"),
        ]

    def __str__(self) -> str:
        return f"{self.object_type} {self.object_label or self.object_id} {self.action}"

    def save(self, **options: Any) -> None:
        if not self._state.adding:
            raise TypeError("the audit trail is append-only")
        super().save(**options)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise TypeError("the audit trail is append-only")


class Revision(models.Model):
    """One row per in-memory snapshot, counted up with each change; processes that see a new number load again."""

    name = models.CharField(primary_key=True, max_length=32)
    number = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


class Change(models.Model):
    """What a revision of the keys' snapshot is about. The revision's row is locked while a number is taken, so

    numbers become visible in their order. An empty `object_id` means: load everything.
    """

    number = models.PositiveBigIntegerField(primary_key=True)
    kind = models.CharField(max_length=32)
    object_id = models.CharField(max_length=255, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["number"]
        indexes = [models.Index(fields=["at"], name="change_time")]

    def __str__(self) -> str:
        return f"{self.number}: {self.kind} {self.object_id}"
