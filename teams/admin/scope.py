"""Which rows somebody at these pages sees and may change.

Django's permissions say what one may do at all; what is not in reach does not exist.
"""

from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from teams.access import Reach
from teams.admin.page import Page
from teams.admin.reach import only_reads, reach_of


class ScopedPage(Page):
    """Of keys, teams, users and organizations: each sees and changes the own ones."""

    def visible(self, reach: Reach) -> "QuerySet[Any]":
        raise NotImplementedError

    def governs(self, reach: Reach, row: Any) -> bool:
        """Whether somebody who is no admin of everything may change the row."""
        raise NotImplementedError

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        rows = self.visible(reach_of(request))
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_add_permission(request)) and not only_reads(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and self._may_write(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and self._may_write(request, obj)

    def _may_write(self, request: HttpRequest, obj: Model | None) -> bool:
        reach = reach_of(request)
        if reach.is_admin:
            return True
        return not only_reads(request) and (obj is None or self.governs(reach, obj))


class GlobalPage(Page):
    """Of what belongs to nobody in particular: only for those who see everything."""

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows if reach_of(request).sees_everything else rows.none()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_module_permission(request)) and reach_of(request).sees_everything

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super().has_view_permission(request, obj)) and reach_of(request).sees_everything

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_add_permission(request)) and reach_of(request).sees_everything

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and reach_of(request).sees_everything

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and reach_of(request).sees_everything
