"""Buttons that do something to a row, and ask before they do it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant

from teams.admin.page import Page
from teams.admin.texts import Text, said
from teams.errors import ManagementError

MOST_AT_ONCE = 500
_SHOWN = 20


@dataclass(frozen=True)
class Done:
    """What a verb did, as a sentence; `secret` is shown this once and kept nowhere."""

    sentence: Text
    secret: str = ""


@dataclass(frozen=True, kw_only=True)
class Verb:
    """`may` says whether a person may do it to a row, `fits` whether it makes sense for the row as it is.

    What is `slow` runs outside of a transaction, in which others would wait for it.
    """

    name: str
    title: Text
    question: Text
    icon: str
    may: Callable[[HttpRequest, Any], bool]
    do: Callable[[HttpRequest, Any, dict[str, Any]], Done]
    fits: Callable[[Any], bool] = lambda __: True
    form: type[forms.Form] = forms.Form
    danger: bool = False
    for_many: bool = False
    slow: bool = False


class VerbPage(Page):
    """A page with buttons. Each is a page of its own, which asks with GET and acts with POST."""

    verbs: Sequence[Verb] = ()
    actions: Sequence[Any] = ()

    def __init__(self, model: type[Model], site: admin.AdminSite) -> None:
        super().__init__(model, site)
        for verb in self.verbs:
            setattr(self, verb.name, self._button(verb))
        self.actions_detail = [verb.name for verb in self.verbs]
        self.actions = [*self.actions, *(self._for_many(verb) for verb in self.verbs if verb.for_many)]

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        row = self.get_object(request, unquote(str(object_id)))
        found = {f"{self.opts.app_label}_{self.opts.model_name}_{verb.name}": verb for verb in self.verbs}
        return [
            action
            for action in self._get_base_actions_detail()
            if row is not None and (verb := found[action.action_name]).may(request, row) and verb.fits(row)
        ]

    def may_any(self, request: HttpRequest, verb: Verb) -> bool:
        """Whether the verb stands among the actions of the list."""
        return bool(self.has_change_permission(request))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        hidden = {f"{verb.name}_selected" for verb in self.verbs if verb.for_many and not self.may_any(request, verb)}
        return {name: action for name, action in super().get_actions(request).items() if name not in hidden}

    def _button(self, verb: Verb) -> Callable[..., HttpResponseBase]:
        ask_or_do = self._ask_or_do if verb.slow else transaction.atomic(self._ask_or_do)

        def button(request: HttpRequest, object_id: str) -> HttpResponseBase:
            return ask_or_do(request, object_id, verb)

        button.__name__ = verb.name
        button.short_description = verb.title  # type: ignore[attr-defined]
        button.icon = verb.icon  # type: ignore[attr-defined]
        button.variant = ActionVariant.DANGER if verb.danger else ActionVariant.DEFAULT  # type: ignore[attr-defined]
        button.attrs = {}  # type: ignore[attr-defined]
        return button

    def _ask_or_do(self, request: HttpRequest, object_id: str, verb: Verb) -> HttpResponseBase:
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        if not verb.may(request, row):
            raise PermissionDenied
        here = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[quote(row.pk)])
        if not verb.fits(row):
            self.message_user(
                request,
                _("%(verb)s no longer applies to %(row)s.") % {"verb": verb.title, "row": row},
                messages.WARNING,
            )
            return HttpResponseRedirect(here)
        form = verb.form(request.POST if request.method == "POST" else None)
        if request.method != "POST" or not form.is_valid():
            asked = _asked(verb, [row])
            return self._page(request, "confirm", verb.title, verb=verb, asked=asked, form=form, original=row)
        try:
            done = self.act(request, verb, row, form.cleaned_data)
        except ManagementError as error:
            self.message_user(request, error.message, messages.ERROR)
            return HttpResponseRedirect(here)
        if done.secret:
            return self.secret_page(request, row, done)
        self.message_user(request, done.sentence, messages.SUCCESS)
        return HttpResponseRedirect(here)

    def act(self, request: HttpRequest, verb: Verb, row: Any, given: dict[str, Any]) -> Done:
        done = verb.do(request, row, given)
        with translation.override("en"):
            self.log_change(request, row, str(done.sentence))
        return done

    def secret_page(self, request: HttpRequest, row: Any, done: Done) -> HttpResponse:
        """The one answer that holds a secret; it is no message, since messages are kept until they are read."""
        return self._page(request, "shown_once", done.sentence, secret=done.secret, original=row)

    def _for_many(self, verb: Verb) -> Callable[..., HttpResponseBase | None]:
        def selected(page: "VerbPage", request: HttpRequest, rows: "QuerySet[Any]") -> HttpResponseBase | None:
            return page._ask_or_do_many(request, rows, verb)

        selected.__name__ = f"{verb.name}_selected"
        selected.short_description = said(gettext_lazy("%(verb)s selected"), verb=verb.title)  # type: ignore[attr-defined]
        return selected

    @transaction.atomic
    def _ask_or_do_many(self, request: HttpRequest, rows: "QuerySet[Any]", verb: Verb) -> HttpResponseBase | None:
        ids = list(rows.order_by("pk").values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
        if len(ids) > MOST_AT_ONCE:
            self.message_user(
                request, _("Select at most %(most)d at a time.") % {"most": MOST_AT_ONCE}, messages.WARNING
            )
            return None
        # In one order, so that two people who change the same rows wait for each other, not in a circle.
        locked = self.get_queryset(request).filter(pk__in=ids).order_by("pk").select_for_update(of=("self",))
        fitting = [row for row in locked if verb.fits(row)]
        if not all(verb.may(request, row) for row in fitting):
            raise PermissionDenied
        if not fitting:
            self.message_user(request, _("Nothing to do: none of the selected is in a state for it."), messages.WARNING)
            return None
        if "post" not in request.POST:
            facts = {"verb": verb.title, "number": len(fitting), "rows": self.opts.verbose_name_plural}
            return self._page(
                request, "confirm", _("%(verb)s %(number)d %(rows)s") % facts, verb=verb,
                asked=_asked(verb, fitting), ids=ids, form=verb.form(),
                checkbox=helpers.ACTION_CHECKBOX_NAME, action=f"{verb.name}_selected",
            )  # fmt: skip
        for row in fitting:
            self.act(request, verb, row, {})
        self.message_user(
            request, _("%(verb)s: %(number)d done.") % {"verb": verb.title, "number": len(fitting)}, messages.SUCCESS
        )
        return None

    def _page(self, request: HttpRequest, template: str, title: Text, **context: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        known = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **context}
        return TemplateResponse(request, f"admin/teams/{template}.html", known)


def _asked(verb: Verb, rows: Sequence[Any]) -> str:
    facts = {"verb": verb.title, "rows": ", ".join(f"“{row}”" for row in rows[:_SHOWN]), "more": len(rows) - _SHOWN}
    return (_("%(verb)s %(rows)s and %(more)d more?") if len(rows) > _SHOWN else _("%(verb)s %(rows)s?")) % facts


def block_verbs(may: Callable[[HttpRequest, Any], bool], *, consequence: Text) -> tuple[Verb, Verb]:
    """For rows with a column `blocked`."""

    def set_to(blocked: bool) -> Callable[[HttpRequest, Any, dict[str, Any]], Done]:
        def do(request: HttpRequest, row: Any, __: dict[str, Any]) -> Done:
            row.blocked = blocked
            row.save(update_fields=["blocked", "updated_at", "updated_by"])
            sentence = gettext_lazy("%(row)s is blocked.") if blocked else gettext_lazy("%(row)s is no longer blocked.")
            return Done(said(sentence, row=row))

        return do

    return (
        Verb(name="block", title=gettext_lazy("Block"), question=consequence, icon="block", danger=True, for_many=True,
             may=may, do=set_to(True), fits=lambda row: not row.blocked),
        Verb(name="unblock", title=gettext_lazy("Unblock"), icon="lock_open", for_many=True,
             question=gettext_lazy("It works again from the next request on."), may=may,
             do=set_to(False), fits=lambda row: row.blocked),
    )  # fmt: skip
