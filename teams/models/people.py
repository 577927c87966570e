"""Users, organizations and teams, and who belongs to which."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from alerts.shapes import NamesField, ObjectField
from teams.ids import new_id
from teams.models.grants import Budget, Limits, Stamps


class Role(models.TextChoices):
    PROXY_ADMIN = "proxy_admin", _("Proxy admin")
    PROXY_ADMIN_VIEWER = "proxy_admin_viewer", _("Proxy admin, read only")
    INTERNAL_USER = "internal_user", _("Internal user")
    INTERNAL_USER_VIEWER = "internal_user_viewer", _("Internal user, read only")


class User(AbstractUser, Limits, Stamps):
    """A person or service: the admin login and LiteLLM's internal user are one row. `id` is LiteLLM's `user_id`."""

    id = models.CharField(_("user id"), primary_key=True, max_length=255, default=new_id)
    username = models.CharField(max_length=255, unique=True, help_text=_("For the login; the user id unless chosen."))
    alias = models.CharField(max_length=255, blank=True)
    role = models.CharField(max_length=32, choices=Role, default=Role.INTERNAL_USER)
    allowed_models = NamesField(blank=True, help_text=_("Model groups this user's own keys may call; empty: all."))
    metadata = ObjectField(blank=True)

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(Lower("email"), condition=~models.Q(email=""), name="one_user_per_email"),
        ]
        indexes = [models.Index(fields=["-created_at", "id"], name="user_newest")]

    def __str__(self) -> str:
        return self.alias or self.username

    def clean(self) -> None:
        super().clean()
        # Django's users end the chain of calls.
        Limits.clean(self)


class Organization(Stamps):
    """A tenant above teams. `id` is LiteLLM's `organization_id`."""

    id = models.CharField(_("organization id"), primary_key=True, max_length=255, default=new_id)
    alias = models.CharField(max_length=255)
    members = models.ManyToManyField(User, through="OrganizationMembership", related_name="organizations", blank=True)
    budget = models.ForeignKey(Budget, null=True, blank=True, on_delete=models.SET_NULL, related_name="organizations")
    allowed_models = NamesField(blank=True, help_text=_("Model groups its teams may call; empty: all."))
    metadata = ObjectField(blank=True)

    class Meta:
        ordering = ["alias", "id"]

    def __str__(self) -> str:
        return self.alias or self.id


class OrganizationRole(models.TextChoices):
    ADMIN = "org_admin", _("Organization admin")
    USER = "internal_user", _("Member")
    VIEWER = "internal_user_viewer", _("Member, read only")


class OrganizationMembership(models.Model):
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="organization_memberships")
    role = models.CharField(max_length=32, choices=OrganizationRole, default=OrganizationRole.USER)
    budget = models.ForeignKey(Budget, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="one_membership_per_organization_and_user")
        ]
        ordering = ["organization", "user"]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}"


class Team(Limits, Stamps):
    """`id` is LiteLLM's `team_id`: any text, a UUID unless chosen."""

    id = models.CharField(_("team id"), primary_key=True, max_length=255, default=new_id)
    alias = models.CharField(max_length=255, blank=True)
    organization = models.ForeignKey(
        Organization, null=True, blank=True, on_delete=models.CASCADE, related_name="teams"
    )
    members = models.ManyToManyField(User, through="Membership", related_name="teams", blank=True)
    allowed_models = NamesField(blank=True, help_text=_("Model groups this team may call; empty: all."))
    model_aliases = ObjectField(
        blank=True, help_text=_('Other names for model groups, such as {"fast": "gpt-4o-mini"}.')
    )
    member_budget = models.ForeignKey(
        Budget,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="default_of_teams",
        help_text=_("Binds each member who has none of their own."),
    )
    member_permissions = NamesField(
        blank=True, help_text=_('What members may do with keys, such as ["/key/generate"].')
    )
    default_member_models = NamesField(blank=True, help_text=_("Model groups of a member without a list of their own."))
    metadata = ObjectField(blank=True)
    router_settings = ObjectField(blank=True)
    blocked = models.BooleanField(default=False, help_text=_("No key of this team may call a model."))

    class Meta:
        ordering = ["alias", "id"]
        indexes = [models.Index(fields=["-created_at", "id"], name="team_newest")]

    def __str__(self) -> str:
        return self.alias or self.id


class MemberRole(models.TextChoices):
    ADMIN = "admin", _("Team admin")
    USER = "user", _("Member")


class Membership(models.Model):
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=MemberRole, default=MemberRole.USER)
    budget = models.ForeignKey(Budget, null=True, blank=True, on_delete=models.SET_NULL, related_name="memberships")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="one_membership_per_team_and_user")]
        ordering = ["team", "user"]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"
