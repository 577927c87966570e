"""The secrets, and how to find them in a text however it writes them."""

import base64
import html
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus
from uuid import uuid4


@dataclass
class Canaries:
    """By name. They have no form by which a secret could be told from another word."""

    secrets: dict[str, str] = field(default_factory=dict)

    def plant(self, name: str, secret: str = "") -> str:
        """Remember a secret that was given, or a new one."""
        self.secrets[name] = secret or f"{name}-{uuid4().hex}"
        return self.secrets[name]

    def found_in(self, text: str, *, but: frozenset[str] = frozenset()) -> list[str]:
        plain = html.unescape(text)
        return [
            f"{name}, as {form!r}"
            for name, secret in self.secrets.items()
            if name not in but
            for form in _forms(secret)
            if form in text or form in plain
        ]


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    written = {secret, quote(secret, safe=""), quote_plus(secret), raw.hex(), raw.hex().upper()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # What stands before it moves it by up to two bytes; characters at the ends depend on the neighbours.
        for shift in range(3):
            written.add(encode(b"\0" * shift + raw)[4 if shift else 0 :].decode().rstrip("=")[:-2])
    return written
