"""Admin pages of users, teams and keys."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from teams.models import Membership, Team, User, VirtualKey
from teams.services import issue_key

admin.site.unregister(Group)


@admin.register(Group)
class GroupPage(GroupAdmin, ModelAdmin):
    pass


@admin.register(User)
class UserPage(UserAdmin, ModelAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "alias", "email", "role", "is_active", "is_staff")
    list_filter = ("role", "is_active", "is_staff")
    search_fields = ("id", "username", "alias", "email")
    readonly_fields = ("id", "last_login", "date_joined", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("id", "username", "password", "alias", "email", "role")}),
        ("Access", {"fields": ("allowed_models", "metadata")}),
        ("Admin site", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined", "created_at", "updated_at")}),
    )


class MembershipInline(TabularInline):
    model = Membership
    autocomplete_fields = ("user",)
    extra = 0
    # Each row asks for the name behind its user, so a page of them is what one look costs.
    per_page = 20


@admin.register(Team)
class TeamPage(ModelAdmin):
    list_display = ("__str__", "id", "state", "tpm_limit", "rpm_limit", "created_at")
    list_filter = ("blocked",)
    search_fields = ("id", "alias")
    readonly_fields = ("created_at", "updated_at")
    inlines = (MembershipInline,)

    @display(ordering="blocked", label={"Active": "success", "Blocked": "danger"})  # type: ignore[untyped-decorator]
    def state(self, team: Team) -> str:
        return "Blocked" if team.blocked else "Active"

    def get_readonly_fields(self, request: HttpRequest, obj: Team | None = None) -> tuple[str, ...]:
        # Keys and ledger entries refer to the id.
        return ("id", *self.readonly_fields) if obj else self.readonly_fields


@admin.register(VirtualKey)
class VirtualKeyPage(ModelAdmin):
    """The key is shown once, right after it is made; afterwards only its masked name exists."""

    list_display = ("__str__", "name", "user", "team", "state", "expires_at", "created_at")
    list_filter = ("blocked",)
    list_select_related = ("user", "team")
    search_fields = ("alias", "name", "token_hash", "user__username", "team__alias")
    autocomplete_fields = ("user", "team")
    readonly_fields = ("name", "token_hash", "created_at", "updated_at")

    @display(ordering="blocked", label={"Active": "success", "Blocked": "danger", "Expired": "warning"})  # type: ignore[untyped-decorator]
    def state(self, key: VirtualKey) -> str:
        if key.blocked:
            return "Blocked"
        return "Expired" if key.expires_at and key.expires_at <= timezone.now() else "Active"

    def save_model(self, request: HttpRequest, obj: VirtualKey, form: "ModelForm[Any]", change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        key = issue_key(obj)
        messages.warning(request, f"The new key, shown only this once: {key}")
