"""Every page of the admin that links lead to, and every route of the API that only answers."""

import re
from collections import Counter, deque
from collections.abc import Iterator
from html import unescape
from urllib.parse import urldefrag, urljoin

import httpx

from tests.functional.browser import Browser

# Of pages that differ by the row they show, and of a page with filters set or an order chosen.
MOST_ROWS, MOST_QUESTIONS = 2, 3
_NUMBER = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32,64}|\d+")
# These hold a secret each.
_EACH = re.compile(r"/(alertchannel|deployment)/[^/]+/change/$")
_LEFT_ALONE = re.compile(r"/(logout|jsi18n|static|delete)/|\.(css|js|svg|woff2)$|^/docs|_changelist_filters=")


class Crawler(Browser):
    def post(self, path: str, **fields: str) -> str:
        """The page that follows, whatever it says."""
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', self._client.get(path).text)[0]
        data = {"csrfmiddlewaretoken": token, **fields}
        return self._client.post(path, data=data, headers={"Referer": str(self._client.base_url)}).text

    def any(self, path: str) -> str:
        """Head and body, whatever its status is."""
        return _whole(self._client.get(path))

    def pages(self, start: str) -> Iterator[tuple[str, str]]:
        """Address, and head with body, of what is reached from a page; a few of each kind."""
        waiting, known, kinds = deque([start]), {start}, Counter[str]()
        while waiting:
            address = waiting.popleft()
            kind, most = _kind(address)
            kinds[kind] += 1
            if kinds[kind] > most:
                continue
            answer = self._client.get(address)
            assert answer.status_code in {200, 403, 405}, f"{address}: {answer.status_code} {answer.text[-300:]}"
            yield address, _whole(answer)
            for link in self._links(answer):
                # Filters of a page that has a filter are its own once more.
                if link not in known and not ("?" in link and "?" in address):
                    known.add(link)
                    waiting.append(link)

    def _links(self, page: httpx.Response) -> Iterator[str]:
        origin = str(self._client.base_url).rstrip("/")
        for link in re.findall(r'href="([^"#]+)"', page.text):
            found = urldefrag(urljoin(str(page.url), unescape(link))).url
            if found.startswith(f"{origin}/") and not _LEFT_ALONE.search(found.removeprefix(origin)):
                yield found.removeprefix(origin)


def api_answers(client: httpx.Client, values: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Of every GET route, with these values for parameters of these names."""
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        if "get" not in methods:
            continue
        names = {one["name"] for one in methods["get"].get("parameters", ())}
        address = re.sub(r"{(\w+)}", lambda match: values.get(match[1], "none"), path)
        for query in ({}, {name: values[name] for name in names & values.keys()}):
            answer = client.get(address, params=query)
            assert answer.status_code < 500 or path.startswith("/health"), f"{address}: {answer.text}"
            yield f"{address} {query}", _whole(answer)


def _kind(address: str) -> tuple[str, int]:
    """What pages have in common that differ by their row alone, and how many of them are enough."""
    path, _, question = address.partition("?")
    if _EACH.search(path):
        return address, 1
    return _NUMBER.sub("*", path) + ("?" if question else ""), MOST_QUESTIONS if question else MOST_ROWS


def _whole(answer: httpx.Response) -> str:
    own = {name: value for name, value in answer.headers.items() if name not in {"set-cookie", "location"}}
    return f"{answer.headers.get('location', '')}\n{own}\n{answer.text}"
