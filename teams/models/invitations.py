"""Who may choose a password for themselves, and until when."""

import uuid

from django.db import models
from django.utils import timezone

from teams.models.people import User


class Invitation(models.Model):
    """Good for one password. What leads to it is a signed link, which is not kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="invitations")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=255, blank=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return f"invitation of {self.user}"
