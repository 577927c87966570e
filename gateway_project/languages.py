"""Pages speak the language that somebody chose, else the browser's; whatever leaves the gateway is English."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers

# What a person opens in a browser.
_PAGES = ("/admin/", "/sso/", "/invitation/", "/alerts/acknowledge/")


def language_middleware(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def respond(request: HttpRequest) -> HttpResponseBase:
        is_page = request.path_info.startswith(_PAGES)
        language = translation.get_language_from_request(request) if is_page else settings.LANGUAGE_CODE
        with translation.override(language):
            response = get_response(request)
        if is_page:
            response.headers.setdefault("Content-Language", language)
            patch_vary_headers(response, ("Accept-Language",))
        return response

    return respond
