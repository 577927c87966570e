"""The page of virtual keys. A key is shown once, right after it is made; afterwards only its masked name exists."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import display as plain_display
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from teams.access import Reach
from teams.admin.csv_export import Column, csv_response
from teams.admin.filters import BudgetFilter, ChoiceFilter, KeyStateFilter, VisibleFilter
from teams.admin.forms import LIMIT_FIELDS
from teams.admin.key_form import KeyForm, is_above_others
from teams.admin.page import STAMPS, TECHNICAL
from teams.admin.reach import only_reads, reach_of
from teams.admin.scope import ScopedPage
from teams.admin.search import owner_named
from teams.admin.texts import budget_of, dollars, minute, said, state_badge, unbroken
from teams.admin.verbs import Done, Verb, VerbPage, block_verbs
from teams.letters import write_key_rotated
from teams.models import VirtualKey
from teams.models.grants import OrLeast, validate_duration
from teams.periods import Duration, parse_duration
from teams.services import collect_key, issue_key, regenerate_key

# What nobody but an admin of everything sets, as in the API.
_ADMINS_ONLY = ("organization", "budget", "temp_budget_increase_nano", "temp_budget_expiry", "permissions", "config")
_COLUMNS = (
    Column("id", "pk"),
    Column("alias", "alias"),
    Column("key", "name"),
    Column("type", "key_type"),
    Column("user id", "user_id"),
    Column("user e-mail", "user__email"),
    Column("team id", "team_id"),
    Column("team", "team__alias"),
    Column("organization id", "organization_id"),
    Column("models", "allowed_models", ", ".join),
    Column("blocked", "blocked"),
    Column("expires", "expires_at"),
    Column("max budget, USD", "max_budget_nano", lambda nano: dollars(nano).strip("$").replace(",", "")),
    Column("budget duration", "budget_duration"),
    Column("shared budget", "budget_id"),
    Column("tokens per minute", "tpm_limit"),
    Column("requests per minute", "rpm_limit"),
    Column("rotates", "rotates_at"),
    Column("created", "created_at"),
    Column("created by", "created_by"),
)


class GraceForm(forms.Form):
    grace_period = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_('How long the present key goes on working, such as "1h" or "7d". Empty: it stops at once.'),
    )

    def clean_grace_period(self) -> Duration | None:
        text = self.cleaned_data["grace_period"]
        if not text:
            return None
        validate_duration(text)
        return parse_duration(text)


def may_manage(request: HttpRequest, key: VirtualKey) -> bool:
    """As the page's permission to change says."""
    return bool(admin.site._registry[VirtualKey].has_change_permission(request, key))


def may_rotate(request: HttpRequest, key: VirtualKey) -> bool:
    """As the API asks: a team lets its members change keys, rotate them, delete them, each by its own route."""
    has_permission = request.user.has_perm("teams.change_virtualkey") and not only_reads(request)
    return has_permission and _may(reach_of(request), key, "/key/regenerate")


def may_delete(request: HttpRequest, key: VirtualKey) -> bool:
    has_permission = request.user.has_perm("teams.delete_virtualkey") and not only_reads(request)
    return has_permission and _may(reach_of(request), key, "/key/delete")


def _may(reach: Reach, key: VirtualKey, route: str) -> bool:
    if is_above_others(key.user) and key.user_id != reach.user_id:
        return reach.is_admin
    return reach.may_manage_key(key, route)


def may_govern(request: HttpRequest, key: VirtualKey) -> bool:
    """An owner may change the own key, and cannot take back what was decided about it."""
    return may_manage(request, key) and reach_of(request).governs_key(key)


def may_block(request: HttpRequest, key: VirtualKey) -> bool:
    reach = reach_of(request)
    if request.user.has_perm("teams.block_virtualkey"):
        return reach.sees_everything or reach.governs_key(key)
    return request.user.has_perm("teams.change_virtualkey") and not only_reads(request) and reach.governs_key(key)


def rotate(request: HttpRequest, key: VirtualKey, given: dict[str, Any]) -> Done:
    now, grace = timezone.now(), given["grace_period"]
    reach_of(request).restrict_to_models(key)
    secret = regenerate_key(key, now=now, grace=grace)
    write_key_rotated(key, secret, grace=f"{grace.count}{grace.unit}" if grace else None, now=now)
    return Done(said(_("%(key)s was rotated. The new key:"), key=key), secret)


def collect(request: HttpRequest, key: VirtualKey, __: dict[str, Any]) -> Done:
    secret = collect_key(key)
    reach_of(request).restrict_to_models(key)
    key.save(update_fields=["allowed_routes", "updated_at", "updated_by"])
    return Done(said(_("%(key)s was rotated by itself. The new key:"), key=key), secret)


ROTATE = Verb(
    name="rotate", title=_("Rotate"), icon="autorenew", may=may_rotate, do=rotate, form=GraceForm,
    question=_(
        "A new key takes its place; alias, limits, spend and history stay. Whoever holds the present key needs the new "
        "one."
    ),
)  # fmt: skip
COLLECT = Verb(
    name="collect", title=_("Collect"), icon="key", may=may_rotate, do=collect,
    fits=lambda key: bool(key.uncollected_key),
    question=_(
        "This key was rotated by itself, and its owner has not fetched the new one. It can be collected once: "
        "afterwards the owner's own request for it finds nothing."
    ),
)  # fmt: skip
BLOCKING = block_verbs(may_block, consequence=_("It is refused from its next request on, on every process."))


@admin.register(VirtualKey)
class VirtualKeyPage(VerbPage, ScopedPage):
    form = KeyForm
    verbs: Sequence[Verb] = (ROTATE, COLLECT, *BLOCKING)
    actions = ("export_csv",)
    list_display = ("title", "masked", "user", "team", "state", "budget_label", "expires", "made")
    # By what an index knows: there may be a million.
    sortable_by = ("title", "budget_label", "made")
    list_filter = (
        KeyStateFilter, ("team", VisibleFilter), ("user", VisibleFilter), ("key_type", ChoiceFilter), BudgetFilter,
    )  # fmt: skip
    list_filter_submit = True
    facts: tuple[str, ...] = (
        "name", "state", "token_hash", "blocked", "rotation_count", "last_rotation_at", "rotates_at", "waits", *STAMPS,
    )  # fmt: skip
    search_fields = ("alias", "name", "token_hash", "user__email", "team__alias")
    search_help_text = _("Alias, end of the key, hash, user or team")
    autocomplete_fields = ("user", "team", "organization", "budget")
    fieldsets = (
        (_("Identity"), {"fields": ("alias", "name", "key_type")}),
        (_("Owner"), {"fields": ("user", "team", "organization")}),
        (_("What it may call"), {"fields": (("allowed_models", "allowed_routes"), ("aliases", "budget_fallbacks"))}),
        (_("Budget and limits"), {"fields": (*LIMIT_FIELDS, "budget")}),
        (
            _("Rotation"),
            {
                "fields": (
                    ("auto_rotate", "rotation_interval"), ("rotates_at", "last_rotation_at"),
                    ("rotation_count", "waits"),
                ),
            },
        ),
        (_("State"), {"fields": ("state", "expires_at")}),
        (
            TECHNICAL,
            {
                "classes": ["collapse"],
                "fields": (
                    "metadata", "permissions", "config", "router_settings", "allowed_cache_controls", "token_hash",
                    ("created_at", "created_by"), ("updated_at", "updated_by"),
                ),
            },
        ),
    )  # fmt: skip

    def visible(self, reach: Reach) -> QuerySet[VirtualKey]:
        return reach.keys().select_related("user", "team")

    def governs(self, reach: Reach, row: VirtualKey) -> bool:
        return _may(reach, row, "/key/update")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_delete(request, obj) if obj is not None else bool(super().has_delete_permission(request))

    def may_any(self, request: HttpRequest, verb: Verb) -> bool:
        may_block_some = request.user.has_perm("teams.block_virtualkey") if verb in BLOCKING else False
        return may_block_some or super().may_any(request, verb)

    def readonly(self, request: HttpRequest, obj: VirtualKey | None) -> tuple[str, ...]:
        reach = reach_of(request)
        if reach.is_admin:
            return ()
        owner = () if obj is None else ("user", "team")
        return (*_ADMINS_ONLY, *owner)

    def get_form(
        self, request: HttpRequest, obj: VirtualKey | None = None, change: bool = False, **options: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        form.reach = reach_of(request)
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        return initial if reach_of(request).is_admin else {"user": request.user.pk, **initial}

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        found = Q(alias__icontains=text) | Q(name__endswith=text) | Q(token_hash__startswith=text.lower())
        return queryset.filter(found | owner_named(text)), False

    def save_model(self, request: HttpRequest, obj: VirtualKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
        else:
            request._secret = issue_key(obj)  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: VirtualKey, post_url_continue: str | None = None) -> HttpResponse:
        return self.secret_page(request, obj, Done(said(_("%(key)s was made. The new key:"), key=obj), request._secret))  # type: ignore[attr-defined]

    @admin.action(description=_("Export selected as CSV"))
    def export_csv(self, request: HttpRequest, queryset: "QuerySet[Any]") -> HttpResponseBase:
        return csv_response(request, queryset, _COLUMNS, filename="keys.csv")

    @plain_display(description=_("alias"), ordering="alias")
    def title(self, key: VirtualKey) -> str:
        return key.alias or key.name

    @plain_display(description=_("key"))
    def masked(self, key: VirtualKey) -> SafeString:
        return unbroken(key.name)

    @plain_display(description=_("state"))
    def state(self, key: VirtualKey) -> SafeString:
        return state_badge(key, now=timezone.now())

    @plain_display(description=_("budget"), ordering=OrLeast("max_budget_nano"))
    def budget_label(self, key: VirtualKey) -> str:
        if key.max_budget_nano is None and key.budget_id:
            return gettext("shared: %(budget)s") % {"budget": key.budget_id}
        return budget_of(key)

    @plain_display(description=_("expires"))
    def expires(self, key: VirtualKey) -> SafeString:
        return minute(key.expires_at)

    @plain_display(description=_("new key waits"), boolean=True)
    def waits(self, key: VirtualKey) -> bool:
        return bool(key.uncollected_key)
