"""Virtual keys as text: made, hashed and masked. Pure; the random part is passed in.

The format is LiteLLM's (`sk-...`, stored as SHA-256 hex), so that its keys can be imported and keep working, and
so that the hash can serve as the metric label `hashed_api_key` its dashboards know.
"""

import hashlib
from collections.abc import Callable

KEY_PREFIX = "sk-"
# Stands where a hash would, in what the demo makes. No hash begins like this, so no key can ever have it: rows under it
# are the demo's, and the only ones of the ledger and the audit trail that the database lets go before their time.
DEMO_PREFIX = "demo."


def new_key(*, token: Callable[[int], str]) -> str:
    """A fresh key. `token(n)` gives a URL-safe text of n random bytes (`secrets.token_urlsafe` at the edge)."""
    return KEY_PREFIX + token(24)


def hash_key(key: str) -> str:
    """SHA-256 hex, 64 characters."""
    return hashlib.sha256(key.encode()).hexdigest()


def mask_key(key: str) -> str:
    """`sk-...` and the last four characters: the name of a key in lists, logs and alerts."""
    return f"{KEY_PREFIX}...{key[-4:]}" if len(key) > len(KEY_PREFIX) + 4 else "****"


def mask_foreign_key(key: str) -> str:
    """First and last four characters of something that is not a virtual key; short ones vanish whole."""
    return f"{key[:4]}****{key[-4:]}" if len(key) > 8 else "****"
