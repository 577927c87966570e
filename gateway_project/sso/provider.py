"""The provider of identities: where to send a person, and who came back. Authlib does the protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.django_client import OAuth
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from joserfc.errors import JoseError

from gateway_project.sso.configuration import Sso

TIMEOUT_SECONDS = 10
_LEEWAY_SECONDS = 60
# Keys of the provider are public: no token is valid by a shared secret, or by none.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class SignInFailed(Exception):
    """`reason` is for the log and names no person, `told` for the person."""

    def __init__(self, reason: str, told: "str | Promise") -> None:
        super().__init__(reason)
        self.reason, self.told = reason, str(told)


@dataclass(frozen=True, slots=True)
class Identity:
    """What the provider has signed, with what it adds at its userinfo endpoint."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]


def send_to_provider(request: HttpRequest, sso: Sso, *, callback_url: str) -> HttpResponseBase:
    """Raises SignInFailed when the provider does not answer."""
    try:
        response: HttpResponseBase = _client(sso).authorize_redirect(request, callback_url)
    except (requests.RequestException, AuthlibBaseError, ValueError, RuntimeError, KeyError) as error:
        raise _away(error) from error
    return response


def who_came_back(request: HttpRequest, sso: Sso) -> Identity:
    """Checks state, nonce, signature, issuer, audience and time. Raises SignInFailed."""
    client = _client(sso)
    try:
        metadata = client.load_server_metadata()
        issuer = metadata["issuer"]
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [one for one in offered if one in _ALGORITHMS]
        wanted = {
            "iss": {"essential": True, "values": [issuer]},
            "aud": {"essential": True, "values": [sso.client_id]},
        }
        token = client.authorize_access_token(request, claims_options=wanted, leeway=_LEEWAY_SECONDS)
        signed = token.get("userinfo")
        if not signed:
            raise SignInFailed("the provider sent no id_token", _NOT_VALID)
        more = client.userinfo(token=token) if metadata.get("userinfo_endpoint") else {}
    except (requests.RequestException, KeyError) as error:
        raise _away(error) from error
    except (AuthlibBaseError, JoseError, ValueError, RuntimeError) as error:
        raise SignInFailed(_words(error), _NOT_VALID) from error
    if more and more.get("sub") != signed["sub"]:
        raise SignInFailed("userinfo is about somebody else than the id_token", _NOT_VALID)
    return Identity(issuer=issuer, subject=str(signed["sub"]), claims={**signed, **more})


_NOT_VALID = _("The sign-in was cancelled, took too long, or is not valid. Try again.")


def _words(error: Exception) -> str:
    """Which check failed, without what the other side says about it."""
    what = getattr(error, "claim", "") or getattr(error, "error", "")
    return f"{type(error).__name__}: {what}"[:200]


def _away(error: Exception) -> SignInFailed:
    return SignInFailed(
        f"the provider cannot be asked: {type(error).__name__}",
        _("The identity provider does not answer. Try again later."),
    )


@lru_cache(maxsize=4)
def _client(sso: Sso) -> Any:
    """One a configuration, which keeps what discovery said."""
    return OAuth().register(
        name="sso",
        client_id=sso.client_id,
        client_secret=sso.client_secret,
        server_metadata_url=sso.discovery_url,
        client_kwargs={
            "scope": sso.scope,
            "code_challenge_method": "S256",
            "default_timeout": TIMEOUT_SECONDS,
        },
    )
