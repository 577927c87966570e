"""What all pages of alerts share: lists that stay quick with a million rows, filters, and buttons that post."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet, URLField
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminSelectWidget

from alerts.admin.fields import LevelsField, MatchersField, ObjectJsonField, TypesField
from alerts.desk import Desk, desk_of
from alerts.models import AlertChannel, AlertRoute
from alerts.shapes import ObjectField

_FILTER = "admin/alerts/filter_field.html"
_FIELDS: Mapping[str, type[Any]] = {"alert_types": TypesField, "levels": LevelsField, "matchers": MatchersField}
LEVELS = {"High": "danger", "Medium": "warning", "Low": "info"}


class FieldFilter(DropdownFilter):
    template = _FILTER
    options: tuple[tuple[str, Any], ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, Any], ...]:
        return self.options


class ChoiceFilter(ChoicesDropdownFilter):
    template = _FILTER


class RowsList(ChangeList):
    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        self.model_admin.prepare(request, self.result_list)


def desk(request: HttpRequest) -> Desk:
    """Whose alerts the person works with, asked once a request."""
    found: Desk | None = getattr(request, "_alert_desk", None)
    if found is None:
        found = desk_of(request.user)
        request._alert_desk = found  # type: ignore[attr-defined]
    return found


class Page(ModelAdmin):
    """`team` is where a row says whose it is; without one its page is for those who see everything."""

    team = ""
    list_before_template = "admin/alerts/list_head.html"
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_filter_submit = True
    actions_selection_counter = True
    warn_unsaved_form = True

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        rows: QuerySet[Any] = super().get_queryset(request)
        return desk(request).of(rows, self.team) if self.team else rows if desk(request).is_whole else rows.none()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_module_permission(request)) and self._is_open(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_view_permission(request, obj)) and self._is_open(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_add_permission(request)) and self._is_open(request) and self._writes(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = bool(super().has_change_permission(request, obj))
        return allowed and self._is_open(request) and self._writes(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = bool(super().has_delete_permission(request, obj))
        return allowed and self._is_open(request) and self._writes(request)

    def _is_open(self, request: HttpRequest) -> bool:
        """Teams have rows of their own here, and who looks after none has nothing to look at."""
        return desk(request).is_whole or (bool(self.team) and bool(desk(request).team_ids))

    def _writes(self, request: HttpRequest) -> bool:
        return desk(request).is_whole or (desk(request).may_write and bool(desk(request).team_ids))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        form.desk = desk(request)
        return form

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """What the other page shows to the same person."""
        if db_field.remote_field.model is AlertChannel:
            options["queryset"] = desk(request).channels().order_by("name")
        return super().formfield_for_manytomany(db_field, request, **options)

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[RowsList]:
        return RowsList

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        """Look up, for the rows of one page of the list together, what their columns show."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Lists and labels in fields that a person can fill in."""
        if db_field.name == "team_id" and not desk(request).is_whole:
            choices = [(team_id, team_id) for team_id in sorted(desk(request).team_ids or ())]
            return forms.ChoiceField(choices=choices, label=_("Team"), widget=UnfoldAdminSelectWidget())
        field = _FIELDS.get(db_field.name, ObjectJsonField if isinstance(db_field, ObjectField) else None)
        if field is not None:
            label, help_text = db_field.verbose_name.capitalize(), db_field.help_text
            return field(label=label, help_text=help_text, initial=db_field.get_default)
        if isinstance(db_field, URLField):
            options["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **options)

    def button(self, name: str, act: Callable[[HttpRequest, Any], HttpResponseBase], *, permission: str) -> URLPattern:
        """A place to which a row's page posts. What it does to the row, who lacks the permission cannot do."""

        def act_on(request: HttpRequest, object_id: str) -> HttpResponseBase:
            row = self.get_object(request, unquote(object_id))
            if row is None:
                return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
            if not (self.has_view_permission(request, row) and self._writes(request) and may(request, permission)):
                raise PermissionDenied
            return act(request, row)

        view = self.admin_site.admin_view(require_POST(act_on))
        return _place(f"<path:object_id>/{name}/", view, self.url_name(name))

    def extra_page(self, name: str, show: Callable[[HttpRequest], HttpResponse]) -> URLPattern:
        """A page that changes nothing."""
        return _place(f"{name}/", self.admin_site.admin_view(require_GET(show)), self.url_name(name))

    def url_name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def url(self, name: str, row: Any) -> str:
        return reverse(f"admin:{self.url_name(name)}", args=[quote(row.pk)])

    def back(self, row: Any) -> HttpResponseRedirect:
        return HttpResponseRedirect(self.url("change", row))


class Facts(Page):
    """Written by the alert engine and not rewritten by anybody."""

    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _place(address: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
    found: URLPattern = path(address, view, name=name)
    return found


def may(request: HttpRequest, permission: str) -> bool:
    """Whether somebody has a permission of this app, such as `change_incident`."""
    return bool(getattr(request.user, "has_perm", lambda _: False)(f"{AlertRoute._meta.app_label}.{permission}"))


def actor(request: HttpRequest) -> str:
    return str(request.user.get_username())
