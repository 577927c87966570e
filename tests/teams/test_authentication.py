"""Who is calling: which header counts, and LiteLLM's sentence for every key that does not do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teams.authentication import ensure_current, ensure_team_not_blocked, identify
from teams.errors import ApiError, AuthenticationError
from teams.keys import hash_key
from teams.snapshot import Principal

NOW = datetime(2026, 11, 23, 9, 25, 20, tzinfo=UTC)
MASTER = "sk-master-0123456789"
KEY = "sk-0123456789abcdefDofA"
ADMIN = Principal(key_hash="litellm_proxy_master_key", user_id="default_user_id", role="proxy_admin")


class Keys:
    """One key with these facts, and the master key's admin."""

    admin = ADMIN

    def __init__(self, **facts: Any) -> None:
        self._principal = Principal(key_hash=hash_key(KEY), key_alias="ours", **facts)

    def find(self, key_hash: str, *, now: datetime) -> Principal | None:
        return self._principal if key_hash == self._principal.key_hash else None


def snapshot(**facts: Any) -> Keys:
    return Keys(**facts)


def who(master_key: str = MASTER, keys: Keys | None = None, header: str = "", **meta: Any) -> Principal:
    principal = identify(meta, keys=keys or snapshot(), master_key=master_key, now=NOW, header=header)
    ensure_current(principal, now=NOW)
    ensure_team_not_blocked(principal)
    return principal


def refusal(keys: Keys | None = None, **meta: Any) -> dict[str, Any]:
    with pytest.raises(AuthenticationError) as caught:
        who(keys=keys, **meta)
    envelope: dict[str, Any] = caught.value.envelope()["error"]
    return envelope


def told(message: str, *, type_: str = "auth_error", param: str = "None") -> dict[str, Any]:
    return {"message": message, "type": type_, "param": param, "code": "401"}


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Basic ", "basic ", "Bearer   "])
def test_authorization_takes_bearer_and_basic(scheme: str) -> None:
    assert who(HTTP_AUTHORIZATION=f"{scheme}{KEY}").key_alias == "ours"


@pytest.mark.parametrize("value", [KEY, f"Bearer {KEY}", f" {KEY} ", f"Bearer  {KEY} "])
def test_litellms_own_header_takes_the_key_with_or_without_bearer(value: str) -> None:
    assert who(HTTP_X_LITELLM_API_KEY=value).key_alias == "ours"


@pytest.mark.parametrize(
    "header", ["HTTP_API_KEY", "HTTP_X_API_KEY", "HTTP_X_GOOG_API_KEY", "HTTP_OCP_APIM_SUBSCRIPTION_KEY"]
)
def test_other_vendors_headers_take_the_bare_key(header: str) -> None:
    assert who(**dict[str, Any]({header: KEY})).key_alias == "ours"


ORDER = [
    "HTTP_X_LITELLM_API_KEY",
    "HTTP_AUTHORIZATION",
    "HTTP_API_KEY",
    "HTTP_X_API_KEY",
    "HTTP_X_GOOG_API_KEY",
    "HTTP_OCP_APIM_SUBSCRIPTION_KEY",
]


@pytest.mark.parametrize("position", range(len(ORDER) - 1))
def test_headers_are_asked_in_litellms_order(position: int) -> None:
    first, *later = ORDER[position:]
    bearer = "Bearer " if first == "HTTP_AUTHORIZATION" else ""
    meta = {first: bearer + KEY, **dict.fromkeys(later, f"Bearer {MASTER}")}

    assert who(**dict[str, Any](meta)).key_alias == "ours"


def test_an_empty_authorization_leaves_the_word_to_the_next_header() -> None:
    assert who(HTTP_AUTHORIZATION="Bearer ", HTTP_X_API_KEY=KEY).key_alias == "ours"


@pytest.mark.parametrize(
    "meta", [{}, {"HTTP_AUTHORIZATION": ""}, {"HTTP_AUTHORIZATION": "Bearer "}, {"HTTP_API_KEY": " "}]
)
def test_no_key(meta: dict[str, Any]) -> None:
    assert refusal(**meta) == told("Authentication Error, No api key passed in.")


@pytest.mark.parametrize("value", [KEY, "Token x", "Bearer", "Digest a=b", f"Bearer:{KEY}"])
def test_authorization_without_a_scheme_is_malformed(value: str) -> None:
    assert refusal(HTTP_AUTHORIZATION=value) == told(
        "Authentication Error, Malformed API Key passed in. Ensure Key has `Bearer ` prefix."
    )


@pytest.mark.parametrize(
    ("key", "shown"), [("nope-my-key", "nope****-key"), ("short", "****"), ("SK-0123456789", "SK-0****6789")]
)
def test_a_key_that_is_no_virtual_key(key: str, shown: str) -> None:
    assert refusal(HTTP_AUTHORIZATION=f"Bearer {key}") == told(
        f"LiteLLM Virtual Key expected. Received={shown}, expected to start with 'sk-'."
    )


def test_an_unknown_key() -> None:
    unknown = "sk-unknown-0123456789DofA"

    assert refusal(HTTP_AUTHORIZATION=f"Bearer {unknown}") == told(
        "Authentication Error, Invalid proxy server token passed. Received API Key = sk-...DofA, "
        f"Key Hash (Token) ={hash_key(unknown)}. Unable to find token in cache or `LiteLLM_VerificationTokenTable`",
        type_="token_not_found_in_db",
        param="key",
    )


def test_the_hash_of_a_key_is_no_key() -> None:
    assert refusal(HTTP_AUTHORIZATION=f"Bearer {hash_key(KEY)}")["type"] == "auth_error"


def test_a_blocked_key() -> None:
    assert refusal(snapshot(blocked=True), HTTP_API_KEY=KEY) == told(
        "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin."
    )


def test_a_key_of_a_blocked_team() -> None:
    assert refusal(snapshot(team_blocked=True, team_id="t1"), HTTP_API_KEY=KEY) == told(
        "Authentication Error, Team=t1 is blocked. Update via `/team/unblock` if you're an admin."
    )


def test_an_expired_key() -> None:
    expired = NOW - timedelta(seconds=1)
    found = refusal(snapshot(expires_at=expired), HTTP_API_KEY=KEY)

    assert found["message"] == (f"Authentication Error - Expired Key. Key Expiry time {expired} and current time {NOW}")
    assert (found["type"], found["code"]) == ("expired_key", "401")
    assert found["param"] not in ("", hash_key(KEY))


def test_a_key_works_until_the_moment_it_expires() -> None:
    assert who(keys=snapshot(expires_at=NOW + timedelta(microseconds=1)), HTTP_API_KEY=KEY).key_alias == "ours"
    assert refusal(snapshot(expires_at=NOW), HTTP_API_KEY=KEY)["type"] == "expired_key"


def test_the_master_key_is_the_admin_whose_hash_is_never_a_label() -> None:
    found = who(HTTP_AUTHORIZATION=f"Bearer {MASTER}")

    assert found == ADMIN
    assert found.is_admin


def test_without_a_master_key_nobody_is_the_admin() -> None:
    with pytest.raises(AuthenticationError):
        who(master_key="", HTTP_X_LITELLM_API_KEY=" ")


def test_a_master_key_may_be_any_text() -> None:
    assert who(master_key="pässword", HTTP_API_KEY="pässword") == ADMIN


@given(st.dictionaries(st.sampled_from(ORDER), st.text(st.characters(max_codepoint=255)), max_size=4))
@settings(deadline=None, max_examples=200)
def test_no_header_does_anything_but_be_refused(meta: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        who(**meta)
    assert caught.value.status_code == 401
