"""Users, teams, memberships and virtual keys. What they spend is not here: counters never live on audited rows."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone

from alerts.shapes import NamesField, ObjectField


def new_id() -> str:
    return str(uuid.uuid4())


class Role(models.TextChoices):
    PROXY_ADMIN = "proxy_admin", "Proxy admin"
    PROXY_ADMIN_VIEWER = "proxy_admin_viewer", "Proxy admin, read only"
    INTERNAL_USER = "internal_user", "Internal user"
    INTERNAL_USER_VIEWER = "internal_user_viewer", "Internal user, read only"


class User(AbstractUser):
    """A person or service: the admin login and LiteLLM's internal user are one row. `id` is LiteLLM's `user_id`."""

    id = models.CharField("user id", primary_key=True, max_length=255, default=new_id)
    alias = models.CharField(max_length=255, blank=True)
    role = models.CharField(max_length=32, choices=Role, default=Role.INTERNAL_USER)
    allowed_models = NamesField(blank=True, help_text="Model groups this user's keys may call; empty: all.")
    metadata = ObjectField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.alias or self.username


class Team(models.Model):
    """`id` is LiteLLM's `team_id`: any text, a UUID unless chosen."""

    id = models.CharField("team id", primary_key=True, max_length=255, default=new_id)
    alias = models.CharField(max_length=255, blank=True)
    members = models.ManyToManyField(User, through="Membership", related_name="teams", blank=True)
    allowed_models = NamesField(blank=True, help_text="Model groups this team may call; empty: all.")
    metadata = ObjectField(blank=True)
    blocked = models.BooleanField(default=False, help_text="No key of this team may call a model.")
    tpm_limit = models.PositiveBigIntegerField("tokens per minute", null=True, blank=True)
    rpm_limit = models.PositiveBigIntegerField("requests per minute", null=True, blank=True)
    max_parallel_requests = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["alias", "id"]

    def __str__(self) -> str:
        return self.alias or self.id


class MemberRole(models.TextChoices):
    ADMIN = "admin", "Team admin"
    USER = "user", "Member"


class Membership(models.Model):
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=MemberRole, default=MemberRole.USER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="one_membership_per_team_and_user")]
        ordering = ["team", "user"]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class VirtualKey(models.Model):
    """A credential we issue. Only its hash is kept; the key itself is shown once, when it is made."""

    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    name = models.CharField(max_length=32, editable=False, help_text="The key, masked.")
    alias = models.CharField(max_length=255, null=True, blank=True, unique=True)
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="keys")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.CASCADE, related_name="keys")
    allowed_models = NamesField(blank=True, help_text="Model groups this key may call; empty: all.")
    metadata = ObjectField(blank=True)
    tpm_limit = models.PositiveBigIntegerField("tokens per minute", null=True, blank=True)
    rpm_limit = models.PositiveBigIntegerField("requests per minute", null=True, blank=True)
    max_parallel_requests = models.PositiveIntegerField(null=True, blank=True)
    blocked = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.alias or self.name


class Revision(models.Model):
    """One row per in-memory snapshot, counted up with each change; processes that see a new number load again."""

    name = models.CharField(primary_key=True, max_length=32)
    number = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} {self.number}"
