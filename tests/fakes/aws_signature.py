"""Whether a request was signed as AWS demands: worked out again from what came over the wire."""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta

from tests.fakes.server import Received

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/")
_LATE = timedelta(minutes=5)


class Refused(Exception):
    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def check_signature(
    received: Received, *, access_key_id: str, secret: str, token: str, region: str, service: str
) -> None:
    """Raises Refused, with the exception's name that AWS gives it."""
    given = _AUTHORIZATION.fullmatch(received.headers.get("authorization", ""))
    moment = received.headers.get("x-amz-date", "")
    if given is None or not moment:
        raise Refused("MissingAuthenticationTokenException", "Missing Authentication Token")
    key_id, date, in_region, for_service, names, signature = given.groups()
    if key_id != access_key_id or received.headers.get("x-amz-security-token", "") != token:
        raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
    scope = f"{date}/{region}/{service}/aws4_request"
    if (in_region, for_service) != (region, service) or not moment.startswith(date):
        raise Refused("InvalidSignatureException", f"Credential should be scoped to {scope}.")
    sent_at = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if abs(datetime.now(UTC) - sent_at) > _LATE:
        raise Refused("InvalidSignatureException", f"Signature expired: {moment}")
    signed = names.split(";")
    if "host" not in signed or "x-amz-date" not in signed or (token and "x-amz-security-token" not in signed):
        raise Refused("InvalidSignatureException", "The signed headers are not those that must be.")
    canonical = _canonical(received, signed)
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature):
        told = "The request signature we calculated does not match the signature you provided."
        raise Refused("InvalidSignatureException", f"{told}\n\nThe Canonical String should have been\n'{canonical}'")


def _canonical(received: Received, signed: list[str]) -> str:
    path = "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in received.path.encode())
    headers = "".join(f"{name}:{received.headers.get(name, '').strip()}\n" for name in signed)
    body = hashlib.sha256(received.body).hexdigest()
    return f"{received.method}\n{path}\n\n{headers}\n{';'.join(signed)}\n{body}"
