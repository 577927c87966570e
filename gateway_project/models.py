"""When what runs by itself last ended well, what people have put away on the home, and how often secrets were tried."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask


class Job(PeriodicTask):
    """A row of the beat table. Its schedule is written anew when beat starts; whether it is switched on is kept."""

    class Meta:
        proxy = True
        ordering = ["name"]
        verbose_name = _("job")
        verbose_name_plural = _("jobs")

    def __str__(self) -> str:
        return str(self.name)


class JobRun(models.Model):
    """One row a job, by its name in the beat table; that of name "" is beat itself, looking at its schedule."""

    name = models.CharField(max_length=200, primary_key=True)
    succeeded_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name or "beat"


class ChecklistDismissal(models.Model):
    """Who has put away the home's list of what a new installation needs."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+")
    dismissed_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.user_id)


class Tries(models.Model):
    """How often a secret was tried in vain. From `until` on it counts from nothing. `key` is a keyed hash."""

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    until = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["key"]
        verbose_name_plural = "tries"

    def __str__(self) -> str:
        return f"{self.count} until {self.until:%H:%M:%S}"


class SsoIdentity(models.Model):
    """Who a user is at the provider of single sign-on. The provider's `subject` never changes; an e-mail may."""

    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="one_user_per_sso_identity")]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.issuer}"
