"""From request headers to the principal behind the key, or a 401 that says what is wrong with it.

The order in which headers are asked, and every sentence, are LiteLLM's (api.md 1.4 and 3): clients match on them.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from teams.errors import AuthenticationError, ExpiredKey, UnknownKey
from teams.keys import KEY_PREFIX, hash_key, mask_foreign_key, mask_key
from teams.snapshot import Principal


class KnownKeys(Protocol):
    """What is asked of teams.snapshot.KeySnapshot."""

    admin: Principal

    def find(self, key_hash: str, *, now: datetime) -> Principal | None: ...


# The key itself stands in these; Authorization wants a scheme before it.
_BARE_HEADERS = ("HTTP_API_KEY", "HTTP_X_API_KEY", "HTTP_X_GOOG_API_KEY", "HTTP_OCP_APIM_SUBSCRIPTION_KEY")
_SCHEMES = ("bearer ", "basic ")


def identify(
    meta: Mapping[str, str], *, keys: KnownKeys, master_key: str, now: datetime, header: str = ""
) -> Principal:
    """The principal of the key in `meta` (a WSGI-style header mapping); `header` replaces the usual ones.

    Raises AuthenticationError or UnknownKey. Whether the key has expired is asked later, with `ensure_current`.
    """
    key = _extract_key(meta, header)
    if master_key and hmac.compare_digest(key.encode(), master_key.encode()):
        return keys.admin
    if not key.startswith(KEY_PREFIX):
        raise AuthenticationError(
            f"LiteLLM Virtual Key expected. Received={mask_foreign_key(key)}, expected to start with '{KEY_PREFIX}'."
        )
    if (principal := keys.find(hash_key(key), now=now)) is None:
        raise UnknownKey(
            f"Authentication Error, Invalid proxy server token passed. Received API Key = {mask_key(key)}, "
            f"Key Hash (Token) ={hash_key(key)}. Unable to find token in cache or `LiteLLM_VerificationTokenTable`"
        )
    ensure_not_blocked(principal)
    return principal


def _extract_key(meta: Mapping[str, str], header: str) -> str:
    if header:
        if key := meta.get(header, "").removeprefix("Bearer ").strip():
            return key
        raise AuthenticationError("Authentication Error, No api key passed in.")
    if litellm := meta.get("HTTP_X_LITELLM_API_KEY"):
        return litellm.removeprefix("Bearer ").strip()
    if authorization := meta.get("HTTP_AUTHORIZATION"):
        if not authorization.lower().startswith(_SCHEMES):
            raise AuthenticationError(
                "Authentication Error, Malformed API Key passed in. Ensure Key has `Bearer ` prefix."
            )
        if key := authorization.partition(" ")[2].strip():
            return key
    for usual in _BARE_HEADERS:
        if key := meta.get(usual, "").strip():
            return key
    raise AuthenticationError("Authentication Error, No api key passed in.")


def ensure_not_blocked(principal: Principal) -> None:
    """Raises AuthenticationError."""
    if principal.blocked:
        raise AuthenticationError("Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin.")


def ensure_team_not_blocked(principal: Principal) -> None:
    """Raises AuthenticationError."""
    if principal.team_blocked:
        raise AuthenticationError(
            f"Authentication Error, Team={principal.team_id} is blocked. Update via `/team/unblock` if you're an admin."
        )


def ensure_current(principal: Principal, *, now: datetime) -> None:
    """Raises ExpiredKey."""
    if principal.expires_at is not None and principal.expires_at <= now:
        raise ExpiredKey(
            f"Authentication Error - Expired Key. Key Expiry time {principal.expires_at} and current time {now}",
            param=principal.key_hash[:8] + "...",
        )
