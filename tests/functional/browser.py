"""Just enough of a browser to fill in the admin's forms over HTTP."""

from html.parser import HTMLParser
from types import TracebackType
from typing import Any, Self

import httpx


class Form(HTMLParser):
    """What a browser would send of a page's largest form, as it stands; forms that choose a language are none of it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._forms: list[dict[str, str]] = [{}]
        self._select = ""
        self._textarea = ""
        self.feed(page)

    @property
    def fields(self) -> dict[str, str]:
        return max((form for form in self._forms if "language" not in form), key=len)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        fields = self._forms[-1]
        if tag == "form":
            self._forms.append({})
        elif tag == "select":
            self._select = found.get("name", "")
        elif tag == "option" and self._select and "selected" in found:
            fields[self._select] = found.get("value", "")
        elif tag == "textarea":
            self._textarea = found.get("name", "")
            fields[self._textarea] = ""
        elif tag == "input" and _is_sent(found):
            fields[found.get("name", "")] = found.get("value", "on" if found.get("type") == "checkbox" else "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._forms.append({})
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self._forms[-1][self._textarea] += data


def _is_sent(field: dict[str, str]) -> bool:
    kind = field.get("type")
    return kind not in ("submit", "button", "file") and (kind not in ("checkbox", "radio") or "checked" in field)


class Browser:
    """A session at the admin's pages. A context manager."""

    def __init__(self, url: str, *, username: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, follow_redirects=True, timeout=20, trust_env=False)
        answer = self._post("/admin/login/", {"username": username, "password": password, "next": "/admin/"})
        assert "/login/" not in str(answer.url), "the login was refused"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def open(self, path: str) -> str:
        answer = self._client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer.text

    def submit(self, path: str, **fields: Any) -> httpx.Response:
        """Send the page's form with these fields changed; the answer is the page that follows."""
        answer = self._post(path, fields)
        assert "errorlist" not in answer.text, answer.text[answer.text.index("errorlist") :][:400]
        return answer

    def send(self, path: str, page: str) -> httpx.Response:
        """Send the form of a page that is open already, as it stands."""
        return self._send(path, Form(page).fields)

    def _post(self, path: str, fields: dict[str, Any]) -> httpx.Response:
        return self._send(path, {**Form(self.open(path)).fields, **fields})

    def _send(self, path: str, fields: dict[str, Any]) -> httpx.Response:
        answer = self._client.post(path, data=fields, headers={"Referer": str(self._client.base_url)})
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer
