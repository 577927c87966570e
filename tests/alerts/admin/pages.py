"""What tests of the pages do with one."""

import html
import re
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse


def url(model: str, view: str, *arguments: object, **query: object) -> str:
    return reverse(f"admin:alerts_{model}_{view}", args=arguments, query=query or None)


def text_of(page: Client, address: str) -> str:
    """What a reader sees of a page, in one line."""
    response = page.get(address)
    assert response.status_code == 200, address
    return plain(response)


def plain(response: Any) -> str:
    main = response.content.decode().partition('id="content')[2]
    without = re.sub(r"<(script|style).*?</\1>", " ", main, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", without)))


def said(response: Any) -> str:
    """The messages on the page that follows."""
    return " ".join(str(one) for one in response.context["messages"])


def queries(page: Client, address: str) -> int:
    page.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert page.get(address).status_code == 200
    return len(captured)


def form_of(response: Any) -> dict[str, Any]:
    """What a browser would send back, if nothing were changed."""
    sent: dict[str, Any] = {}
    for bound in response.context["adminform"].form:
        value = bound.value()
        if hasattr(bound.field.widget, "widgets"):
            sent |= {f"{bound.html_name}_{n}": part for n, part in enumerate(bound.field.widget.decompress(value))}
        elif value is not None and value is not False:
            sent[bound.html_name] = "on" if value is True else value if isinstance(value, list) else str(value)
    return sent
