"""A person who opens every link of every page that they are shown."""

import html
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from django.test import Client
from django.urls import Resolver404, resolve

HOME = "/admin/"
_LINK = re.compile(r"""(?<=\s)(?:href|src)=["']([^"']*)["']""")
_PLACE_IN_A_LIST = {"_changelist_filters", "o", "p", "first", "last"}
_MOST_ASKED = 2
_LEFT_OUT = ("/admin/logout/", "/static/", "/docs")
MOST = 2000


@dataclass
class Crawl:
    """`pages` are texts by address, `dead` addresses that answer neither with a page nor with the way to one.

    With `one_of_each`, one page of every kind is enough: of all keys one, of all filters one.
    """

    page: Client
    one_of_each: bool = False
    pages: dict[str, str] = field(default_factory=dict)
    dead: dict[str, tuple[int, str]] = field(default_factory=dict)

    def run(self, *starts: str) -> "Crawl":
        waiting = deque((start, "the start") for start in starts)
        seen = {self._kind(start) for start in starts}
        while waiting:
            address, source = waiting.popleft()
            answer = self.page.get(address)
            if answer.status_code == 302 and answer["Location"] != HOME:
                targets = [answer["Location"]]
            elif answer.status_code == 200:
                self.pages[address] = text_of(answer)
                targets = list(links(self.pages[address], address))
            else:
                self.dead[address] = (answer.status_code, source)
                continue
            for target in targets:
                if (kind := self._kind(target)) not in seen and not target.startswith(_LEFT_OUT):
                    seen.add(kind)
                    waiting.append((target, address))
            assert len(seen) < MOST, "the pages have no end"
        return self

    def _kind(self, address: str) -> tuple[str, tuple[str, ...]]:
        """Pages of one path that are asked for the same things are one."""
        found = urlsplit(address)
        asked = {name for name, _ in parse_qsl(found.query, keep_blank_values=True)} - _PLACE_IN_A_LIST
        try:
            match = resolve(found.path)
        except Resolver404:
            return found.path, ()
        if self.one_of_each:
            return match.view_name, ()
        return found.path, tuple(sorted(asked))[:_MOST_ASKED]

    def tells(self, *words: str) -> list[tuple[str, str]]:
        """Pages on which one of the words stands, and what stands around it."""
        return [(address, around(text, word)) for address, text in self.pages.items() for word in words if word in text]


def links(text: str, address: str) -> Iterator[str]:
    """Of this gateway's own pages."""
    for found in _LINK.findall(text):
        target = urlsplit(urljoin(f"http://testserver{address}", html.unescape(found)))
        if target.netloc == "testserver" and target.path.startswith("/admin/"):
            yield target.path + (f"?{target.query}" if target.query else "")


def text_of(answer: Any) -> str:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return str(body.decode())


def around(text: str, word: str) -> str:
    at = text.index(word)
    return text[max(0, at - 120) : at + 60]
