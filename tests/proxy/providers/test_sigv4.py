"""Signatures as AWS computes them: its own published suite, and a request in the shape of Bedrock's."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone

import pytest

from proxy.providers.sigv4 import Credentials, host, sign

# The suite of "Signature Version 4 test suite" (AWS General Reference), names and signatures.
AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
TOKEN = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def signed(
    path: str = "/",
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    content: bytes = b"",
    credentials: Credentials = KEYS,
    at: datetime = AT,
) -> dict[str, str]:
    return sign(
        credentials,
        method=method,
        url=f"https://example.amazonaws.com{path}",
        headers=headers or {},
        content=content,
        region="us-east-1",
        service="service",
        now=at,
    )


@pytest.mark.parametrize(
    ("name", "method", "path", "headers", "content", "signature"),
    [
        ("get-vanilla", "GET", "/", {}, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", {}, b"",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "get-vanilla-utf8-query", "GET", "/?\u1234=bar", {}, b"",
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        ),
        ("get-utf8", "GET", "/\u1234", {}, b"", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        (
            "get-space", "GET", "/example space/", {}, b"",
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
        ),
        (
            "get-header-value-trim", "GET", "/", {"My-Header1": " value1", "My-Header2": ' "a   b   c"'}, b"",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        ("post-vanilla", "POST", "/", {}, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "post-vanilla-query", "POST", "/?Param1=value1", {}, b"",
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        ),
        (
            "post-x-www-form-urlencoded", "POST", "/", FORM, b"Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
)  # fmt: skip
def test_published_signatures_are_met(
    name: str, method: str, path: str, headers: dict[str, str], content: bytes, signature: str
) -> None:
    authorization = signed(path, method=method, headers=headers, content=content)["Authorization"]

    assert authorization.endswith(f"Signature={signature}"), name


def test_a_session_token_is_sent_and_signed() -> None:
    headers = signed(credentials=Credentials(KEYS.access_key_id, KEYS.secret_access_key, TOKEN))

    assert headers["X-Amz-Security-Token"] == TOKEN
    assert headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date;x-amz-security-token, "
        "Signature=07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"
    )


def test_the_time_is_told_in_utc_wherever_the_clock_stands() -> None:
    tokyo = AT.astimezone(timezone(timedelta(hours=9)))

    assert signed(at=tokyo) == signed(at=AT)


def test_what_is_encoded_in_the_path_is_encoded_once_more() -> None:
    canonical = "\n".join(
        (
            "POST",
            "/model/us.anthropic.claude-v1%253A0/converse",
            "",
            "content-type:application/json",
            "host:example.amazonaws.com",
            "x-amz-date:20150830T123600Z",
            "",
            "content-type;host;x-amz-date",
            hashlib.sha256(b"{}").hexdigest(),
        )
    )
    scope = "20150830/us-east-1/service/aws4_request"
    text = f"AWS4-HMAC-SHA256\n20150830T123600Z\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + KEYS.secret_access_key.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")

    headers = signed(
        "/model/us.anthropic.claude-v1%3A0/converse",
        method="POST",
        headers={"Content-Type": "application/json"},
        content=b"{}",
    )

    assert headers["Authorization"].endswith(hmac.digest(key, text.encode(), "sha256").hex())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://bedrock-runtime.us-east-1.amazonaws.com/model", "bedrock-runtime.us-east-1.amazonaws.com"),
        ("https://h:443/", "h"),
        ("http://127.0.0.1:8080/x", "127.0.0.1:8080"),
        ("http://h:80", "h"),
        ("https://user:secret@h:8443/", "h:8443"),
        ("http://[::1]:9/", "[::1]:9"),
    ],
)
def test_the_host_is_signed_as_a_client_sends_it(url: str, expected: str) -> None:
    assert host(url) == expected


def test_secrets_do_not_show_in_a_traceback() -> None:
    shown = repr(Credentials("AKID", "the-secret", "the-token"))

    assert "the-secret" not in shown
    assert "the-token" not in shown
