"""A person at the admin's pages of alerts, who presses the buttons that stand on them."""

import html
import json
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.functional.browser import Browser
from tests.gateway import Gateway


class Desk(Browser):
    def press(self, page: str, address: str, **fields: str) -> httpx.Response:
        """Send the form of a page that leads to an address; the answer is the page that follows."""
        form = re.search(rf'<form[^>]*action="{re.escape(address)}".*?</form>', self.open(page), re.DOTALL)
        assert form, f"{page} has no form that leads to {address}"
        (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', form.group())
        referer = {"Referer": str(self._client.base_url)}
        answer = self._client.post(address, data={"csrfmiddlewaretoken": token, **fields}, headers=referer)
        assert answer.status_code == 200, answer.text[:300]
        return answer

    def read(self, page: str) -> str:
        return plain(self.open(page))


def plain(text: str) -> str:
    without = re.sub(r"<(script|style).*?</\1>", " ", text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", without)))


@pytest.fixture
def desk(gateway: Gateway) -> Iterator[Desk]:
    password = json.loads((gateway.data / "secrets.json").read_text())["admin_password"]
    with Desk(gateway.url, username="admin", password=password) as browser:
        yield browser
