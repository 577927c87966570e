"""What all pages here share: how fields are typed and shown, rows locked for a change, and what goes along."""

import json
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db import connection, models, transaction
from django.db.models import Model, QuerySet
from django.db.models.expressions import OrderBy
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from alerts.encrypted import EncryptedTextField
from alerts.shapes import NamesField, ObjectField
from teams.admin.fields import KnownAutocomplete, MaskedJsonFormField, NamesFormField
from teams.admin.paged import Paged
from teams.admin.reach import reach_of
from teams.admin.texts import Text, dollars, minute
from teams.models.grants import NanoDollarsField
from teams.secrets import masked

# What a page that is only looked at writes differently from a form.
_READ_OTHERWISE = (models.JSONField, NanoDollarsField, EncryptedTextField)
_HAS_SHOWER = (*_READ_OTHERWISE, models.ForeignKey)
P = TypeVar("P")
R = TypeVar("R", bound=Model)
T = TypeVar("T")
Fieldsets = list[tuple[Text | None, dict[str, Any]]]
# More is deleted by a script, which says how far it came.
_MOST_DELETED = 500
TECHNICAL = gettext_lazy("Technical")
STAMPS = ("created_at", "created_by", "updated_at", "updated_by")


class TypedFields:
    """For pages and inlines: lists and objects in fields that a person can fill in."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        labels = {"label": capfirst(str(db_field.verbose_name)), "help_text": db_field.help_text}
        if isinstance(db_field, NamesField):
            return NamesFormField(**{**labels, "help_text": _("One a line. %(help)s") % {"help": db_field.help_text}})
        if isinstance(db_field, models.JSONField):
            shape = db_field.shape if isinstance(db_field, ObjectField) else list
            return MaskedJsonFormField(shape=shape, **labels)
        return super().formfield_for_dbfield(db_field, request, **options)  # type: ignore[misc]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """`choices` may narrow what can be chosen; what is not among it is refused."""
        if (rows := self.choices(db_field, request)) is not None:
            options["queryset"] = rows
        field = super().formfield_for_foreignkey(db_field, request, **options)  # type: ignore[misc]
        if field is not None and db_field.name in self.get_autocomplete_fields(request):  # type: ignore[attr-defined]
            field.widget = KnownAutocomplete(db_field, self.admin_site)  # type: ignore[attr-defined]
            field.widget.choices = field.choices
        return field

    def choices(self, db_field: Any, request: HttpRequest) -> "QuerySet[Any] | None":
        """What the page of the other model shows to the same person."""
        page = self.admin_site._registry.get(db_field.remote_field.model)  # type: ignore[attr-defined]
        return None if page is None else page.get_queryset(request).order_by()


def once_a_row(fact: Callable[[P, R], T]) -> Callable[[P, R], T]:
    """For a fact that takes queries: unfold asks for each several times to show it once."""

    @wraps(fact)
    def remembered(page: P, row: R) -> T:
        known = row.__dict__.setdefault("_facts_known", {})
        if fact.__name__ not in known:
            known[fact.__name__] = fact(page, row)
        shown: T = known[fact.__name__]
        return shown

    return remembered


class RowsList(ChangeList):
    result_list: Any

    def get_ordering(self, request: HttpRequest, queryset: "QuerySet[Any]") -> list[Any]:
        """By what was chosen and then by the key, in one direction: as an index holds it."""
        ordering: list[Any] = super().get_ordering(request, queryset.order_by())
        *chosen, last = ordering
        return [*chosen, "pk"] if chosen and last == "-pk" and not _is_descending(chosen[-1]) else ordering

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.multi_page:
            self.result_list = self.paginator.page(1).object_list
        self.result_list = list(self.result_list)
        self.model_admin.prepare(request, self.result_list)


class Page(TypedFields, ModelAdmin):
    """`facts` are what a row has once it is saved, and nobody types; `goes_along` is what is deleted with a row: the

    model, and how it points at the row.
    """

    list_per_page = 50
    paginator = Paged
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    warn_unsaved_form = True
    actions_selection_counter = True
    facts: tuple[str, ...] = STAMPS
    goes_along: Sequence[tuple[type[Model], str]] = ()

    def __init__(self, model: type[Model], site: admin.AdminSite) -> None:
        super().__init__(model, site)
        for field in model._meta.concrete_fields:
            if isinstance(field, _HAS_SHOWER):
                setattr(self, f"shown_{field.name}", _shower(field))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        form.reach = reach_of(request)
        return form

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[RowsList]:
        return RowsList

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        """Look up, for the rows of one page of the list together, what their columns show."""

    def readonly(self, request: HttpRequest, obj: Any) -> tuple[str, ...]:
        """The columns besides facts that this person cannot type into, for this row or (None) a new one."""
        return ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [self._shown(name, request) for name in (*self.facts, *self.readonly(request, obj))]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Fieldsets:
        """With what is only looked at in its readable form, and without facts of what does not exist yet."""
        closed = obj is not None and not self.has_change_permission(request, obj)
        readonly = frozenset((*self.facts, *self.readonly(request, obj)))
        left_out = frozenset(self.facts if obj is None else ())
        return [
            (title, {**options, "fields": [self._readable(name, closed, readonly, request) for name in fields]})
            for title, options in super().get_fieldsets(request, obj)
            if (fields := [name for name in options["fields"] if left_out.isdisjoint(_names(name))])
        ]

    def _readable(self, name: Any, closed: bool, readonly: frozenset[str], request: HttpRequest) -> Any:
        if not isinstance(name, str):
            return tuple(self._readable(one, closed, readonly, request) for one in name)
        return self._shown(name, request) if closed or name in readonly else name

    def _shown(self, name: str, request: HttpRequest) -> str:
        """Django links whatever has a page, to whoever may open it or not."""
        try:
            field = self.opts.get_field(name)
        except FieldDoesNotExist:
            return name
        if isinstance(field, models.ForeignKey) and not reach_of(request).sees_everything:
            return f"shown_{name}"
        return f"shown_{name}" if isinstance(field, _READ_OTHERWISE) else name

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Locked in a request that may change it, so that no other change is overwritten by what was read before."""
        found = super().get_object(request, object_id, from_field)
        if found is None or request.method != "POST" or not connection.in_atomic_block:
            return found
        return self.get_queryset(request).order_by().select_for_update(of=("self",)).filter(pk=found.pk).first()

    @admin.display(description=gettext_lazy("created"), ordering="created_at")
    def made(self, row: Any) -> SafeString:
        return minute(row.created_at)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing is stamped where nothing was changed."""
        if not change or form.changed_data:
            super().save_model(request, obj, form, change)

    def delete_row(self, row: Any) -> None:
        row.delete()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_row(obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        for row in queryset.order_by("pk"):
            self.delete_row(row)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """How many go, and what goes along; a team may have more keys than a page can list."""
        rows = list(objs[: _MOST_DELETED + 1])
        protected = (
            [_("More than %(most)d: select fewer") % {"most": _MOST_DELETED}] if len(rows) > _MOST_DELETED else []
        )
        lacking = {str(self.opts.verbose_name) for row in rows if not self.has_delete_permission(request, row)}
        counts = {str(self.opts.verbose_name_plural): len(rows)}
        for model, link in self.goes_along:
            number = model._default_manager.filter(**{f"{link}__in": rows}).count()
            page = self.admin_site._registry.get(model)
            if number and page is not None and not page.has_delete_permission(request):
                lacking.add(str(model._meta.verbose_name))
            counts[str(model._meta.verbose_name_plural)] = number
        return [str(row) for row in rows], counts, lacking, protected


def _is_descending(order: Any) -> bool:
    return order.descending if isinstance(order, OrderBy) else order.startswith("-")


def _names(name: Any) -> Sequence[str]:
    """Of one line of a form, which may hold several."""
    return [name] if isinstance(name, str) else name


def _shower(field: "models.Field[Any, Any]") -> Callable[[Model], SafeString | str]:
    def show(row: Model) -> SafeString | str:
        if isinstance(field, models.ForeignKey):
            return str(getattr(row, field.name) or "-")
        value = field.value_from_object(row)
        if isinstance(field, EncryptedTextField):
            return _("It is set.") if value else "-"
        return dollars(value) if isinstance(field, NanoDollarsField) else as_text(masked(value))

    show.short_description = field.verbose_name  # type: ignore[attr-defined]
    return show


def as_text(value: Any) -> SafeString | str:
    """A value of a JSON column, to be read."""
    if value in (None, "", [], {}):
        return "-"
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        value = ", ".join(value)
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre class="tk-lines tk-breaks tk-flush">{}</pre>', text)
