"""Values that LiteLLM encrypted, opened with its salt key.

Two formats (litellm/proxy/common_utils/encrypt_decrypt_utils.py): base64 of a NaCl secret box under the SHA-256 of
the key; and since 2026 `v2:gcm:` or `v3:gcm:` and base64 of nonce and AES-256-GCM, under the SHA-256 of the key (v2) or
what HKDF-SHA256 makes of it (v3).
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway_project.litellm_import.source import without_nul

_V2, _V3 = "v2:gcm:", "v3:gcm:"
_HKDF_INFO = b"litellm-at-rest-v3"
_NONCE_BYTES = 12
# A nonce and a tag of NaCl are 40 bytes.
_BOXED = re.compile(r"(?=.{56})[A-Za-z0-9_+/-]+={0,2}")


class Cipher:
    """`keys` are tried in turn."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key for key in keys if key]
        self.lacks_nacl = False

    def open_all(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The values in clear, and the names of those that stay closed. Only texts are ever encrypted."""
        opened: dict[str, Any] = {}
        closed = []
        for name, value in values.items():
            clear = self.open(value) if isinstance(value, str) and is_encrypted(value) else value
            if clear is None and value is not None:
                closed.append(name)
            else:
                opened[name] = without_nul(clear)
        return opened, closed

    def open(self, text: str) -> str | None:
        """None when no key fits."""
        for key in self._keys:
            if (clear := self._open(text, key)) is not None:
                return clear
        return None

    def _open(self, text: str, key: str) -> str | None:
        digest = hashlib.sha256(key.encode()).digest()
        try:
            if text.startswith(_V3):
                clear = _open_gcm(text.removeprefix(_V3), HKDF(SHA256(), 32, None, _HKDF_INFO).derive(key.encode()))
            elif text.startswith(_V2):
                clear = _open_gcm(text.removeprefix(_V2), digest)
            elif find_spec("nacl") is None:
                self.lacks_nacl = True
                return None
            else:
                clear = _open_box(text, digest)
            return clear.decode()
        except (ValueError, InvalidTag):
            return None


def is_encrypted(text: str) -> bool:
    """Whether it has the form of it; LiteLLM too takes anything else as it is."""
    return text.startswith((_V2, _V3)) or (_BOXED.fullmatch(text) is not None and len(text) % 4 == 0)


def _open_gcm(text: str, key: bytes) -> bytes:
    raw = base64.urlsafe_b64decode(text)
    return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None)


def _open_box(text: str, key: bytes) -> bytes:
    # An optional dependency: most installations import once or never.
    from nacl.exceptions import CryptoError  # noqa: PLC0415
    from nacl.secret import SecretBox  # noqa: PLC0415

    decode = partial(base64.b64decode, altchars=b"-_") if set(text) & set("-_") else base64.b64decode
    try:
        return SecretBox(key).decrypt(decode(text))
    except CryptoError as error:
        raise ValueError("another key") from error
