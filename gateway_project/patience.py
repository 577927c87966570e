"""Pages and management calls wait for the database for as long as somebody looks at them, and no longer."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from alerts.patience import give_up_after

PAGE_SECONDS = 30.0


def patience_middleware(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def respond(request: HttpRequest) -> HttpResponseBase:
        give_up_after(PAGE_SECONDS)
        return get_response(request)

    return respond
