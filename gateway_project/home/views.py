"""Putting the home's checklist away, and taking it out again: each person for themselves."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from gateway_project.models import ChecklistDismissal


@require_POST
def put_checklist(request: HttpRequest) -> HttpResponse:
    """`away` in the form: it is shown no more; without it: it is shown again."""
    if request.POST.get("away"):
        ChecklistDismissal.objects.get_or_create(user_id=request.user.pk)
    else:
        ChecklistDismissal.objects.filter(user=request.user.pk).delete()
    return HttpResponseRedirect(reverse("admin:index"))


def urls() -> list[URLPattern]:
    return [path("admin/checklist/", admin.site.admin_view(put_checklist), name="home-checklist")]
