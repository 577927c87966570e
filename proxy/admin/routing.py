"""The routing editor: model groups, their fallbacks and aliases, changed by way of a preview, and taken back."""

import json
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from proxy.admin.routing_cards import ANY, address, cards, changed, everybody, group_names, sources
from proxy.admin.routing_forms import RoutingForm, read_edits
from proxy.config import routing, routing_history
from proxy.config.routing import LONGEST_NAME, Outdated
from proxy.core.rerouting import EVERYBODY, Edits
from proxy.group_board import board
from proxy.models import ConfigField, Deployment
from proxy.routing_preview import Preview, preview
from teams.admin.reach import reach_of
from teams.errors import Invalid

GROUPS_A_PAGE = 25
CHANGES_A_PAGE = 25
_MOST_SHOWN = 10


def index(request: HttpRequest) -> HttpResponse:
    """The groups as they stand. `q` is a part of a name."""
    _ensure_sees(request)
    now, settings = timezone.now(), routing.stored()
    rows = list(Deployment.objects.order_by("model_name", "id"))
    wanted = request.GET.get("q", "").strip().lower()
    names = [one for one in group_names(settings, rows) if wanted in one[0].lower()]
    found = Paginator(names, GROUPS_A_PAGE).get_page(request.GET.get("page"))
    picture = board({name: one.entries for name, one in settings.items()}, now=now)
    return _page(
        request,
        "index",
        _("Routing"),
        cards=cards(list(found), rows, settings, picture, now=now),
        found=found,
        q=request.GET.get("q", ""),
        strategy=picture.router.routing_strategy,
        sources=sources(settings),
        everybody=everybody(settings),
    )


def edit(request: HttpRequest) -> HttpResponse:
    """`group` names one; without it, the default of every group. What is sent is answered with a preview."""
    _ensure_changes(request)
    group = request.GET.get("group", EVERYBODY)
    if "\x00" in group or len(group) > LONGEST_NAME:
        raise Http404
    settings = routing.stored()
    form = RoutingForm(request.POST if request.method == "POST" else None, group=group, settings=settings)
    if form.is_bound and form.is_valid():
        edits = form.edits()
        try:
            return _shown(request, edits, preview(edits, now=timezone.now()), back=request.get_full_path())
        except Invalid as error:
            form.add_error(None, error.message)
    title = _("Fallbacks of every group") if group == EVERYBODY else _("Routing of %(group)s") % {"group": group}
    known = sorted({name for name, _team in group_names(settings, Deployment.objects.only("model_name", "model_info"))})
    return _page(request, "edit", title, form=form, is_any=group == ANY, known=known)


def revert(request: HttpRequest, change_id: UUID) -> HttpResponse:
    """The preview of what takes a change back. Nothing is changed by looking."""
    _ensure_changes(request)
    if (past := routing_history.find(change_id)) is None:
        raise Http404
    why = past.why_not
    if not why:
        try:
            return _shown(request, past.reversal, preview(past.reversal, now=timezone.now()), back=address("history"))
        except Invalid as error:
            why = error.message
    messages.error(request, _("It cannot be taken back here. %(why)s") % {"why": why})
    return HttpResponseRedirect(address("history"))


@require_POST
def apply(request: HttpRequest) -> HttpResponse:
    """What a preview showed, if it would still show the same; else the preview as it is now."""
    _ensure_changes(request)
    notice = ""
    try:
        edits = read_edits(request.POST.get("edits", ""))
        try:
            done = routing.apply(edits, seen=request.POST.get("seen", ""))
        except Outdated:
            notice = _(
                "Nothing was changed: somebody else changed the routing meanwhile. This is what it would do now."
            )
            return _shown(request, edits, preview(edits, now=timezone.now()), back=address("index"), notice=notice)
    except Invalid as error:
        messages.error(request, _("Nothing was changed. %(why)s") % {"why": error.message})
        return HttpResponseRedirect(address("index"))
    if done:
        messages.success(request, _("Changed. It holds on every process within two seconds."))
    else:
        messages.info(request, _("There was nothing to change."))
    return HttpResponseRedirect(address("index"))


def history(request: HttpRequest) -> HttpResponse:
    """Changes from wherever they came, the newest first; those before the entry `before`."""
    _ensure_sees(request)
    given = request.GET.get("before", "")
    before = int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else None
    found = routing_history.past(before=before, limit=CHANGES_A_PAGE + 1)
    shown = [
        {
            "past": one,
            "changes": changed(one.differences),
            "revert": "" if one.why_not else reverse("routing:revert", args=[one.change_id]),
        }
        for one in found[:CHANGES_A_PAGE]
        if one.differences or one.why_not
    ]
    older = address("history", before=found[CHANGES_A_PAGE - 1].last_id) if len(found) > CHANGES_A_PAGE else ""
    return _page(request, "history", _("History of the routing"), changes=shown, older=older)


def _shown(request: HttpRequest, edits: Edits, found: Preview, *, back: str, notice: str = "") -> HttpResponse:
    groups = found.groups[:_MOST_SHOWN]
    return _page(
        request,
        "preview",
        _("What would change"),
        preview=found,
        changes=changed(found.differences),
        edits=json.dumps(edits),
        groups=groups,
        more_groups=len(found.groups) - len(groups),
        more_keys=found.callers.keys - len(found.callers.key_names),
        more_teams=found.callers.teams - len(found.callers.team_names),
        back=back,
        notice=notice,
    )


def _ensure_sees(request: HttpRequest) -> None:
    if not admin.site._registry[Deployment].has_view_permission(request):
        raise PermissionDenied


def _ensure_changes(request: HttpRequest) -> None:
    _ensure_sees(request)
    if not may_change(request):
        raise PermissionDenied


def may_change(request: HttpRequest) -> bool:
    """As with `/config/update`: proxy admins, as far as they may change settings at all."""
    may = admin.site._registry[ConfigField].has_change_permission(request)
    return bool(may) and reach_of(request).is_admin


def _page(request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
    request.current_app = admin.site.name
    known = {
        **admin.site.each_context(request),
        "title": title,
        "may_change": may_change(request),
        "page_is": template,
        "index_page": address("index"),
        "history_page": address("history"),
    }
    return TemplateResponse(request, f"admin/proxy/routing/{template}.html", {**known, **context})


def urls() -> list[URLPattern]:
    return [
        path("", admin.site.admin_view(index), name="index"),
        path("edit/", admin.site.admin_view(edit), name="edit"),
        path("apply/", admin.site.admin_view(apply), name="apply"),
        path("history/", admin.site.admin_view(history), name="history"),
        path("revert/<uuid:change_id>/", admin.site.admin_view(revert), name="revert"),
    ]
