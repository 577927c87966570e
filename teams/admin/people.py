"""The pages of users and groups. Who may do what at these pages is for superusers to say."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import display as plain_display
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldBooleanSwitchWidget

from teams.access import Reach
from teams.admin.filters import ChoiceFilter, FieldFilter
from teams.admin.forms import LIMIT_FIELDS, LimitsForm
from teams.admin.members import OrganizationsOfUser, SavesMembers, TeamsOfUser
from teams.admin.page import STAMPS, TECHNICAL
from teams.admin.reach import reach_of
from teams.admin.scope import ScopedPage
from teams.admin.teams import link_to_keys, numbers_of
from teams.admin.texts import badge, budget_of, said
from teams.admin.verbs import Done, Verb, VerbPage
from teams.invitations import invite, link, write_invitation
from teams.models import Membership, OrganizationMembership, Role, User, VirtualKey
from teams.services import ADMIN_USER_ID
from teams.services.users import delete_user, with_email

admin.site.unregister(Group)
# Whoever may set one of these may become anybody.
_SUPERUSERS_ONLY = ("role", "is_staff", "is_superuser", "groups", "user_permissions")
# Of oneself, where one is no admin: nothing that grants, and nothing by which one is known. The password's field is
# left out of the page, and its form always has it.
_OWN = frozenset({"alias", "password"})
_ROLES: Mapping[str, str] = {Role.PROXY_ADMIN: "danger", Role.PROXY_ADMIN_VIEWER: "warning"}


class SuperusersOnly:
    """Others may look, where a permission says so."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(getattr(request.user, "is_superuser", False))


@admin.register(Group)
class GroupPage(SuperusersOnly, GroupAdmin, ModelAdmin):
    pass


class EmailIsFree:
    cleaned_data: dict[str, Any]

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        others = User.objects.exclude(pk=self.instance.pk)  # type: ignore[attr-defined]
        if email and with_email(others, email).exists():
            self.add_error("email", gettext("Another user has this e-mail address."))  # type: ignore[attr-defined]
        return email


class UserForm(EmailIsFree, UserChangeForm, LimitsForm):
    pass


class NewUserForm(EmailIsFree, UserCreationForm):
    pass


class LoginFilter(FieldFilter):
    title = _("login")
    parameter_name = "login"
    options = (("staff", _("May log in here")), ("superuser", _("Superuser")), ("inactive", _("Deactivated")))

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        conditions: Mapping[str | None, Mapping[str, bool]] = {
            "staff": {"is_staff": True}, "superuser": {"is_superuser": True}, "inactive": {"is_active": False},
        }  # fmt: skip
        return queryset.filter(**conditions.get(self.value(), {}))


class InviteForm(forms.Form):
    send_mail = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, help_text=_("Write to the user's address, too.")
    )


def _may_invite(request: HttpRequest, user: User) -> bool:
    """Whoever has the link may become that user."""
    return bool(getattr(request.user, "is_superuser", False))


@transaction.atomic
def _invite(request: HttpRequest, user: User, given: dict[str, Any]) -> Done:
    now = timezone.now()
    made = invite(user, now=now)
    is_sent = write_invitation(made, now=now) if given.get("send_mail") else False
    sentence = (
        _("%(user)s is invited, and written to. The link, good once and for a week:")
        if is_sent
        else _("%(user)s is invited. The link, good once and for a week:")
    )
    return Done(said(sentence, user=user), request.build_absolute_uri(link(made)))


INVITE = Verb(
    name="invite", title=_("Invite"), icon="mail", may=_may_invite, do=_invite, form=InviteForm,
    fits=lambda user: user.is_active,
    question=_("Whoever has the link chooses a password for this user, and may log in here afterwards."),
)  # fmt: skip


@admin.register(User)
class UserPage(SavesMembers, UserAdmin, VerbPage, ScopedPage):  # type: ignore[misc, type-arg]
    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = (
        "__str__",
        "email",
        "role_label",
        "membership_number",
        "key_number",
        "budget_label",
        "login",
        "made",
    )
    sortable_by = ("__str__", "made")
    list_filter = (("role", ChoiceFilter), LoginFilter)
    list_filter_submit = True
    ordering = ("-created_at", "id")
    search_fields = ("id", "username", "alias", "email")
    verbs: Sequence[Verb] = (INVITE,)
    facts = ("id", "last_login", "keys_link", *STAMPS)
    inlines = (TeamsOfUser, OrganizationsOfUser)
    goes_along = ((VirtualKey, "user"), (Membership, "user"), (OrganizationMembership, "user"))
    fieldsets = (
        (_("Identity"), {"fields": ("alias", "email", "id", "role", "keys_link")}),
        (_("Login"), {"fields": ("username", "password", "is_active", "is_staff", "last_login")}),
        (_("What its keys may call"), {"fields": ("allowed_models",)}),
        (_("Budget and limits"), {"fields": LIMIT_FIELDS}),
        (_("At these pages"), {"classes": ["collapse"], "fields": ("is_superuser", "groups", "user_permissions")}),
        (
            TECHNICAL,
            {
                "classes": ["collapse"],
                "fields": ("metadata", ("created_at", "created_by"), ("updated_at", "updated_by")),
            },
        ),
    )
    add_fieldsets = (
        (
            None,
            {
                "fields": ("username", "alias", "email", "usable_password", "password1", "password2"),
                "description": _("Who only uses keys needs no password."),
            },
        ),
    )

    def visible(self, reach: Reach) -> QuerySet[User]:
        return reach.users()

    def governs(self, reach: Reach, row: User) -> bool:
        return row.pk == reach.user_id or reach.governs_user(row)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not _is_above(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.pk in (ADMIN_USER_ID, request.user.pk):
            return False
        return super().has_delete_permission(request, obj) and not _is_above(request, obj)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        """Who is new belongs nowhere yet."""
        return () if obj is None else super().get_inlines(request, obj)

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        members, keys = numbers_of(Membership, "user", rows), numbers_of(VirtualKey, "user", rows)
        for row in rows:
            row.membership_number, row.key_number = members.get(row.pk, 0), keys.get(row.pk, 0)

    def readonly(self, request: HttpRequest, obj: User | None) -> tuple[str, ...]:
        if getattr(request.user, "is_superuser", False):
            return ()
        own = obj is not None and obj.pk == request.user.pk and not reach_of(request).is_admin
        closed = [field.name for field in User._meta.concrete_fields if own and field.name not in _OWN]
        return (*_SUPERUSERS_ONLY, *closed)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Without the link to another's password, for those who may not set it."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or getattr(request.user, "is_superuser", False):
            return fieldsets
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name != "password"]})
            for title, options in fieldsets
        ]

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        if not getattr(request.user, "is_superuser", False):
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)

    def save_model(self, request: HttpRequest, obj: User, form: "ModelForm[Any]", change: bool) -> None:
        if change and obj.pk == request.user.pk and not (obj.is_active and obj.is_staff):
            obj.is_active = obj.is_staff = True
            messages.warning(request, gettext("You cannot shut yourself out; you are still active, and staff."))
        super().save_model(request, obj, form, change)

    def delete_row(self, row: User) -> None:
        delete_user(row)

    @plain_display(description=_("role"), ordering="role")
    def role_label(self, user: User) -> SafeString:
        return badge(user.get_role_display(), _ROLES.get(user.role))

    @plain_display(description=_("login"))
    def login(self, user: User) -> SafeString | str:
        if not user.is_active:
            return badge(_("Deactivated"), "warning")
        if user.is_superuser:
            return badge(_("Superuser"), "danger")
        return badge(_("Staff"), "info") if user.is_staff else "-"

    @plain_display(description=_("budget"))
    def budget_label(self, user: User) -> str:
        return budget_of(user)

    @plain_display(description=_("teams"))
    def membership_number(self, user: Any) -> int:
        return int(user.membership_number)

    @plain_display(description=_("keys"))
    def key_number(self, user: Any) -> SafeString:
        return link_to_keys(user.key_number, user__id__exact=user.pk)

    @plain_display(description=_("keys"))
    def keys_link(self, user: User) -> SafeString:
        return link_to_keys(user.keys.count(), user__id__exact=user.pk)


def _is_above(request: HttpRequest, user: User | None) -> bool:
    """A superuser's row is for superusers: who could change its address could become its owner."""
    return user is not None and user.is_superuser and not getattr(request.user, "is_superuser", False)
